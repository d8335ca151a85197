"""All documents at a glance: which are in force, who may see them, and which one a question calls by name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from bot.library.document import GONE, Clause, Document, Status
from bot.library.frame import normal_number, squeezed
from bot.message import Role

_STAFF_ONLY = frozenset({"工作人员", "机关", "机关工作人员", "内部"})
_EVERYWHERE = frozenset({"", "全国", "国家", "中国"})
_NAME = re.compile(r"《([^《》]+(?:《[^《》]*》[^《》]*)*)》")
_BRACKETED_YEAR = re.compile(r"[〔\[【（(［﹝](\d{4})[〕\]】）)］﹞]第?0*(\d{1,5})号")
_CHANGED_ARTICLE = re.compile(r"[^“”]{0,14}?(第[一二三四五六七八九十百零〇]+条)")
_SHORTEST_NAME = 6
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Filters:
    """What a search may show. A resident never sees what is meant for staff alone. `region` empty means any; documents
    of the regions around it and inside it count. Repealed and expired ones stay out unless asked for; `on` is the day
    by which this is judged.
    """

    audience: Role = Role.RESIDENT
    region: str = ""
    include_repealed: bool = False
    on: date = field(default_factory=date.today)


@dataclass(frozen=True, slots=True)
class Day:
    """The library on one day: every document by id with its status then, and by id what changed it, newest first."""

    documents: Mapping[str, Document]
    changed_by: Mapping[str, tuple[Document, ...]]


class Catalogue:
    """The documents of one state of the index."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = {document.id: document for document in documents}
        self._names: defaultdict[str, list[str]] = defaultdict(list)
        for document in self._documents.values():
            for name in filter(None, (squeezed(document.title), document.number)):
                self._names[name].append(document.id)
        self._judged: tuple[date, Day] | None = None

    def on(self, day: date) -> Day:
        """The documents as they stand on that day, whatever their own metadata still says."""
        judged = self._judged
        if judged is None or judged[0] != day:
            judged = self._judged = day, self._judge(day)
        return judged[1]

    def hidden(self, filters: Filters) -> frozenset[str]:
        """The ids these filters keep out."""
        return frozenset(
            key for key, document in self.on(filters.on).documents.items() if not _visible(document, filters)
        )

    def called(self, name: str) -> list[Document]:
        """The documents with exactly this id, number or title."""
        keys = [name] if name in self._documents else []
        keys += [key for form in (squeezed(name), normal_number(name)) for key in self._names.get(form, ())]
        return [self._documents[key] for key in dict.fromkeys(keys)]

    def named(self, question: str) -> list[str]:
        """The ids of the documents a question calls by number or title, exact names first."""
        said = squeezed(question)
        numbered = _BRACKETED_YEAR.sub(r"〔\1〕\2号", said)
        asked = {squeezed(name) for name in _NAME.findall(question)} or {said.rstrip("？?。")}
        exact = [name for name in self._names if name in asked or ("〕" in name and name in numbered)]
        partly = sorted((name for name in self._names if any(_alike(name, one) for one in asked)), key=len)
        names = [*exact, *(partly if len(partly) <= _MOST_NAMED else [])]
        return list(dict.fromkeys(key for name in names for key in self._names[name]))

    def _judge(self, day: date) -> Day:
        """Documents name their successors and successors name them; one side is enough."""
        judged = dict(self._documents)
        changes: defaultdict[str, list[Document]] = defaultdict(list)
        for other, target in self._successions(lambda one: one.repeals, lambda one: one.repealed_by, day):
            if target.status not in GONE:
                judged[target.id] = replace(target, status=Status.REPEALED, repealed_by=other.title)
        for other, target in self._successions(lambda one: one.amends, lambda one: one.amended_by, day):
            if other.status in GONE:
                continue
            changes[target.id].append(other)
            if judged[target.id].status is Status.VALID:
                judged[target.id] = replace(target, status=Status.AMENDED, amended_by=other.title)
        return Day(
            {key: _expired(document, day) for key, document in judged.items()},
            {key: tuple(sorted(set(others), key=_since, reverse=True)) for key, others in changes.items()},
        )

    def _successions(
        self, forward: Callable[[Document], Iterable[str]], back: Callable[[Document], str], day: date
    ) -> Iterator[tuple[Document, Document]]:
        """Each (later document, earlier one) of which either names the other, once the later one applies."""
        for document in self._documents.values():
            named = [(document, target) for name in forward(document) for target in self.called(name)]
            named += [(other, document) for other in self.called(back(document))]
            for other, target in named:
                if other.id != target.id and _since(target) <= _since(other) <= day.isoformat():
                    yield other, target


def changes_article(clause: Clause, article: str) -> bool:
    """Whether a clause of an amending decision speaks of this article of the document it amends."""
    match = _CHANGED_ARTICLE.match(clause.text)
    return match is not None and match[1] == article


def _since(document: Document) -> str:
    return document.effective or document.signed or document.published


def _expired(document: Document, day: date) -> Document:
    if document.status not in GONE and document.expires and document.expires < day.isoformat():
        return replace(document, status=Status.EXPIRED)
    return document


def _visible(document: Document, filters: Filters) -> bool:
    if document.status in GONE and not filters.include_repealed:
        return False
    if filters.audience is Role.RESIDENT and document.audience and _STAFF_ONLY.issuperset(document.audience):
        return False
    return _applies(document.region, filters.region)


def _applies(region: str, wanted: str) -> bool:
    return not wanted or region in _EVERYWHERE or wanted.startswith(region) or region.startswith(wanted)


def _alike(title: str, said: str) -> bool:
    """Whether one name is a good part of the other, as in a title without its issuer."""
    return min(len(said), len(title)) >= _SHORTEST_NAME and (said in title or title in said)
