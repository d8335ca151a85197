"""An ordered table of routes; the first that matches answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.conversation import Conversation
from bot.message import Command, Message, Reply, Role
from bot.people import Employee, Person


@dataclass(frozen=True, slots=True)
class Turn:
    """One pass: a burst of messages in, one reply committed.

    `id` is unique per conversation and stable over retries. `messages` are oldest first and never empty. `write` shows
    text as it grows on surfaces that stream; what it showed is replaced by the committed reply.
    """

    id: str
    messages: tuple[Message, ...]
    conversation: Conversation
    person: Person
    employee: Employee
    now: float
    write: Callable[[str], Awaitable[None]]

    @property
    def question(self) -> str:
        """All that was said in this burst, one message a line, stripped."""
        return "\n".join(filter(None, (message.text.strip() for message in self.messages)))

    @property
    def command(self) -> Command | None:
        return self.messages[-1].command

    @property
    def role(self) -> Role:
        return self.person.role


Handler = Callable[[Turn], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    name: str
    matches: Callable[[Turn], bool]
    handler: Handler


@dataclass(frozen=True, slots=True)
class Router:
    """Routes in order; the last one must match everything, so that every turn has a handler."""

    routes: Sequence[Route]

    def route(self, turn: Turn) -> Route:
        return next(route for route in self.routes if route.matches(turn))
