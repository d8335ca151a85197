"""Cut a document into clauses along its own structure, never blindly by length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bot.files import Block, Row
from bot.library.document import ITEMS, Clause, passages_of
from bot.library.frame import squeezed
from bot.library.lines import Line, lines_of
from bot.library.marks import Mark

LONG = 800
"""An article or section of more characters is cut at its own paragraphs and items."""

_DIVISIONS = {Mark.PART: 0, Mark.SUBPART: 1, Mark.CHAPTER: 2, Mark.SECTION: 3}
_NUMBERED = {Mark.TOPIC: 0, Mark.ITEM: 1, Mark.POINT: 2, Mark.SUBPOINT: 3}
_HEADING_RANK = 10
_BARE_DIVISIONS = frozenset({"总则", "附则"})


def cut(document: str, blocks: Iterable[Block]) -> tuple[Clause, ...]:
    """The clauses of a body, in its order. Every character of it stands in exactly one clause's text or in the heading
    of the clauses below it; a heading with nothing below it is a clause of its own.
    """
    cutter = _Cutter(lines_of(blocks))
    cutter.run()
    pieces = [piece for unit in cutter.units for piece in _pieces(unit)]
    return tuple(replace(piece, document=document, ordinal=ordinal) for ordinal, piece in enumerate(pieces))


@dataclass(frozen=True, slots=True)
class _Section:
    """An open level of the structure: its rank, its path so far, the heading lines down to it. `closes` marks a
    complete numbered sentence without a further sibling: a plain paragraph behind it speaks for the level above.
    """

    rank: int
    path: str
    headings: tuple[Line, ...]
    closes: bool = False


@dataclass(slots=True)
class _Unit:
    """A clause under construction."""

    path: str
    headings: tuple[Line, ...]
    mark: Mark = Mark.NONE
    lines: list[str] = field(default_factory=list)
    lead: str = ""


_ROOT = _Section(-1, "", ())


class _Cutter:
    """Reads the lines of one document once. `divisions` are the open chapters and headings, `numbered` the open 一、
    and （一）levels below them, `open` the unit that takes the next ordinary line.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.units: list[_Unit] = []
        self.divisions: list[_Section] = []
        self.numbered: list[_Section] = []
        self.open: _Unit | None = None
        self.annex = _ROOT

    def run(self) -> None:
        for index, line in enumerate(self.lines):
            if line.row:
                self._row(line, line.row)
            elif line.mark is Mark.ANNEX:
                self._annex(line)
            elif line.is_question:
                self._question(line)
            elif line.mark in _DIVISIONS:
                self._division(line, _DIVISIONS[line.mark], line.mark.sign(line.text))
            elif line.mark is Mark.ARTICLE:
                self._article(line)
            elif self._heads_articles(line, index):
                rank = _DIVISIONS[Mark.PART if line.mark is Mark.NONE else Mark.CHAPTER]
                self._division(line, rank, line.mark.sign(line.text) or squeezed(line.text))
            elif line.level and line.mark not in _NUMBERED:
                self._division(line, _HEADING_RANK + line.level, line.text)
            elif self._opens(line):
                self._number(line, index)
            else:
                self._ordinary(line)
        above = {line for unit in self.units for line in (unit.headings if unit.lines else unit.headings[:-1])}
        self.units = [unit for unit in self.units if unit.lines or not above.issuperset(unit.headings)]
        for unit in self.units:
            self._settle(unit)

    @property
    def _base(self) -> _Section:
        return self.divisions[-1] if self.divisions else self.annex

    def _start(self, unit: _Unit) -> None:
        self.open = unit
        self.units.append(unit)

    def _annex(self, line: Line) -> None:
        """What follows an annex mark counts its own articles and topics."""
        self.divisions, self.numbered = [], []
        self.annex = _Section(-1, line.mark.sign(line.text), (line,))
        self._start(_Unit(self.annex.path, self.annex.headings, Mark.ANNEX))

    def _division(self, line: Line, rank: int, name: str) -> None:
        self.divisions = [section for section in self.divisions if section.rank < rank]
        self.numbered = []
        parent = self._base
        section = _Section(rank, f"{parent.path} {name}".strip(), (*parent.headings, line))
        self.divisions.append(section)
        self._start(_Unit(section.path, section.headings))

    def _heads_articles(self, line: Line, index: int) -> bool:
        """Judicial interpretations set 一、管辖 above articles instead of a chapter, and some laws a bare 附则."""
        following = self.lines[index + 1 : index + 2]
        bare = squeezed(line.text) in _BARE_DIVISIONS
        named = line.mark is Mark.TOPIC and not line.is_sentence
        return (bare or named) and bool(following) and following[0].mark is Mark.ARTICLE

    def _article(self, line: Line) -> None:
        path = f"{self._base.path} {line.mark.sign(line.text)}".strip()
        self.numbered = []
        self._start(_Unit(path, self._base.headings, Mark.ARTICLE, [line.text]))

    def _question(self, line: Line) -> None:
        """An interpretation is cited by its question."""
        self.numbered = []
        self._start(_Unit(line.question, (*self._base.headings, line), Mark.QUESTION))

    def _opens(self, line: Line) -> bool:
        """Whether a numbered line starts a clause: topics do, and the items right below them, but nothing inside an
        article or an answer, and deeper ones only as headings.
        """
        if line.mark not in _NUMBERED or (self.open and self.open.mark in {Mark.ARTICLE, Mark.QUESTION}):
            return False
        return bool(line.mark is Mark.TOPIC or line.level or (line.mark is Mark.ITEM and self.numbered))

    def _number(self, line: Line, index: int) -> None:
        rank = _NUMBERED[line.mark]
        self.numbered = [section for section in self.numbered if section.rank < rank]
        parent = self.numbered[-1] if self.numbered else self._base
        path = f"{parent.path}{' ' if parent is self._base and parent.path else ''}{line.mark.sign(line.text)}"
        headings = parent.headings if line.is_sentence else (*parent.headings, line)
        self.numbered.append(_Section(rank, path, headings, closes=line.is_sentence and self._is_last(rank, index)))
        self._start(_Unit(path, headings, line.mark, [line.text] if line.is_sentence else []))

    def _ordinary(self, line: Line) -> None:
        if self.open is None:
            self._start(_Unit(self._base.path, self._base.headings))
        elif line.mark not in ITEMS and self.open.mark in _NUMBERED and self.numbered and self.numbered[-1].closes:
            self.numbered.pop()
            parent = self.numbered[-1] if self.numbered else self._base
            self._start(_Unit(parent.path, parent.headings))
        if self.open:
            self.open.lines.append(line.text)

    def _is_last(self, rank: int, index: int) -> bool:
        """Whether no line of this rank follows before the level above ends."""
        for place in range(index + 1, len(self.lines)):
            line = self.lines[place]
            if line.is_structural:
                return True
            if line.mark in _NUMBERED and _NUMBERED[line.mark] <= rank:
                return _NUMBERED[line.mark] < rank
        return True

    def _row(self, line: Line, row: Row) -> None:
        """A table row is a clause of its own, named by what encloses the table."""
        around = self.open or _Unit(self._base.path, self._base.headings)
        lead = around.lines[-1] if around.lines else around.lead
        unit = _Unit(around.path, around.headings, around.mark, [line.text], lead)
        self.units.append(unit)
        self.open = _Unit(around.path, around.headings, around.mark, lead=lead)
        self.units.append(self.open)

    @staticmethod
    def _settle(unit: _Unit) -> None:
        """A heading with nothing below it is itself the text."""
        if not unit.lines:
            unit.lines, unit.headings = [unit.headings[-1].text], unit.headings[:-1]


def _pieces(unit: _Unit) -> Iterator[Clause]:
    """The unit as one clause, or its own parts when it is long, each behind the words that introduce it."""
    whole = Clause("", 0, unit.path, "\n".join(unit.lines), "\n".join(line.text for line in unit.headings), unit.lead)
    if len(whole.text) <= LONG or len(unit.lines) == 1:
        yield whole
        return
    for group in _groups(unit.path, unit.lines):
        first = group[0][1] == unit.lines[0]
        lead = unit.lead if first else unit.lines[0]
        yield replace(whole, path=group[0][0], text="\n".join(line for _, line in group), lead=lead)


def _groups(path: str, lines: Sequence[str]) -> Iterator[list[tuple[str, str]]]:
    """Named lines that belong together: a paragraph with its items, or single items where that is still long."""
    group: list[tuple[str, str]] = []
    for passage in passages_of(path, lines):
        fits = sum(len(line) for _, line in group) + len(passage.text) <= LONG
        same = group and (passage.path == group[0][0] or passage.path.startswith(group[0][0]))
        if group and not (same and fits):
            yield group
            group = []
        group.append((passage.path, passage.text))
    if group:
        yield group
