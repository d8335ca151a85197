"""The worker: claims conversations, takes turns, commits."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

import structlog

from bot.errors import StaleLease, StoreUnavailable, place_of
from bot.inbox import Failure, Inbox, Work, parse_items
from bot.lane import Crew, Idle
from bot.live import LiveWriter
from bot.message import Message, Outcome, Reply
from bot.people import Employee
from bot.prompts import Replies
from bot.router import Router, Turn
from bot.turn import Surfaces, effects, failure_id, number_of, take_turn, turn_of

log = structlog.get_logger("worker")

MOST_TRIES = 3
MOST_LOST = 5
UNKNOWN_SECONDS = 5.0
"""How long to leave alone what a newer program wrote, before looking whether one has come to take it."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """`seconds` is the most a turn may take; `turns` how many run at once; `grace` how long a stop waits for them."""

    seconds: float = 180.0
    turns: int = 400
    grace: float = 20.0


class Worker:
    """Takes turns until stopped. Owns nothing but its tasks."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        router: Router,
        surfaces: Surfaces,
        employees: dict[tuple[str, str], Employee],
        replies: Replies,
        pacing: Pacing,
    ) -> None:
        self._inbox = inbox
        self._router = router
        self._surfaces = surfaces
        self._employees = employees
        self._replies = replies
        self._pacing = pacing
        self._crew: Crew[Work] = Crew(inbox.lane, claim=self._take, work=self._settle, hands=pacing.turns)

    async def run(self) -> None:
        """Until cancelled; then running turns finish within the grace or are handed back."""
        try:
            await self._crew.run()
        finally:
            await self._crew.drain(self._pacing.grace)

    async def _take(self) -> Work | Idle:
        return await self._inbox.take()

    async def _settle(self, work: Work) -> None:
        """One claim to its end: committed, failed with another try to come, or handed back untouched."""
        try:
            if not work.messages or not self._knows(work.messages[-1]):
                await self._inbox.lane.release(work.claim, delay=UNKNOWN_SECONDS)
            elif work.claim.lost >= MOST_LOST:
                await self._give_up(work, Outcome.ERROR_INTERRUPTED, f"{work.claim.lost} lost leases")
            else:
                await self._attempt(work)
        except StaleLease:
            log.info("lease lost", conversation=work.claim.conversation)
        except StoreUnavailable:
            log.warning("store away, turn left to its lease", conversation=work.claim.conversation)
        except asyncio.CancelledError:
            with suppress(StoreUnavailable):
                await self._inbox.lane.release(work.claim)
            raise

    async def _attempt(self, work: Work) -> None:
        started = time.monotonic()
        try:
            reply = await self._inbox.lane.held(work.claim, self._answer(work))
            sends = self._sends(work, reply)
        except (StaleLease, StoreUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - the door: whatever a handler raises ends as a retry or an apology
            await self._failed(work, error)
            return
        await self._commit(work, reply, sends)
        log.info(
            "turn",
            conversation=work.claim.conversation,
            messages=len(work.messages),
            outcome=reply.outcome,
            ms=round((time.monotonic() - started) * 1000),
        )

    def _knows(self, message: Message) -> bool:
        """Not of an account that only another program's configuration has."""
        account = message.platform, message.account
        return account in self._employees and account in self._surfaces

    async def _answer(self, work: Work) -> Reply:
        turn_id = work.messages[0].id
        live = LiveWriter(self._inbox.store, work, turn_id)
        try:
            async with asyncio.timeout(self._pacing.seconds):
                return await take_turn(self._router, self._turn(work, live))
        finally:
            await live.aclose()

    def _turn(self, work: Work, live: LiveWriter) -> Turn:
        return turn_of(work, self._employee(work.messages[-1]), time.time(), live.write)

    def _employee(self, message: Message) -> Employee:
        return self._employees[message.platform, message.account]

    async def _failed(self, work: Work, error: Exception) -> None:
        tries = work.claim.tries + 1
        # The traceback may quote a value; the type and the place say enough and hold no one's words.
        log.error("turn failed", conversation=work.claim.conversation, tries=tries, error=place_of(error))
        if tries >= MOST_TRIES:
            await self._give_up(work, Outcome.ERROR_HANDLER, place_of(error))
        else:
            await self._inbox.lane.release(work.claim, delay=float(tries), failed=True)

    async def _give_up(self, work: Work, outcome: Outcome, cause: str) -> None:
        """An apology to the person and an entry for the operator."""
        turn_id = work.messages[0].id
        reply = self._replies.reply(outcome, number=number_of(turn_id))
        try:
            sends = self._sends(work, reply)
        except Exception as error:  # noqa: BLE001 - an apology that cannot be drawn must not hold up the line
            log.error("no apology", conversation=work.claim.conversation, error=place_of(error))
            sends = []
        failure = Failure(
            id=failure_id(turn_id),
            conversation=work.claim.conversation,
            outcome=outcome,
            cause=cause,
            time=time.time(),
            items=parse_items(work),
        )
        await self._commit(work, reply, sends, failure)
        log.error("message given up", conversation=work.claim.conversation, failure=failure.id, cause=cause)

    def _sends(self, work: Work, reply: Reply) -> list[bytes]:
        """The reply as outbox items. Their keys carry the lease: a message that is replayed is answered anew."""
        first, last = work.messages[0], work.messages[-1]
        return effects(
            self._surfaces, last, reply, key=f"{first.id}/{work.claim.lease}", epoch=work.epoch, now=time.time()
        )

    async def _commit(self, work: Work, reply: Reply, sends: list[bytes], failure: Failure | None = None) -> None:
        now = time.time()
        forget = reply.outcome is Outcome.ANSWERED_FORGOTTEN
        question = "\n".join(m.text for m in work.messages)
        await self._inbox.commit(
            work,
            outcome=reply.outcome,
            conversation=None if forget else work.conversation.with_exchange(question, reply, now),
            effects=sends,
            failure=failure,
            now=now,
        )
