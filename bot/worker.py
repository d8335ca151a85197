"""The worker: claims conversations, takes turns, commits."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

import structlog

from bot.errors import StaleLease, StoreUnavailable
from bot.inbox import Failure, Inbox, Work, parse_items
from bot.lane import Crew, Idle
from bot.live import LiveWriter
from bot.message import Message, Outcome, Reply
from bot.people import Employee
from bot.prompts import Replies
from bot.router import Router, Turn
from bot.turn import Surfaces, effects, number_of, take_turn, turn_of

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
            if not work.messages:
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
        except (StaleLease, StoreUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - the door: whatever a handler raises ends as a retry or an apology
            await self._failed(work, error)
            return
        await self._commit(work, reply)
        log.info(
            "turn",
            conversation=work.claim.conversation,
            messages=len(work.messages),
            outcome=reply.outcome,
            ms=round((time.monotonic() - started) * 1000),
        )

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
        failure = Failure(
            id=number_of(turn_id),
            conversation=work.claim.conversation,
            outcome=outcome,
            cause=cause,
            time=time.time(),
            items=parse_items(work),
        )
        await self._commit(work, reply, failure)
        log.error("message given up", conversation=work.claim.conversation, failure=failure.id, cause=cause)

    async def _commit(self, work: Work, reply: Reply, failure: Failure | None = None) -> None:
        now, message = time.time(), work.messages[-1]
        forget = reply.outcome is Outcome.ANSWERED_FORGOTTEN
        question = "\n".join(m.text for m in work.messages)
        sends = effects(self._surfaces, message, reply, key=work.messages[0].id, epoch=work.epoch, now=now)
        await self._inbox.commit(
            work,
            outcome=reply.outcome,
            conversation=None if forget else work.conversation.with_exchange(question, reply, now),
            effects=sends,
            failure=failure,
            now=now,
        )


def place_of(error: BaseException) -> str:
    """The error's type and where it was raised: what an operator needs, without anyone's words."""
    traceback = error.__traceback__
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    if traceback is None:
        return type(error).__name__
    return f"{type(error).__name__} at {traceback.tb_frame.f_globals.get('__name__')}:{traceback.tb_lineno}"
