"""Endings that need no library and no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bot.message import Command, Outcome, Reply, Role, Suggestion
from bot.people import Employee
from bot.prompts import Replies
from bot.router import Handler, Turn
from handlers.search import Search, found
from handlers.understanding import LONGEST_QUERY, POLICY, words_of
from handlers.words import normal, titled

_GUESSES = 3


def questions_for(replies: Replies, role: Role) -> tuple[Suggestion, ...]:
    """What people of this kind often ask."""
    often = replies.section(f"menu.{role.value}")
    return tuple(Suggestion(label, Command(POLICY, question)) for label, question in often.items())


@dataclass(frozen=True, slots=True)
class Say:
    """One fixed sentence."""

    replies: Replies
    outcome: Outcome

    async def __call__(self, turn: Turn) -> Reply:
        return self.replies.reply(self.outcome)


@dataclass(frozen=True, slots=True)
class Greet:
    """A greeting by name."""

    replies: Replies

    async def __call__(self, turn: Turn) -> Reply:
        said = self.replies.reply(Outcome.ANSWERED_GREETING, name=turn.employee.name)
        return replace(said, suggestions=questions_for(self.replies, turn.role))


@dataclass(frozen=True, slots=True)
class Offer:
    """A fixed sentence with the questions people often ask."""

    replies: Replies
    outcome: Outcome

    async def __call__(self, turn: Turn) -> Reply:
        return self.replies.reply(self.outcome, suggestions=questions_for(self.replies, turn.role))


@dataclass(frozen=True, slots=True)
class Welcome:
    """Said once: a messenger reports every opening of the app, and nobody wants to be welcomed each time."""

    replies: Replies
    greeting: Callable[[Replies, Employee, Role], Reply]

    async def __call__(self, turn: Turn) -> Reply:
        if turn.conversation.exchanges:
            # The earlier choices stay open.
            return self.replies.reply(Outcome.NONE, suggestions=turn.conversation.suggestions)
        return self.greeting(self.replies, turn.employee, turn.role)


@dataclass(frozen=True, slots=True)
class Shorten:
    """Asks for less, and offers the documents that the beginning of the text seems to be about."""

    replies: Replies
    search: Search
    floor: float

    async def __call__(self, turn: Turn) -> Reply:
        hits = await found(self.search, words_of(turn)[:LONGEST_QUERY], audience=turn.role)
        titles = dict.fromkeys(hit.source().document for hit in hits if hit.evidence >= self.floor)
        guesses = tuple(Suggestion(titled(title), Command(POLICY, title)) for title in list(titles)[:_GUESSES])
        return self.replies.reply(Outcome.CLARIFY_TOO_LONG, suggestions=guesses)


@dataclass(frozen=True, slots=True)
class Choose:
    """A number stands for the suggestion of the last reply that has it; `answers` are by the name of its command."""

    replies: Replies
    answers: Mapping[str, Handler]

    async def __call__(self, turn: Turn) -> Reply:
        command = turn.conversation.choice(int(normal(turn.question)))
        if command is None or command.name not in self.answers:
            return self.replies.reply(Outcome.CLARIFY, suggestions=questions_for(self.replies, turn.role))
        chosen = replace(turn.messages[-1], parts=(command,))
        return await self.answers[command.name](replace(turn, messages=(chosen,)))
