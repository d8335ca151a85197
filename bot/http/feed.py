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

from bot.live import Growing, read
from bot.platforms.web import log_key
from bot.store import Store, translated

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
        events = [event async for event in self._logged(conversation, Cursor())]
        return events, events[-1].cursor if events else Cursor()

    async def events(self, conversation: str, cursor: Cursor) -> list[Event]:
        """What came after `cursor`, in order; empty if nothing did."""
        found = [event async for event in self._logged(conversation, cursor)]
        cursor = found[-1].cursor if found else cursor
        growing = await read(self._store, conversation)
        with translated():
            waiting = await self._store.redis.exists(self._store.key("in", "state", conversation))
        working = bool(growing or waiting)
        if working != cursor.working:
            cursor = replace(cursor, working=working)
            found.append(Event(cursor, "status", {"state": "working" if working else "idle"}))
        return found + _grown(growing, cursor)

    async def _logged(self, conversation: str, cursor: Cursor) -> AsyncIterator[Event]:
        with translated():
            entries: Any = await self._store.redis.xrange(log_key(self._store, conversation), f"({cursor.log}")
        for id_, fields in entries:
            entry = json.loads(fields[b"e"])
            cursor = replace(cursor, log=id_.decode())
            yield Event(cursor, entry["event"], entry["data"])

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


def _grown(growing: Growing | None, cursor: Cursor) -> list[Event]:
    """The part of the growing text that the reader has not seen; from the beginning if the turn started over."""
    if growing is None:
        return []
    found: list[Event] = []
    seen = cursor.offset if cursor.lease == growing.lease else 0
    if cursor.lease not in (0, growing.lease):
        cursor = replace(cursor, lease=growing.lease, offset=0)
        found.append(Event(cursor, "reset", {"turn": growing.turn}))
    if len(growing.text) > seen:
        cursor = replace(cursor, lease=growing.lease, offset=len(growing.text))
        found.append(Event(cursor, "delta", {"turn": growing.turn, "offset": seen, "text": growing.text[seen:]}))
    return found
