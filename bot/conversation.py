"""What we remember of a conversation, and what we may forget."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.message import Command, Outcome, Reply, Suggestion

QUESTION_CHARACTERS = 400
ANSWER_CHARACTERS = 600


@dataclass(frozen=True, slots=True)
class Exchange:
    """One finished turn, shortened to what a follow-up question may lean on. `time` is seconds since the epoch."""

    question: str
    answer: str
    outcome: Outcome
    documents: tuple[str, ...]
    time: float


@dataclass(frozen=True, slots=True)
class Conversation:
    """`suggestions` are the buttons of the last reply, so that a person on a surface without buttons may answer with
    their number. Who may speak is not remembered here: see `bot/outbox.py`.
    """

    key: str
    exchanges: tuple[Exchange, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()

    def with_exchange(self, question: str, reply: Reply, now: float) -> Conversation:
        """This conversation after one more turn. What the reply took for the question comes before the words said."""
        exchange = Exchange(
            question=(reply.asked or question)[:QUESTION_CHARACTERS],
            answer=reply.text[:ANSWER_CHARACTERS],
            outcome=reply.outcome,
            documents=tuple(dict.fromkeys(source.document for source in reply.sources)),
            time=now,
        )
        return replace(self, exchanges=(*self.exchanges, exchange), suggestions=reply.suggestions)

    def within(self, *, turns: int, days: float, now: float) -> Conversation:
        """At most the last `turns` exchanges, none older than `days`."""
        kept = tuple(e for e in self.exchanges if e.time > now - days * 86_400)
        return replace(self, exchanges=kept[-turns:] if turns else ())

    def choice(self, ordinal: int) -> Command | None:
        """The command behind the n-th suggestion of the last reply, counted from 1."""
        return self.suggestions[ordinal - 1].command if 0 < ordinal <= len(self.suggestions) else None
