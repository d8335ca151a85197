"""What a page follows: the log of its conversation and the answer that is being written, as one line of events.

A cursor is `log/lease/offset/state`: the last log entry seen, how much of which attempt's growing text, and whether the
page was told that work is under way. It holds all a reader needs, so any replica can go on after it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from bot.live import Growing, growing
from bot.platforms.web import log_key
from bot.store import Store

START = "0-0"
_CURSOR = re.compile(r"([0-9]{1,15}-[0-9]{1,15})/([0-9]{1,15})/([0-9]{1,15})/([wi])")
"""No number is longer than the store and `int` take."""


@dataclass(frozen=True, slots=True)
class Cursor:
    log: str = START
    lease: int = 0
    offset: int = 0
    working: bool = False

    def __str__(self) -> str:
        return f"{self.log}/{self.lease}/{self.offset}/{'w' if self.working else 'i'}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor of `text`; the beginning for anything we did not write."""
        found = _CURSOR.fullmatch(text)
        return cls(found[1], int(found[2]), int(found[3]), found[4] == "w") if found else cls()


@dataclass(frozen=True, slots=True)
class Event:
    cursor: Cursor
    event: str
    data: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"id": str(self.cursor), "event": self.event, "data": self.data}

    def as_block(self) -> bytes:
        data = json.dumps(self.data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {self.cursor}\nevent: {self.event}\ndata: {data}\n\n".encode()


class Feed:
    """Reads conversations for pages and wakes their readers. Run `listen` in a task of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._readers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def history(self, conversation: str) -> tuple[list[Event], Cursor]:
        """All that is kept, and the cursor after it."""
        entries, _, _ = await self._look(conversation, Cursor())
        events = _logged(entries, Cursor())
        return events, events[-1].cursor if events else Cursor()

    async def events(self, conversation: str, cursor: Cursor) -> list[Event]:
        """What came after `cursor`, in order; empty if nothing did."""
        entries, fields, waiting = await self._look(conversation, cursor)
        found = _logged(entries, cursor)
        cursor = found[-1].cursor if found else cursor
        answer = growing(fields)
        working = bool(answer or waiting)
        if working != cursor.working:
            cursor = replace(cursor, working=working)
            found.append(Event(cursor, "status", {"state": "working" if working else "idle"}))
        return found + _grown(answer, cursor)

    async def _look(self, conversation: str, cursor: Cursor) -> tuple[list[Any], list[bytes], int]:
        """Log entries after the cursor, fields of the growing answer, whether work is under way."""
        live, state = self._store.key("live", conversation), self._store.key("in", "state", conversation)
        keys = (log_key(self._store, conversation), live, state)
        entries, fields, waiting = await self._store.run_shared("feed_read", cursor.log, keys=keys)
        return entries, fields, waiting

    @asynccontextmanager
    async def watching(self, conversation: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever something of this conversation changed."""
        changed = asyncio.Event()
        self._readers[conversation].add(changed)
        try:
            yield changed
        finally:
            self._readers[conversation].discard(changed)
            if not self._readers[conversation]:
                del self._readers[conversation]

    async def listen(self) -> None:
        """Until cancelled. After an absence of the store everybody looks again."""
        async for conversation in self._store.rings("feed"):
            if conversation is None:
                self.wake_all()
            else:
                self._wake(conversation)

    def _wake(self, conversation: str) -> None:
        for changed in self._readers.get(conversation, ()):
            changed.set()

    def wake_all(self) -> None:
        """Every reader looks again."""
        for conversation in self._readers:
            self._wake(conversation)


def _logged(entries: list[Any], cursor: Cursor) -> list[Event]:
    """Log entries as events; an entry is its id, then names and values in turn."""
    found = []
    for id_, fields in entries:
        entry = json.loads(dict(zip(fields[::2], fields[1::2], strict=True))[b"e"])
        cursor = replace(cursor, log=id_.decode())
        found.append(Event(cursor, entry["event"], entry["data"]))
    return found


def _grown(answer: Growing | None, cursor: Cursor) -> list[Event]:
    """The part of the growing text that the reader has not seen; from the beginning if the turn started over."""
    if answer is None:
        return []
    found: list[Event] = []
    seen = cursor.offset if cursor.lease == answer.lease else 0
    if cursor.lease not in (0, answer.lease):
        cursor = replace(cursor, lease=answer.lease, offset=0)
        found.append(Event(cursor, "reset", {"turn": answer.turn}))
    if len(answer.text) > seen:
        cursor = replace(cursor, lease=answer.lease, offset=len(answer.text))
        found.append(Event(cursor, "delta", {"turn": answer.turn, "offset": seen, "text": answer.text[seen:]}))
    return found
