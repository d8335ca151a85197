"""Text while it is being written: a short-lived value that every streaming surface reads.

The writer appends under its lease and its owner epoch, compared in the same step; the committed reply removes it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.errors import StaleLease, StoreUnavailable
from bot.inbox import Work
from bot.store import Store, translated

SECONDS = 600
"""A turn takes at most three minutes; a reader may come a little later."""


@dataclass(frozen=True, slots=True)
class Growing:
    """What is visible so far of one turn's answer. A new `lease` means the turn started over."""

    turn: str
    lease: int
    text: str


async def read(store: Store, conversation: str) -> Growing | None:
    """The growing text, or None when no turn is showing any."""
    with translated():
        turn, lease, text = await store.redis.hmget(  # type: ignore[misc]
            store.key("live", conversation), ["turn", "lease", "text"]
        )
    return Growing(turn.decode(), int(lease), text.decode()) if turn else None


class LiveWriter:
    """Appends one turn's text. Deltas that come faster than `pause` seconds are joined; the first leaves at once.

    Raises `StaleLease` from `write` once another worker holds the conversation or another one speaks in it. A store that
    is away costs only the liveliness: the text is kept and joined to the next append.
    """

    def __init__(self, store: Store, work: Work, turn: str, *, pause: float = 0.1) -> None:
        self._store = store
        self._work = work
        self._turn = turn
        self._pause = pause
        self._pending = ""
        self._next = 0.0

    async def write(self, text: str) -> None:
        self._pending += text
        if self._pending and asyncio.get_running_loop().time() >= self._next:
            await self.flush()

    async def flush(self) -> None:
        if not self._pending:
            return
        claim, text = self._work.claim, self._pending
        try:
            kept = await self._store.run(
                "live_append",
                self._store.unit,
                claim.conversation,
                claim.lease,
                self._work.epoch,
                self._turn,
                text,
                SECONDS,
            )
        except StoreUnavailable:
            return
        if not kept:
            raise StaleLease(claim.conversation)
        self._pending = self._pending[len(text) :]
        self._next = asyncio.get_running_loop().time() + self._pause
