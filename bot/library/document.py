"""The nouns of the library: what a policy document says of itself, and the clauses it is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.library.marks import Mark, mark_of, ordinal_word


class Status(StrEnum):
    """Whether a document is in force, in its own words."""

    VALID = "有效"
    AMENDED = "已修改"
    REPEALED = "已废止"
    EXPIRED = "失效"


GONE = frozenset({Status.REPEALED, Status.EXPIRED})
"""Never shown as in force and found only when asked for."""


@dataclass(frozen=True, slots=True)
class Document:
    """One policy document. Dates are ISO 8601 or empty; `expires` is its last day in force, `source` its file's name.

    `repeals`, `amends`, `repealed_by` and `amended_by` hold titles or numbers. `digest` changes with any word of the
    document or its metadata.
    """

    id: str
    title: str
    source: str
    digest: str
    number: str = ""
    issuer: str = ""
    signed: str = ""
    published: str = ""
    effective: str = ""
    expires: str = ""
    status: Status = Status.VALID
    topic: str = ""
    region: str = ""
    audience: tuple[str, ...] = ()
    kind: str = ""
    url: str = ""
    repeals: tuple[str, ...] = ()
    amends: tuple[str, ...] = ()
    repealed_by: str = ""
    amended_by: str = ""
    sample: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """The smallest unit that has a name of its own: a paragraph, an item or a table row."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Clause:
    """One citable piece of a document. `ordinal` counts from 0 in the order of the page, `text` is verbatim, `heading`
    holds the heading lines it stands under, outermost first, and `lead` the words of the article that introduce it when
    it is only a part of that article.
    """

    document: str
    ordinal: int
    path: str
    text: str
    heading: str = ""
    lead: str = ""

    def passages(self) -> tuple[Passage, ...]:
        """The clause in its smallest named units, in order; their texts are the lines of `text`."""
        return tuple(passages_of(self.path, self.text.split("\n")))

    def path_of(self, quote: str) -> str:
        """The finest path that holds all of `quote`; the clause's own when it spans several units or none."""
        return next((passage.path for passage in self.passages() if quote in passage.text), self.path)


ITEMS = frozenset({Mark.ITEM, Mark.POINT, Mark.SUBPOINT})
"""The marks of what stands below a paragraph."""

_ARTICLE_PATH = re.compile(r"第[^ ]+条(?:之[^ ]+)?$")
_PARAGRAPH_PATH = re.compile(r"第[^ ]+[条款]")


def passages_of(path: str, lines: Sequence[str]) -> Iterator[Passage]:
    """Paragraphs of an article are counted, items are named by their own mark (see 立法法 on 款、项、目)."""
    is_article = bool(_ARTICLE_PATH.search(path))
    base = path
    counted = is_article and sum(mark_of(line) not in ITEMS for line in lines) > 1
    paragraph, item = 0, ""
    for line in lines:
        mark = mark_of(line)
        if mark is Mark.ITEM:
            item = _join(base, line, Mark.ITEM)
            yield Passage(item, line)
        elif mark in ITEMS:
            yield Passage(_join(item or base, line, mark), line)
        else:
            paragraph, item = paragraph + 1, ""
            base = f"{path} 第{ordinal_word(paragraph)}款" if counted else path
            yield Passage(base, line)


def _join(base: str, line: str, mark: Mark) -> str:
    """An item's path: 第八条 第（二）项 in a law, 二、（一）2. in a notice, 申请材料（三）in a guide."""
    sign = mark.sign(line)
    if _PARAGRAPH_PATH.search(base):
        return f"{base} 第{sign.rstrip('.')}{'目' if base.endswith('项') else '项'}"
    return f"{base}{sign}"
