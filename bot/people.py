"""Who is speaking, and the digital employee they speak to."""

from __future__ import annotations

from dataclasses import dataclass

from bot.message import Message, Role


@dataclass(frozen=True, slots=True)
class Person:
    """One identity per platform account. `id` is stable and safe to log; it is not a name."""

    id: str
    role: Role


@dataclass(frozen=True, slots=True)
class Employee:
    """A configured digital employee: who it is and what it may do."""

    id: str
    name: str
    unit: str
    duties: str
    scenes: tuple[str, ...]


def person_of(message: Message) -> Person:
    """The sender as far as the platform vouches for them."""
    return Person(id=f"{message.platform}/{message.account}/{message.sender}", role=message.role)
