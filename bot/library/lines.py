"""The lines of a body with what each of them opens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.files import Block, Heading, Row
from bot.library.marks import Mark, loose_article, mark_of
from bot.library.numerals import number

_SENTENCE_END = re.compile(r"[。；;！!：:，,”』」]$")
_HEADING_LENGTH = 45
_STRUCTURAL = frozenset({Mark.PART, Mark.SUBPART, Mark.CHAPTER, Mark.SECTION, Mark.ARTICLE, Mark.QUESTION, Mark.ANNEX})
_QUESTION_MARKS = frozenset({Mark.NONE, Mark.TOPIC, Mark.POINT})


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """`level` is that of a heading the author marked, 0 for other lines; `row` is set for a line of a table. Two lines
    of the same words are two lines.
    """

    text: str
    mark: Mark = Mark.NONE
    level: int = 0
    row: Row | None = None

    @property
    def is_sentence(self) -> bool:
        """Whether a numbered line says something itself instead of naming what follows."""
        return not self.level and (len(self.text) > _HEADING_LENGTH or bool(_SENTENCE_END.search(self.text)))

    @property
    def is_question(self) -> bool:
        """问：… or a heading that asks."""
        if self.mark is Mark.QUESTION:
            return True
        headed = self.level or self.mark is Mark.TOPIC
        return bool(headed and self.mark in _QUESTION_MARKS and self.text.endswith(("？", "?")))

    @property
    def question(self) -> str:
        return self.mark.strip(self.text)

    @property
    def is_structural(self) -> bool:
        return self.mark in _STRUCTURAL or self.is_question or bool(self.level and self.mark is Mark.NONE)


def lines_of(blocks: Iterable[Block]) -> Sequence[Line]:
    """One line a block. Articles without a blank behind their number are told by their order."""
    return tuple(_lines(blocks))


def _lines(blocks: Iterable[Block]) -> Iterator[Line]:
    article = 0
    for block in blocks:
        if isinstance(block, Row):
            yield Line(block.text, row=block)
            continue
        mark = mark_of(block.text)
        if mark is Mark.NONE and number(loose_article(block.text)) == article + 1:
            mark = Mark.ARTICLE
        if mark is Mark.ARTICLE:
            article = _article_number(block.text)
        elif mark is Mark.ANNEX:
            article = 0
        yield Line(block.text, mark, block.level if isinstance(block, Heading) else 0)


def _article_number(text: str) -> int:
    match = re.match(r"第([^条]+)条", text)
    return (number(match[1]) or 0) if match else 0
