"""The lane: one line per conversation, claimed under a lease. The inbox and the outbox are both lanes.

*put* appends and makes an idle conversation due; *claim* takes the conversation that is due first, for `lease` seconds;
*renew* and *release* are refused once the lease number is no longer theirs. A crash is nothing but a lease that runs
out. All times come from the store's clock. The scripts are in `bot/lua/lane.lua`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog

from bot.errors import StaleLease, StoreUnavailable, place_of
from bot.store import AWAY_SECONDS, Store

log = structlog.get_logger("lane")

C = TypeVar("C")
T = TypeVar("T")

MOST_ITEMS = 50
"""How many waiting items one claim reads; the rest stays for the next."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One conversation under lease with its waiting items, oldest first. `tries` counts exceptions and `lost` leases
    that ran out since the head item came to the head.
    """

    conversation: str
    lease: int
    tries: int
    lost: int
    items: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing is due; the next conversation will be in `seconds` (None: nothing waits)."""

    seconds: float | None


def parse_claim(answer: list[Any]) -> Claim | Idle:
    if not answer[0]:
        return Idle(None if answer[1] < 0 else answer[1] / 1000)
    conversation, lease, tries, lost, items = answer[1:6]
    return Claim(conversation.decode(), lease, tries, lost, tuple(items))


class Lane:
    """One of the tenant's two lanes. `lease` is in seconds."""

    def __init__(self, store: Store, name: str, *, lease: float) -> None:
        self.store = store
        self.key = store.key(name)
        self.bell = f"{name}:bell"
        self.lease = lease

    @property
    def lease_ms(self) -> int:
        return int(self.lease * 1000)

    async def put(self, conversation: str, item: bytes) -> None:
        """Append and make due at once, unless somebody holds the conversation."""
        await self.store.run("lane_put", self.key, conversation, item, 0, 0)

    async def claim(self) -> Claim | Idle:
        return parse_claim(await self.store.run("lane_claim", self.key, self.lease_ms, MOST_ITEMS))

    async def renew(self, claim: Claim) -> bool:
        """Hold on for another lease; False when it was lost."""
        return bool(await self.store.run("lane_renew", self.key, claim.conversation, claim.lease, self.lease_ms))

    async def held(self, claim: Claim, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, while the lease is renewed; raises `StaleLease` as soon as it is lost."""
        task = asyncio.ensure_future(work)
        renewing = asyncio.create_task(self._renew_until_lost(claim))
        try:
            await asyncio.wait({task, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise StaleLease(claim.conversation)
            return task.result()
        finally:
            for one in (task, renewing):
                one.cancel()
            await asyncio.gather(task, renewing, return_exceptions=True)

    async def _renew_until_lost(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(self.lease / 3)
            try:
                if not await self.renew(claim):
                    return
            except StoreUnavailable:
                continue

    async def release(self, claim: Claim, *, delay: float = 0, failed: bool = False) -> bool:
        """Give the conversation back, all items in place, due again after `delay` seconds."""
        args = (self.key, claim.conversation, claim.lease, int(delay * 1000), int(failed))
        return bool(await self.store.run("lane_release", *args))

    async def commit(self, claim: Claim, count: int, *, keep: bool = False) -> bool:
        """Remove the first `count` items; with `keep` the lease goes on for the rest. False when the lease was lost."""
        lease_ms = self.lease_ms if keep else ""
        left: int = await self.store.run("lane_commit", self.key, claim.conversation, claim.lease, count, lease_ms)
        return left >= 0

    async def waiting(self) -> int:
        """Conversations with anything in them."""
        return int(await self.store.redis.zcard(f"{self.key}:due"))


class Crew(Generic[C]):
    """Claims from one lane and works each claim in a task of its own, at most `hands` at once.

    `work` is awaited with each claim and must settle it (commit or release). The bell wakes an idle crew; a slow poll
    is the safety net when a bell is lost.
    """

    POLL_SECONDS = 1.0

    def __init__(
        self,
        lane: Lane,
        *,
        claim: Callable[[], Awaitable[C | Idle]],
        work: Callable[[C], Coroutine[Any, Any, None]],
        hands: int,
    ) -> None:
        self._lane = lane
        self._claim = claim
        self._work = work
        self._free = asyncio.Semaphore(hands)
        self._rung = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled. Outlives the store: while it is away, claims are tried again each second."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._hire())

    async def drain(self, grace: float) -> None:
        """Let running work finish for up to `grace` seconds, then cancel it; each piece gives its claim back."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=grace)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=5)

    async def _hire(self) -> None:
        while True:
            await self._free.acquire()
            self._rung.clear()
            try:
                claim = await self._claim()
            except StoreUnavailable:
                self._free.release()
                await asyncio.sleep(AWAY_SECONDS)
                continue
            if isinstance(claim, Idle):
                self._free.release()
                await self._wait(claim.seconds)
                continue
            task = asyncio.create_task(self._work(claim))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free.release()
        if not task.cancelled() and (error := task.exception()):
            # Work settles its own errors, so this is a bug; the lease will run out. The error itself may hold words.
            log.error("unsettled", lane=self._lane.key, error=place_of(error))

    async def _wait(self, seconds: float | None) -> None:
        wait = self.POLL_SECONDS if seconds is None else min(max(seconds, 0.001), self.POLL_SECONDS)
        try:
            async with asyncio.timeout(wait):
                await self._rung.wait()
        except TimeoutError:
            pass

    async def _listen(self) -> None:
        async for _ in self._lane.store.rings(self._lane.bell):
            self._rung.set()
