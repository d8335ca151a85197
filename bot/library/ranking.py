"""How clauses are ranked for a question, and how much of the question they cover.

Three things make a clause good: its own words, the document it stands in, and that it shows what was asked for (an
amount, a list of papers, a telephone). The weights were fitted on everyday questions; see docs and benchmarks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tantivy

from bot.library.document import Clause, Document
from bot.library.index import Found, Reader
from bot.library.words import Concept, Question, is_character, plain, token_set

CLAUSE_FIELDS = (("body", 1.0), ("head", 0.6), ("title", 0.6))
DOCUMENT_FIELDS = (("whole", 1.0), ("name", 1.0))

_CHARACTER = 0.3
_GLUE = 0.5
_OTHER_WORD = 2.4
_TIE = 0.2
_DOCUMENT = 0.6
_SHOWN_HEADING = 0.2
_SHOWN_PATTERN = 0.3
_PREAMBLE = 0.5
_FORMAL = 0.6
_FOURTH = 0.75
_MOST_OF_ONE = 3
_IS_FORMAL = re.compile(r"第[一1]条[\s　]*(?:为|根据).*制定本|[^。]{0,8}本[^。]{2,8}自[^。]{4,20}起(?:施行|实施|执行)")

_UNKNOWN = 0.87
_OTHER_COVERS = 0.8
_UNCOVERED = 0.6
_LITTLE = 0.3


def query_of(reader: Reader, question: Question, fields: Sequence[tuple[str, float]]) -> Any:
    """A question as one query over some fields with their weights."""

    def token(text: str, weight: float) -> Any:
        if is_character(text):
            return _weigh(reader.term(fields[0][0], text), _CHARACTER * weight)
        return _either([_weigh(reader.term(name, text), by * weight) for name, by in fields])

    parts = [_concept(concept, token) for concept in question.concepts]
    parts += [token(text, 1.0) for text in question.characters]
    parts += [token(text, _GLUE) for text in question.glue]
    return _either(parts)


def _concept(concept: Concept, token: Callable[[str, float], Any]) -> Any:
    """The best of a word and of what documents call it; a long official name counts no more than a short one."""
    ways = [_either([token(text, 1.0) for text in concept.own])] if concept.own else []
    ways += [_either([token(text, _OTHER_WORD / len(other)) for text in other]) for other in concept.others]
    return ways[0] if len(ways) == 1 else tantivy.Query.disjunction_max_query(ways, _TIE)


def _either(queries: Iterable[Any]) -> Any:
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def _weigh(query: Any, weight: float) -> Any:
    return tantivy.Query.boost_query(query, weight)


def without(query: Any, reader: Reader, hidden: frozenset[str]) -> Any:
    """The same query without the clauses of some documents."""
    if not hidden:
        return query
    return tantivy.Query.boolean_query(
        [(tantivy.Occur.Must, query), (tantivy.Occur.MustNot, reader.among(hidden))],
    )


def within(query: Any, reader: Reader, documents: Sequence[str]) -> Any:
    """The same query over the clauses of some documents only."""
    return tantivy.Query.boolean_query(
        [(tantivy.Occur.Must, query), (tantivy.Occur.Must, reader.among(documents))],
    )


def rank(found: Iterable[Found], question: Question, wholes: dict[str, float]) -> list[Found]:
    """Clauses with their final scores, best first."""
    scored = [
        Found(
            each.clause,
            (each.score + _DOCUMENT * wholes.get(each.clause.document, 0.0)) * fitness(each.clause, question),
        )
        for each in found
    ]
    return sorted(scored, key=_order)


def fitness(clause: Clause, question: Question) -> float:
    """How well the kind of clause suits the kind of question."""
    heading = clause.heading.rsplit("\n", 1)[-1]
    text = plain(clause.text)
    fit = 1.0
    for ask in question.asks:
        fit += _SHOWN_HEADING * any(name in heading for name in ask.headings)
        fit += _SHOWN_PATTERN * bool(ask.pattern.search(text))
    if not clause.path:
        fit *= _PREAMBLE
    return fit * _FORMAL if _IS_FORMAL.match(clause.text) else fit


def spread(found: Sequence[Found]) -> list[Found]:
    """At most three clauses of one document near the top, unless further ones are much better."""
    seen: dict[str, int] = {}
    spread_out: list[Found] = []
    for each in found:
        count = seen[each.clause.document] = seen.get(each.clause.document, 0) + 1
        spread_out.append(Found(each.clause, each.score * _FOURTH) if count > _MOST_OF_ONE else each)
    return sorted(spread_out, key=_order)


def _order(each: Found) -> tuple[float, str, int]:
    return -each.score, each.clause.document, each.clause.ordinal


class Evidence:
    """The share of a question's informative content that a clause, its headings and its title cover, from 0 to 1."""

    def __init__(self, reader: Reader, question: Question) -> None:
        self._reader = reader
        self._highest = math.log(1 + (reader.size + 0.5) / 0.5)
        self._units = [(concept, self._weight(concept)) for concept in _units(reader, question)]

    def of(self, clause: Clause, document: Document) -> float:
        there = token_set(clause.text) | token_set(f"{clause.heading} {clause.lead}") | token_set(document.title)
        covered = missed = 0.0
        for concept, weight in self._units:
            share = _covered(concept, there)
            covered += weight * share
            missed += weight * (1 - share)
        return covered / (covered + _UNCOVERED * missed + _LITTLE)

    def _weight(self, concept: Concept) -> float:
        """The rarer, the more a word says; what the library has never seen says nearly as much as the rarest."""
        ways = [min(map(self._reader.known, way)) for way in (concept.own, *concept.others) if way]
        known = [count for count in ways if count]
        return min(self._idf(min(known)), _UNKNOWN) if known else _UNKNOWN

    def _idf(self, count: int) -> float:
        return math.log(1 + (self._reader.size - count + 0.5) / (count + 0.5)) / self._highest


def _units(reader: Reader, question: Question) -> list[Concept]:
    known_glue = [Concept((pair,)) for pair in question.glue if reader.known(pair)]
    return [*map(_pairs_only, question.concepts), *known_glue]


def _pairs_only(concept: Concept) -> Concept:
    return Concept(tuple(token for token in concept.own if not is_character(token)), concept.others)


def _covered(concept: Concept, there: frozenset[str]) -> float:
    if concept.own and there.issuperset(concept.own):
        return 1.0
    return _OTHER_COVERS if any(there.issuperset(other) for other in concept.others) else 0.0
