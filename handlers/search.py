"""What a handler needs of the policy library."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.library import Filters, Library
from bot.message import Role, Source

_MOST = 8
"""More clauses than an answer names, since one may be found twice."""


class Hit(Protocol):
    """One clause that was found. `evidence` says from 0 to 1 how much of the question it covers."""

    @property
    def evidence(self) -> float: ...

    def source(self) -> Source: ...


class Search(Protocol):
    def search(self, query: str, *, audience: Role, include_repealed: bool) -> Sequence[Hit]:
        """Clauses, best first. Blocks; call it in a thread."""
        ...


async def found(search: Search, query: str, *, audience: Role, include_repealed: bool = False) -> Sequence[Hit]:
    """The clauses for `query`, without holding up the loop."""
    return await asyncio.to_thread(search.search, query, audience=audience, include_repealed=include_repealed)


@dataclass(frozen=True, slots=True)
class LibrarySearch:
    """The policy library as a `Search`."""

    library: Library

    def search(self, query: str, *, audience: Role, include_repealed: bool) -> Sequence[Hit]:
        filters = Filters(audience=audience, include_repealed=include_repealed)
        return self.library.search(query, filters, _MOST)
