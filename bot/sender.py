"""The sender: claims conversations of the outbox and makes their send calls, in order."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

import structlog

from bot import records
from bot.errors import StaleLease, StoreUnavailable, Unavailable, Undeliverable, UnknownVersion, place_of
from bot.lane import Claim, Crew, Idle
from bot.outbox import Item, Outbox
from bot.platforms import Delivery, Surface, Wire
from bot.turn import Surfaces

log = structlog.get_logger("sender")

LONGEST_BACKOFF = 60.0
UNKNOWN_SECONDS = 5.0
MOST_TRIES = 5
"""How often a send that fails in a way nobody foresaw is tried before it counts as undeliverable."""


@dataclass(frozen=True, slots=True)
class _Later(Exception):
    """Stop here and come back after `seconds`."""

    seconds: float
    failed: bool = False


class Sender:
    """Sends until stopped. `hands` conversations at once, each strictly in order."""

    def __init__(self, *, outbox: Outbox, surfaces: Surfaces, hands: int = 200, grace: float = 20.0) -> None:
        self._outbox = outbox
        self._surfaces = surfaces
        self._grace = grace
        self._crew: Crew[Claim] = Crew(outbox.lane, claim=self._take, work=self._settle, hands=hands)

    async def run(self) -> None:
        """Until cancelled; then sends under way are finished."""
        try:
            await self._crew.run()
        finally:
            await self._crew.drain(self._grace)

    async def _take(self) -> Claim | Idle:
        return await self._outbox.lane.claim()

    async def _settle(self, claim: Claim) -> None:
        try:
            await self._outbox.lane.held(claim, self._send_all(claim))
        except _Later as later:
            with suppress(StoreUnavailable):
                await self._outbox.lane.release(claim, delay=later.seconds, failed=later.failed)
        except StaleLease:
            log.info("outbox lease lost", conversation=claim.conversation)
        except StoreUnavailable:
            log.warning("store away, sends left to their lease", conversation=claim.conversation)
        except asyncio.CancelledError:
            with suppress(StoreUnavailable):
                await self._outbox.lane.release(claim)
            raise

    async def _send_all(self, claim: Claim) -> None:
        for n, raw in enumerate(claim.items, start=1):
            await self._send_one(claim, _item(raw))
            last = n == len(claim.items)
            if not await self._outbox.lane.commit(claim, 1, keep=not last):
                raise StaleLease(claim.conversation)

    async def _send_one(self, claim: Claim, item: Item) -> None:
        """Send, or drop what must not or cannot leave. Raises `_Later` when it must wait."""
        surface = self._surfaces.get((item.platform, item.account))
        verdict, seconds = await self._outbox.gate(claim, item, surface.paces if surface else ())
        if verdict == "stale":
            raise StaleLease(claim.conversation)
        if verdict == "wait":
            raise _Later(seconds)
        if verdict == "send":
            if surface is None:
                raise _Later(UNKNOWN_SECONDS)  # an account that another sender may know, until the item is too late
            await self._call(claim, surface, item)
        else:
            await self._outbox.drop(item, verdict)
            log.info("item dropped", conversation=claim.conversation, key=item.key, why=verdict)

    async def _call(self, claim: Claim, surface: Surface, item: Item) -> None:
        wire = Wire(item.call, item.body, item.paced)
        delivery = Delivery(item.key, item.conversation, item.recipient, wire, item.origin)
        started = time.monotonic()
        try:
            await surface.send(delivery)
        except Unavailable as error:
            seconds = backoff(claim.tries, error.retry_after)
            log.warning("send failed", conversation=claim.conversation, why=error.reason, again_in=seconds)
            raise _Later(seconds, failed=True) from error
        except Undeliverable as error:
            await self._outbox.drop(item, "undeliverable", code=error.code, remedy=error.remedy)
            log.error("undeliverable", conversation=claim.conversation, code=error.code, remedy=error.remedy)
            return
        except Exception as error:  # noqa: BLE001 - the door: one poisoned item must not hold up its line for ever
            await self._unforeseen(claim, item, error)
            return
        await self._outbox.count("sent")
        log.info("sent", key=item.key, call=item.call, ms=round((time.monotonic() - started) * 1000))

    async def _unforeseen(self, claim: Claim, item: Item, error: Exception) -> None:
        """A mistake of ours or a stranger's answer: tried again a few times, then recorded."""
        log.error("send broke", conversation=claim.conversation, tries=claim.tries + 1, error=place_of(error))
        if claim.tries + 1 < MOST_TRIES:
            raise _Later(backoff(claim.tries, 0.0), failed=True) from error
        await self._outbox.drop(item, "undeliverable")


def _item(raw: bytes) -> Item:
    try:
        return records.load(Item, raw)
    except UnknownVersion as error:
        raise _Later(UNKNOWN_SECONDS) from error


def backoff(tries: int, least: float) -> float:
    """Seconds before the next try: doubling from one, never less than the platform asks."""
    return max(least, min(LONGEST_BACKOFF, 2.0 ** min(tries, 10)))
