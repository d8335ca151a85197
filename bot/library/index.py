"""The search index on disk: one process writes, any number read, each change appears whole.

Two tantivy indexes lie side by side. `clauses` holds every clause and every document's record and is the truth: one
commit of it makes a batch visible. `documents` holds whole texts and only helps to rank, so a crash between the two
commits can make an answer's order a little worse, never its words.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import tantivy

from bot.errors import Unavailable
from bot.library.document import Clause, Document, Status
from bot.library.words import tokens

SCHEMA = "v1"
"""Names the directory, so that an older and a newer program never read each other's fields."""

_HEAP = 64_000_000
_MOST = 1_000_000
_FIELDS = ("body", "head", "title")
_WHOLE_FIELDS = ("whole", "name")


def _schema(fields: Sequence[str]) -> Any:
    builder = tantivy.SchemaBuilder()
    for name in ("kind", "document"):
        builder.add_text_field(name, stored=False, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("data", stored=True, tokenizer_name="raw", index_option="basic")
    for name in fields:
        builder.add_text_field(name, stored=False, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


class Writer:
    """Collects changes; they become visible together when the `writing` block ends well, and not at all otherwise."""

    def __init__(self, clauses: Any, documents: Any) -> None:
        self._clauses = clauses
        self._documents = documents

    def put(self, document: Document, clauses: Sequence[Clause]) -> None:
        """Add a document, in the place of the one with its id."""
        self.drop(document.id)
        self._clauses.add_document(_entry("document", document.id, document, {}))
        for clause in clauses:
            texts = {"body": clause.text, "head": f"{clause.heading} {clause.lead}", "title": document.title}
            self._clauses.add_document(_entry("clause", document.id, clause, texts))
        whole = " ".join(f"{clause.heading} {clause.text}" for clause in clauses)
        texts = {"whole": whole, "name": document.title}
        self._documents.add_document(_entry("whole", document.id, document.id, texts))

    def drop(self, document: str) -> None:
        self._clauses.delete_documents_by_term("document", document)
        self._documents.delete_documents_by_term("document", document)

    def commit(self) -> None:
        for writer in (self._documents, self._clauses):
            writer.commit()
            writer.wait_merging_threads()


def _entry(kind: str, document: str, value: Document | Clause | str, texts: dict[str, str]) -> Any:
    entry = tantivy.Document()
    entry.add_text("kind", kind)
    entry.add_text("document", document)
    entry.add_text("data", value if isinstance(value, str) else json.dumps(asdict(value), ensure_ascii=False))
    for name, text in texts.items():
        entry.add_text(name, " ".join(tokens(text)))
    return entry


@dataclass(frozen=True, slots=True)
class Found:
    clause: Clause
    score: float


class Reader:
    """One unchanging state of the index. Queries are tantivy's own, built by `term` and `either`."""

    def __init__(self, clauses: Any, documents: Any) -> None:
        self._schemas = dict.fromkeys(("kind", "document", "data", *_FIELDS), clauses.schema)
        self._schemas |= dict.fromkeys(_WHOLE_FIELDS, documents.schema)
        self._clauses = clauses.searcher()
        self._documents = documents.searcher()
        self._read: dict[str, list[Clause]] = {}
        self.size = max(self._clauses.num_docs, 1)

    def term(self, field: str, token: str) -> Any:
        return tantivy.Query.term_query(self._schemas[field], field, token, index_option="freq")

    def among(self, documents: Iterable[str]) -> Any:
        """Clauses of these documents."""
        return tantivy.Query.term_set_query(self._schemas["document"], "document", list(documents))

    def known(self, token: str) -> int:
        """How many clauses know a word, in the field where most do."""
        return max(int(self._clauses.doc_freq(field, token)) for field in _FIELDS)

    def clauses(self, query: Any, limit: int) -> list[Found]:
        """The best clauses of a query, best first, equal ones in the order of the documents."""
        found = [Found(clause_of(data), score) for score, data in self._search(self._clauses, query, limit)]
        return sorted(found, key=lambda each: (-each.score, each.clause.document, each.clause.ordinal))

    def wholes(self, query: Any, limit: int) -> dict[str, float]:
        """The best documents of a query over their whole texts, by id."""
        return {data: score for score, data in self._search(self._documents, query, limit)}

    def documents(self) -> list[Document]:
        query = self.term("kind", "document")
        return [document_of(data) for _, data in self._search(self._clauses, query, _MOST)]

    def clauses_of(self, document: str) -> list[Clause]:
        """All clauses of one document in their order."""
        if document not in self._read:
            self._read[document] = self._clauses_of(document)
        return self._read[document]

    def _clauses_of(self, document: str) -> list[Clause]:
        query = tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, self.term("document", document)), (tantivy.Occur.Must, self.term("kind", "clause"))]
        )
        found = (clause_of(data) for _, data in self._search(self._clauses, query, _MOST))
        return sorted(found, key=lambda clause: clause.ordinal)

    @staticmethod
    def _search(searcher: Any, query: Any, limit: int) -> Iterator[tuple[float, str]]:
        for score, address in searcher.search(query, limit, count=False).hits:
            yield score, searcher.doc(address).get_first("data")


@lru_cache(maxsize=8192)
def clause_of(data: str) -> Clause:
    return Clause(**json.loads(data))


def document_of(data: str) -> Document:
    values = json.loads(data)
    for name in ("audience", "repeals", "amends"):
        values[name] = tuple(values[name])
    return Document(**values | {"status": Status(values["status"])})


class Index:
    """The index in a directory, which need not exist yet."""

    def __init__(self, directory: Path) -> None:
        self._root = directory / SCHEMA
        self._open: tuple[Any, Any] | None = None

    def stamp(self) -> tuple[int, ...]:
        """Differs after every commit; empty while there is no index. One look at the file system."""
        try:
            state = (self._root / "clauses" / "meta.json").stat()
        except FileNotFoundError:
            return ()
        return state.st_ino, state.st_mtime_ns, state.st_size

    def reader(self) -> Reader | None:
        """The newest state, None before the first commit."""
        if not self.stamp():
            return None
        if self._open is None:
            clauses, documents = (tantivy.Index.open(str(self._root / name)) for name in ("clauses", "documents"))
            self._open = clauses, documents
        for index in self._open:
            index.reload()
        return Reader(*self._open)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Change the index; the changes show when the block ends without an error. Raises `Unavailable` while another
        process is writing.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / "writer.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Unavailable("library_busy", retry_after=10.0) from error
            documents = self._create("documents", _WHOLE_FIELDS)
            clauses = self._create("clauses", _FIELDS)
            writer = Writer(clauses.writer(_HEAP, 1), documents.writer(_HEAP, 1))
            yield writer
            writer.commit()

    def _create(self, name: str, fields: Sequence[str]) -> Any:
        directory = self._root / name
        directory.mkdir(exist_ok=True)
        return tantivy.Index(_schema(fields), str(directory), reuse=True)
