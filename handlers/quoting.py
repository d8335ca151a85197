"""An answer without a model: the best clauses, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.library import GONE
from bot.message import Outcome, Paragraphs, Reply, Role, Source
from bot.prompts import Replies
from handlers.words import shortened, titled

CLAUSES = 3
_CHARACTERS = {Role.RESIDENT: 300, Role.STAFF: 600}


@dataclass(frozen=True, slots=True)
class Quote:
    replies: Replies

    def __call__(self, role: Role, sources: Sequence[Source]) -> Reply:
        """The first clauses under plain headings; what is left out is said, and stands in the sources."""
        quoted = tuple(sources[:CLAUSES])
        opening = self.replies.sentence(f"outcomes.{Outcome.ANSWERED_BY_QUOTATION.value}")
        blocks = (self._block(n, source, role) for n, source in enumerate(quoted, start=1))
        return Reply(
            outcome=Outcome.ANSWERED_BY_QUOTATION,
            parts=(Paragraphs("\n\n".join([opening, *blocks])),),
            sources=quoted,
            label=self.replies.sentence("label.quoted"),
        )

    def _block(self, n: int, source: Source, role: Role) -> str:
        text = shortened(source.quote, _CHARACTERS[role])
        cut = self.replies.sentence("policy.shortened") if text != source.quote else ""
        return "\n".join(filter(None, [self._heading(n, source, role), self._ended(n, source), text, cut]))

    def _heading(self, n: int, source: Source, role: Role) -> str:
        slots = {"document": titled(source.document), "clause": source.clause, "mark": str(n)}
        if role is Role.STAFF and source.number:
            return self.replies.sentence("policy.heading_numbered", number=source.number, **slots)
        return self.replies.sentence("policy.heading", **slots)

    def _ended(self, n: int, source: Source) -> str:
        if source.status not in GONE:
            return ""
        slots = {"document": titled(source.document), "mark": str(n), "status": source.status}
        return self.replies.sentence("policy.ended", **slots)
