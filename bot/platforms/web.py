"""The chat page as a messenger: a reply is an entry in the conversation's own log, which the page follows."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

from bot.inbox import Log
from bot.message import Command, File, Image, Message, Outcome, Reply, Role, Text
from bot.platforms import Delivery, Pace, Wire
from bot.store import Store

KIND = "web"
ACCOUNT = "chat"
MOST_ENTRIES = 200


class WebPage:
    """The surface behind /chat and the mini-program. `keep` is how many seconds a silent conversation's log is kept."""

    paces: tuple[Pace, ...] = ()

    def __init__(self, store: Store, *, keep: int) -> None:
        self._store = store
        self._keep = keep

    def render(self, reply: Reply, message: Message) -> tuple[Wire, ...]:
        """One event: a reply, or a notice beside the conversation."""
        if reply.outcome is Outcome.NONE:
            return ()
        if reply.outcome is Outcome.NOTICE_WAIT:
            return (Wire("notice", {"text": reply.text}),)
        said = said_of(reply) | {"number": reply.number}
        return (Wire("reply", said),)

    async def send(self, delivery: Delivery) -> None:
        """Append to the log, once per key however often it is tried."""
        data = delivery.wire.body | {"key": delivery.key}
        if delivery.wire.call == "reply":
            # An item's key is its turn's id, a lease and a number; the growing text went by the same id.
            data |= {"turn": delivery.key.rsplit("/", 2)[0], "time": round(time.time(), 3)}
        await self._store.run(
            "web_log",
            delivery.key,
            entry(delivery.wire.call, data),
            self._keep,
            MOST_ENTRIES,
            self._store.key("feed"),
            delivery.conversation,
            keys=(log_key(self._store, delivery.conversation),),
        )

    def log_of(self, message: Message, client_id: str) -> Log:
        """The person's own message as the page shows it again after a reload."""
        said = {"id": client_id, "text": message.text, "time": message.time}
        return Log(log_key(self._store, message.conversation), entry("message", said), self._keep, MOST_ENTRIES)


def message_of(
    *, conversation: str, client_id: str, text: str, command: Command | None, role: Role, now: float
) -> Message:
    """What the page posted, as a message."""
    parts = (*((Text(text),) if text else ()), *((command,) if command else ()))
    return Message(
        id=f"{conversation}/{client_id}",
        platform=KIND,
        account=ACCOUNT,
        conversation=conversation,
        sender=conversation.rpartition("/")[2],
        parts=parts,
        time=now,
        role=role,
    )


def said_of(reply: Reply) -> dict[str, Any]:
    """A reply in the page's words: `Said` of openapi.yaml."""
    return {
        "outcome": reply.outcome.value,
        "parts": [asdict(part) for part in reply.parts if not isinstance(part, File | Image)],
        "sources": [asdict(source) for source in reply.sources],
        "suggestions": [
            {"label": s.label, "command": {"name": s.command.name, "argument": s.command.argument}}
            for s in reply.suggestions
        ],
        "label": reply.label,
    }


def log_key(store: Store, conversation: str) -> str:
    return store.key("web", conversation)


def entry(event: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"event": event, "data": data}, ensure_ascii=False, separators=(",", ":")).encode()
