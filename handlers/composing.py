"""An answer in the model's words, held to the evidence: every source it names is one it was given."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.errors import ModelUnavailable
from bot.guard.restoring import Restorer
from bot.guard.tokens import Tokens, source_token
from bot.library import GONE
from bot.llm import LLM
from bot.message import Outcome, Paragraphs, Reply, Role, Source
from bot.prompts import Prompt, Prompts, Replies
from bot.router import Turn
from handlers.words import shortened, titled

_CLAUSE_CHARACTERS = 1200
_CHINA = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Compose:
    llm: LLM
    prompts: Prompts
    replies: Replies

    async def __call__(self, turn: Turn, question: str, sources: Sequence[Source]) -> Reply | None:
        """The answer, shown while it grows; None when there is no model, when it fails, or when it did not answer from
        these sources. Then what was shown must be replaced.
        """
        if not self.llm.configured:
            return None
        tokens = Tokens()
        prompt = self._prompt(turn, question, sources, tokens)
        restorer = Restorer(tokens.values, sources=len(sources))
        try:
            text = await self._written(turn, prompt, restorer)
        except ModelUnavailable:
            return None
        if restorer.declined or not restorer.cited:
            return None
        return self._reply(text, [sources[n - 1] for n in restorer.cited])

    def _prompt(self, turn: Turn, question: str, sources: Sequence[Source], tokens: Tokens) -> Prompt:
        evidence = [
            {
                "token": source_token(n),
                "title": tokens.hide(titled(source.document)),
                "number": tokens.hide(source.number) if turn.role is Role.STAFF else "",
                "date": source.date,
                "status": source.status,
                "clause": source.clause,
                "text": tokens.hide(shortened(source.quote, _CLAUSE_CHARACTERS)),
            }
            for n, source in enumerate(sources, start=1)
        ]
        return self.prompts.render(
            "find_policy",
            audience=turn.role.value,
            today=_day(turn.now),
            evidence=evidence,
            question=tokens.hide_from(question),
        )

    async def _written(self, turn: Turn, prompt: Prompt, restorer: Restorer) -> str:
        shown = ""
        async with aclosing(self.llm.stream(prompt)) as deltas:
            async for delta in deltas:
                if text := restorer.feed(delta):
                    shown += text
                    await turn.write(text)
        if text := restorer.flush():
            shown += text
            await turn.write(text)
        return shown.strip()

    def _reply(self, text: str, cited: Sequence[Source]) -> Reply:
        closing = self.replies.sentence(f"outcomes.{Outcome.ANSWERED.value}")
        return Reply(
            outcome=Outcome.ANSWERED,
            parts=(Paragraphs("\n\n".join([text, *self._warnings(cited), closing])),),
            sources=tuple(cited),
            label=self.replies.sentence("label.generated"),
        )

    def _warnings(self, cited: Sequence[Source]) -> list[str]:
        """Whatever the model said of them, rules that no longer hold are called so."""
        return [
            self.replies.sentence("policy.ended", mark=str(n), document=titled(source.document), status=source.status)
            for n, source in enumerate(cited, start=1)
            if source.status in GONE
        ]


def _day(now: float) -> str:
    day = datetime.fromtimestamp(now, UTC) + _CHINA
    return f"{day.year}年{day.month}月{day.day}日"
