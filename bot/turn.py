"""One turn: who answers, what they answer, and how the answer leaves."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from bot import records
from bot.inbox import Work
from bot.message import Message, Reply
from bot.outbox import Item
from bot.people import Employee, person_of
from bot.platforms import Surface
from bot.router import Router, Turn

Surfaces = Mapping[tuple[str, str], Surface]
"""Every account by (kind, account)."""

REPLY_SECONDS = 24 * 3600
"""A reply that could not leave for a day is no answer any more."""


def turn_of(work: Work, employee: Employee, now: float, write: Callable[[str], Awaitable[None]]) -> Turn:
    """The turn that answers these messages. Its id is the first message's, so that it is the same on a retry."""
    first, last = work.messages[0], work.messages[-1]
    return Turn(first.id, work.messages, work.conversation, person_of(last), employee, now, write)


async def take_turn(router: Router, turn: Turn) -> Reply:
    """Route, handle, and give the reply its number."""
    reply = await router.route(turn).handler(turn)
    return replace(reply, number=number_of(turn.id))


def number_of(turn_id: str) -> str:
    """Four letters and digits that make this reply unlike any other with the same words, and equal on every retry."""
    return _letters(turn_id, 4)


def failure_id(turn_id: str) -> str:
    """The number of its apology and eight more, so that no two failures of a month share one."""
    return _letters(turn_id, 12)


def _letters(turn_id: str, count: int) -> str:
    return base64.b32encode(hashlib.sha256(turn_id.encode()).digest())[:count].decode()


def effects(
    surfaces: Surfaces, message: Message, reply: Reply, *, key: str, epoch: int | None, now: float
) -> list[bytes]:
    """The reply as outbox items, one send call each, addressed to the sender of `message`."""
    surface = surfaces[message.platform, message.account]
    return [
        records.dump(
            Item(
                key=f"{key}/{n}",
                platform=message.platform,
                account=message.account,
                conversation=message.conversation,
                recipient=message.sender,
                call=wire.call,
                body=wire.body,
                paced=wire.paced,
                origin=message.origin,
                epoch=epoch,
                not_after=now + REPLY_SECONDS,
            )
        )
        for n, wire in enumerate(surface.render(reply, message))
    ]
