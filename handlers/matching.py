"""What a turn looks like, as the table of routes asks."""

from __future__ import annotations

from collections.abc import Callable, Collection

from bot.message import Command, Media, Text
from bot.router import Turn
from handlers.understanding import words_of
from handlers.words import normal

LONGEST_QUESTION = 2000
"""Characters. Nobody asks one thing in more."""

Matches = Callable[[Turn], bool]


def asks(name: str, phrases: Collection[str] = ()) -> Matches:
    """The button of this name was tapped, or every line typed is one of these phrases."""
    typed = says(phrases)

    def matches(turn: Turn) -> bool:
        return turn.command.name == name if turn.command else typed(turn)

    return matches


def says(phrases: Collection[str]) -> Matches:
    """Nothing but these phrases was typed, one a line."""

    def matches(turn: Turn) -> bool:
        lines = [normal(line) for line in turn.question.split("\n")]
        return turn.command is None and all(line in phrases for line in lines)

    return matches


def tapped_but(name: str) -> Matches:
    """Any button but the one of this name."""
    return lambda turn: turn.command is not None and turn.command.name != name


def wordless(turn: Turn) -> bool:
    """Nothing that could be a question."""
    return not any(char.isalnum() for char in words_of(turn))


def unheard(turn: Turn) -> bool:
    """A voice message that nobody wrote down, and nothing else said."""
    return wordless(turn) and any(isinstance(part, Media) and part.type == "voice" for part in _parts(turn))


def unusable(turn: Turn) -> bool:
    """Something we cannot read, and nothing else said."""
    return wordless(turn) and any(not isinstance(part, Text | Command) for part in _parts(turn))


def too_long(turn: Turn) -> bool:
    return len(words_of(turn)) > LONGEST_QUESTION


def a_number(turn: Turn) -> bool:
    """A single digit: the choice of a suggestion on a surface without buttons."""
    return turn.command is None and normal(turn.question) in set("123456789")


def anything(turn: Turn) -> bool:
    return True


def _parts(turn: Turn) -> list[object]:
    return [part for message in turn.messages for part in message.parts]
