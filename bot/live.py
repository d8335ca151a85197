"""Text while it is being written: a short-lived value that every streaming surface reads.

The writer appends under its lease and its owner epoch, compared in the same step; the committed reply removes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from bot.errors import StaleLease, StoreUnavailable
from bot.inbox import Work
from bot.store import Store

SECONDS = 600
"""A turn takes at most three minutes; a reader may come a little later."""


@dataclass(frozen=True, slots=True)
class Growing:
    """What is visible so far of one turn's answer. A new `lease` means the turn started over."""

    turn: str
    lease: int
    text: str


def growing(fields: Sequence[bytes]) -> Growing | None:
    """From the stored names and values in turn; None when no turn is showing any text."""
    if not fields:
        return None
    value = dict(zip(fields[::2], fields[1::2], strict=True))
    return Growing(value[b"turn"].decode(), int(value[b"lease"]), value[b"text"].decode())


class LiveWriter:
    """Appends one turn's text. Deltas that come faster than `pause` seconds are joined; the first leaves at once.

    Raises `StaleLease` from `write` once another worker holds the conversation or another one speaks in it. A store
    that is away costs only the liveliness: the text is kept and joined to the next append. Close it before the commit.
    """

    def __init__(self, store: Store, work: Work, turn: str, *, pause: float = 0.25) -> None:
        self._store = store
        self._work = work
        self._turn = turn
        self._pause = pause
        self._pending = ""
        self._stale = False
        self._pulse: asyncio.Task[None] | None = None

    async def write(self, text: str) -> None:
        self._pending += text
        if self._pulse is None:
            await self._append()
            self._pulse = asyncio.create_task(self._keep_pulse())
        if self._stale:
            raise StaleLease(self._work.claim.conversation)

    async def aclose(self) -> None:
        """Stop appending; what was not shown yet is in the reply."""
        if self._pulse:
            self._pulse.cancel()
            with suppress(asyncio.CancelledError):
                await self._pulse

    async def _keep_pulse(self) -> None:
        while not self._stale:
            await asyncio.sleep(self._pause)
            await self._append()

    async def _append(self) -> None:
        if not self._pending:
            return
        text, claim = self._pending, self._work.claim
        where = (self._store.unit, claim.conversation, claim.lease, self._work.epoch, self._turn)
        try:
            self._stale = not await self._store.run_shared("live_append", *where, text, SECONDS)
        except StoreUnavailable:
            return
        self._pending = self._pending[len(text) :]
