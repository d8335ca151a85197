"""The policy library: files in, clauses out."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from bot.errors import DocumentRefused
from bot.files import read_plain
from bot.library.catalogue import Catalogue, Filters, changes_article
from bot.library.clauses import cut
from bot.library.document import Clause, Document
from bot.library.index import Found, Index, Reader, Writer
from bot.library.metadata import Values, describe, read_table
from bot.library.ranking import CLAUSE_FIELDS, DOCUMENT_FIELDS, Evidence, query_of, rank, spread, within, without
from bot.library.words import Question, understand
from bot.message import Source

EVIDENCE_FLOOR = 0.28
"""When the best evidence among the hits of a search is below this, the library does not answer the question. Fitted on
the sample questions and nearer to silence than to a wrong answer; questions from elsewhere pass it more often.
"""

METADATA_FILE = "metadata.csv"
_CANDIDATES = 80
_WHOLES = 60
_ARTICLE = re.compile(r"第[一二三四五六七八九十百零〇]+条")


class Result(StrEnum):
    TAKEN = "taken"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file. `reason` is a short code, set when it was refused; `clauses` counts what it gave."""

    path: Path
    result: Result
    reason: str = ""
    clauses: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """A clause found. `evidence` is the share of the question's content it covers, 0 to 1; `document.status` says
    whether it is in force on the day searched for.
    """

    clause: Clause
    document: Document
    score: float
    evidence: float

    def source(self, quote: str = "") -> Source:
        """This clause as a source; with a part of its text as `quote`, that part under the finest path holding it."""
        document = self.document
        return Source(
            document=document.title,
            number=document.number,
            issuer=document.issuer,
            date=document.signed or document.published,
            status=document.status.value,
            clause=self.clause.path_of(quote) if quote else self.clause.path,
            quote=quote or self.clause.text,
            url=document.url,
        )


@dataclass(frozen=True, slots=True)
class _View:
    """One state of the library: a search never sees half of a change."""

    stamp: tuple[int, ...]
    reader: Reader
    catalogue: Catalogue


class Library:
    """The library in a directory, made by the first import. All calls block: call them from a thread.

    Any number of processes may read while one writes; they see what was written at their next search.
    """

    def __init__(self, directory: Path) -> None:
        self._index = Index(directory)
        self._view: _View | None = None

    def search(self, query: str, filters: Filters | None = None, limit: int = 10) -> list[Hit]:
        """The clauses that answer a question best, best first; those of a document called by its number or title come
        before all others. Where a decision changed an article, its clause comes right before the old one.
        """
        view = self._current()
        if view is None or limit < 1:
            return []
        return _Search(view, query, filters or Filters()).hits(limit)

    def documents(self) -> list[Document]:
        """All documents with today's status, by title."""
        view = self._current()
        found = view.catalogue.on(Filters().on).documents.values() if view else ()
        return sorted(found, key=lambda document: (document.title, document.number, document.id))

    def clauses(self, document: str) -> list[Clause]:
        """All clauses of the document with this id, in its order."""
        view = self._current()
        return view.reader.clauses_of(document) if view else []

    def import_paths(self, paths: Iterable[Path], *, metadata: Path | None = None) -> Generator[FileReport, None, None]:
        """Take in files and all readable files below directories, one report each; what was taken can be found once
        the iterator has ended, all of it at once. A file that cannot be read is reported and the rest go on.

        A CSV named metadata.csv beside the files corrects their metadata, `metadata` comes before it. Raises
        `DocumentRefused` when that cannot be read and `Unavailable` while another import is running.
        """
        table = read_table(metadata) if metadata else {}
        beside = cache(_table_in)
        with self._index.writing() as writer:
            view = self._current()
            shelf = _Shelf(writer, view.catalogue.on(Filters().on).documents if view else {})
            for path in policy_files(paths):
                yield shelf.take(path, {**beside(path.parent).get(path.name, {}), **table.get(path.name, {})})

    def remove(self, name: str) -> list[Document]:
        """Take out every document with this id, number or title; they are gone when this returns. Empty when there is
        none. Raises `Unavailable` while an import is running.
        """
        with self._index.writing() as writer:
            view = self._current()
            found = view.catalogue.called(name) if view else []
            for document in found:
                writer.drop(document.id)
        return found

    def _current(self) -> _View | None:
        stamp = self._index.stamp()
        if self._view is None or self._view.stamp != stamp:
            reader = self._index.reader()
            self._view = _View(stamp, reader, Catalogue(reader.documents())) if reader else None
        return self._view


def policy_files(paths: Iterable[Path]) -> list[Path]:
    """The files an import of these paths looks at, in order: each named one, and below a directory all but hidden ones
    and its metadata.csv.
    """
    return list(dict.fromkeys(file for path in paths for file in (_below(path) if path.is_dir() else [path])))


def _below(directory: Path) -> list[Path]:
    files = (path for path in sorted(directory.rglob("*")) if path.is_file() and path.name != METADATA_FILE)
    return [
        path for path in files if not any(part.startswith((".", "~$")) for part in path.relative_to(directory).parts)
    ]


