"""The first step: what is being asked, in words that stand on their own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import BaseModel, Field

from bot.conversation import Exchange
from bot.errors import ModelUnavailable
from bot.guard.tokens import Tokens
from bot.llm import LLM
from bot.prompts import Prompts
from bot.router import Turn
from handlers.words import Phrases, normal

POLICY = "policy"
"""The command whose argument is a question."""

LONGEST_QUERY = 500
_NUMBER = re.compile(r"[〔\[［【(（]\s*[0-9０-９]{4}\s*[〕\]］】)）]\s*第?\s*[0-9０-９]+\s*号")
_EXCHANGES = 3
_ANSWER_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """`text` needs no context. `history`: rules that no longer hold are wanted, too. `vague`: nothing but asking words,
    and no earlier question to lean on.
    """

    text: str
    history: bool
    vague: bool


class Rewritten(BaseModel):
    question: str = Field(min_length=2, max_length=LONGEST_QUERY)


def words_of(turn: Turn) -> str:
    """What a button asks, else what the person said."""
    command = turn.command
    return (command.argument.strip() if command and command.name == POLICY else "") or turn.question


@dataclass(frozen=True, slots=True)
class Understand:
    phrases: Phrases
    llm: LLM
    prompts: Prompts

    async def __call__(self, turn: Turn) -> Asked:
        """A follow-up is completed with its context: by the model, else by putting the earlier question before it."""
        text = self._without_greetings(words_of(turn))
        earlier = self._earlier(turn)
        vague = turn.command is None and not earlier and not self._about(normal(text))
        if turn.command is None and earlier and self.leans_back(text):
            text = await self._completed(text, earlier)
        return Asked(text[:LONGEST_QUERY], self._about_the_past(text), vague)

    def _about_the_past(self, text: str) -> bool:
        """A document called by its number is wanted whether it still holds or not."""
        return bool(_NUMBER.search(text)) or any(word in text for word in self.phrases.history.holds)

    def leans_back(self, question: str) -> bool:
        """Whether a question cannot be understood without the one before it."""
        words = self.phrases.follow_up
        bare = normal(question)
        return (
            bare.startswith(words.starts)
            or any(phrase in bare for phrase in words.holds)
            or len(self._about(bare)) <= 1
        )

    def _about(self, bare: str) -> str:
        """What is left of a question without its asking words."""
        for word in sorted(self.phrases.follow_up.asking, key=len, reverse=True):
            bare = bare.replace(word, "")
        return bare

    def _without_greetings(self, text: str) -> str:
        """A burst often begins with 您好 on a line of its own."""
        polite = self.phrases.whole.greeting | self.phrases.whole.thanks
        lines = [line for line in text.split("\n") if normal(line) not in polite]
        return "\n".join(lines) or text

    def _earlier(self, turn: Turn) -> tuple[Exchange, ...]:
        """The exchanges a follow-up may lean on: from the last question that stands by itself."""
        asked = [exchange for exchange in turn.conversation.exchanges if exchange.documents and exchange.question]
        standing = [n for n, exchange in enumerate(asked) if not self.leans_back(exchange.question)]
        return tuple(asked[standing[-1] :]) if standing else ()

    async def _completed(self, text: str, earlier: tuple[Exchange, ...]) -> str:
        if self.llm.configured:
            try:
                return await self._rewritten(text, earlier)
            except ModelUnavailable:
                pass
        return f"{earlier[0].question} {text}"

    async def _rewritten(self, text: str, earlier: tuple[Exchange, ...]) -> str:
        tokens = Tokens()
        exchanges = [
            {
                "question": tokens.hide_from(exchange.question),
                "answer": tokens.hide_from(exchange.answer[:_ANSWER_CHARACTERS]),
            }
            for exchange in (earlier[0], *earlier[1:][-(_EXCHANGES - 1) :])
        ]
        prompt = self.prompts.render("rewrite_question", exchanges=exchanges, question=tokens.hide_from(text))
        return (await self.llm.structured(prompt, Rewritten)).question
