"""Talking in the terminal: the same turn as in the messengers, without the store."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from bot.app import answering, employee_of
from bot.conversation import Conversation
from bot.message import Message, Reply, Role, Text
from bot.people import Employee, person_of
from bot.prompts import load_replies
from bot.router import Router, Turn
from bot.settings import Settings
from bot.turn import take_turn


@dataclass(frozen=True, slots=True)
class Asked:
    """A reply, who gave it, and how many milliseconds it took."""

    reply: Reply
    employee: str
    ms: int

    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": self.reply.outcome.value,
            "text": self.reply.text,
            "sources": [asdict(source) for source in self.reply.sources],
            "employee": self.employee,
            "ms": self.ms,
        }


async def ask(settings: Settings, text: str, role: Role) -> Asked:
    """One question, without a past."""
    async with answering(settings, load_replies()) as router:
        return await _turn(router, _employee(settings), Conversation("terminal"), text, role)


async def chat(settings: Settings, role: Role, *, listen: Callable[[], str], show: Callable[[Asked], None]) -> None:
    """Until `listen` returns nothing."""
    talk = Conversation("terminal")
    async with answering(settings, load_replies()) as router:
        while text := listen():
            asked = await _turn(router, _employee(settings), talk, text, role)
            talk = talk.with_exchange(text, asked.reply, time.time())
            show(asked)


async def _turn(router: Router, employee: Employee, talk: Conversation, text: str, role: Role) -> Asked:
    started = time.monotonic()
    message = Message(uuid.uuid4().hex, "terminal", "", talk.key, "operator", (Text(text),), time.time(), role)
    turn = Turn(message.id, (message,), talk, person_of(message), employee, message.time, _unseen)
    reply = await take_turn(router, turn)
    return Asked(reply, employee.name, round((time.monotonic() - started) * 1000))


async def _unseen(_: str) -> None:
    """The terminal shows a reply when it is whole."""


def _employee(settings: Settings) -> Employee:
    return employee_of(settings.employees[0], settings.unit.name)