def _table_in(directory: Path) -> Mapping[str, Values]:
    table = directory / METADATA_FILE
    return read_table(table) if table.is_file() else {}


class _Shelf:
    """Where a batch of files goes: knows what stood there before."""

    def __init__(self, writer: Writer, before: Mapping[str, Document]) -> None:
        self._writer = writer
        self._by_id = dict(before)
        self._by_name = {_identity(document): document for document in before.values() if _identity(document)}

    def take(self, path: Path, corrections: Values) -> FileReport:
        try:
            document, blocks = describe(path, read_plain(path), corrections)
        except DocumentRefused as refusal:
            return FileReport(path, Result.REFUSED, refusal.reason)
        clauses = cut(document.id, blocks)
        if not clauses:
            return FileReport(path, Result.REFUSED, "no_text")
        return FileReport(path, self._put(document, clauses), clauses=len(clauses))

    def _put(self, document: Document, clauses: Sequence[Clause]) -> Result:
        """Place a document where its file's earlier version stands, or the same document from another path."""
        before = self._by_id.get(document.id) or self._by_name.get(_identity(document))
        if before and before.digest == document.digest:
            return Result.UNCHANGED
        if before:
            self._writer.drop(before.id)
        self._writer.put(document, clauses)
        self._by_id[document.id] = document
        if name := _identity(document):
            self._by_name[name] = document
        return Result.REPLACED if before else Result.TAKEN


def _identity(document: Document) -> tuple[str, ...]:
    """What makes two files the same official document; empty when a file says too little of itself."""
    if not (document.number or (document.issuer and document.signed)):
        return ()
    return document.title, document.number, document.issuer, document.signed


class _Search:
    """One question to one state of the library."""

    def __init__(self, view: _View, text: str, filters: Filters) -> None:
        self._reader = view.reader
        day = view.catalogue.on(filters.on)
        self._documents, self._changed_by = day.documents, day.changed_by
        self._hidden = view.catalogue.hidden(filters)
        self._named = [key for key in view.catalogue.named(text) if key not in self._hidden]
        self._articles = set(_ARTICLE.findall(text))
        self._question = understand(text)
        self._evidence = Evidence(view.reader, self._question)

    def hits(self, limit: int) -> list[Hit]:
        named = self._from_named()
        found = self._amended(spread(self._ranked(self._question))[:limit])
        keys = {(each.clause.document, each.clause.ordinal) for each in named}
        rest = [each for each in found if (each.clause.document, each.clause.ordinal) not in keys]
        certain = [self._hit(each, evidence=1.0) for each in named[:limit]]
        return certain + [self._hit(each) for each in rest[: limit - len(certain)]]

    def _hit(self, found: Found, evidence: float | None = None) -> Hit:
        document = self._documents[found.clause.document]
        share = self._evidence.of(found.clause, document) if evidence is None else evidence
        return Hit(found.clause, document, found.score, share)

    def _ranked(self, question: Question) -> list[Found]:
        if not question.says_anything:
            return []
        query = without(query_of(self._reader, question, CLAUSE_FIELDS), self._reader, self._hidden)
        wholes = self._reader.wholes(query_of(self._reader, question, DOCUMENT_FIELDS), _WHOLES)
        return rank(self._reader.clauses(query, _CANDIDATES), question, wholes)

    def _from_named(self) -> list[Found]:
        """The clauses of the documents the question names: the articles it names, then by its other words."""
        found: list[Found] = []
        for key in self._named:
            clauses = self._reader.clauses_of(key)
            query = within(query_of(self._reader, self._question, CLAUSE_FIELDS), self._reader, [key])
            scores = {
                each.clause.ordinal: each for each in rank(self._reader.clauses(query, _CANDIDATES), self._question, {})
            }
            found += sorted(
                (scores.get(clause.ordinal, Found(clause, 0.0)) for clause in clauses),
                key=lambda each: (
                    not self._articles & set(each.clause.path.split(" ")),
                    -each.score,
                    each.clause.ordinal,
                ),
            )
        return found

    def _amended(self, found: Sequence[Found]) -> list[Found]:
        """Put what changed an article right before the article, so that nobody reads the old text alone."""
        placed: dict[tuple[str, int], Found] = {}
        for each in found:
            for one in (*self._changes(each), each):
                placed.setdefault((one.clause.document, one.clause.ordinal), one)
        return list(placed.values())

    def _changes(self, found: Found) -> list[Found]:
        """The clauses that changed the article found."""
        others = self._changed_by.get(found.clause.document, ())
        article = (
            next((part for part in found.clause.path.split(" ") if _ARTICLE.fullmatch(part)), "") if others else ""
        )
        return [
            Found(clause, found.score)
            for other in others
            if article and other.id not in self._hidden
            for clause in self._reader.clauses_of(other.id)
            if changes_article(clause, article)
        ]
