"""一键找政策: find the policy, answer from it, name it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.library import GONE
from bot.message import Command, Outcome, Reply, Role, Source, Suggestion
from bot.prompts import Replies
from bot.router import Turn
from handlers.composing import Compose
from handlers.fixed import questions_for
from handlers.quoting import Quote
from handlers.search import Hit, Search, found
from handlers.understanding import POLICY, Asked, Understand, words_of
from handlers.words import Phrases

_SOURCES = 6
_SHOWN_CHARACTERS = 40
_TOPIC_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class NextSteps:
    """What people usually want to know next, less what they have just asked."""

    phrases: Phrases
    replies: Replies

    def __call__(self, question: str) -> tuple[Suggestion, ...]:
        topic = self._topic(question)
        return tuple(
            Suggestion(self.replies.sentence(f"policy.next.{ask}"), self._command(ask, topic))
            for ask, words in self.phrases.asks
            if not any(word in question for word in words)
        )

    def _command(self, ask: str, topic: str) -> Command:
        return Command(POLICY, self.replies.sentence(f"policy.ask.{ask}", topic=topic))

    def _topic(self, question: str) -> str:
        """The question without what an earlier tap added to it."""
        for added in self.replies.section("policy.ask").values():
            question = question.removesuffix(added.format(topic=""))
        return question[:_TOPIC_CHARACTERS]


@dataclass(frozen=True, slots=True)
class FindPolicy:
    """understand → search → enough? → compose, else quote → next steps. `floor` is the least evidence that counts."""

    understand: Understand
    search: Search
    floor: float
    compose: Compose
    quote: Quote
    next_steps: NextSteps
    replies: Replies

    async def __call__(self, turn: Turn) -> Reply:
        asked = await self.understand(turn)
        if asked.vague:
            return self.replies.reply(Outcome.CLARIFY, suggestions=questions_for(self.replies, turn.role))
        hits = await self._hits(asked, turn.role)
        if not self._enough(hits):
            return self._nothing_found(asked)
        sources = _sources(_old_rule_first(hits) if asked.history else hits)
        reply = await self.compose(turn, asked.text, sources) or self.quote(turn.role, sources)
        return replace(reply, suggestions=self.next_steps(asked.text), asked=words_of(turn))

    async def _hits(self, asked: Asked, role: Role) -> Sequence[Hit]:
        return await found(self.search, asked.text, audience=role, include_repealed=asked.history)

    def _enough(self, hits: Sequence[Hit]) -> bool:
        return max((hit.evidence for hit in hits), default=0.0) >= self.floor

    def _nothing_found(self, asked: Asked) -> Reply:
        """What was searched and how to say it otherwise: a guess would be worse than none."""
        shown = " ".join(asked.text.split())
        shown = shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"
        steps = tuple(
            Suggestion(self.replies.sentence(f"policy.next.{name}"), Command(name)) for name in ("menu", "help")
        )
        return self.replies.reply(Outcome.UNANSWERABLE_NO_SOURCE, suggestions=steps, asked=shown)


def _old_rule_first(hits: Sequence[Hit]) -> Sequence[Hit]:
    """Whoever asks about the past reads what held then, and after it what holds now."""
    old = next((hit for hit in hits if hit.source().status in GONE), None)
    return [old, *(hit for hit in hits if hit is not old)] if old else hits


def _sources(hits: Sequence[Hit]) -> tuple[Source, ...]:
    """Each clause once, in the order found."""
    by_clause: dict[tuple[str, str], Source] = {}
    for source in (hit.source() for hit in hits):
        by_clause.setdefault((source.document, source.clause), source)
    return tuple(by_clause.values())[:_SOURCES]
