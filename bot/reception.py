"""The reception: every verified message passes here on its way into the inbox, whatever door it came through."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bot.errors import StoreUnavailable
from bot.inbox import Accepted, Inbox, Log
from bot.message import Message, Outcome
from bot.outbox import Outbox
from bot.prompts import Replies
from bot.store import translated
from bot.turn import Surfaces, effects, number_of

TOLD_SECONDS = 60
"""A person is told their place at most this often."""


@dataclass(frozen=True, slots=True)
class Reception:
    """`backlog` is how many conversations may wait before people are told their place in line."""

    inbox: Inbox
    outbox: Outbox
    surfaces: Surfaces
    replies: Replies
    backlog: int

    async def accept(self, message: Message, log: Log | None = None) -> Accepted:
        """Durable when this returns. Raises `StoreUnavailable`; then nothing may be acknowledged."""
        accepted = await self.inbox.receive(message, log)
        if accepted.waiting > self.backlog and not accepted.duplicate:
            await self._tell_place(message, accepted.waiting)
        return accepted

    async def _tell_place(self, message: Message, waiting: int) -> None:
        """The message is safe already, so a store that fails here costs only the courtesy."""
        told = self.inbox.store.key("told", message.conversation)
        try:
            with translated():
                first = await self.inbox.store.redis.set(told, 1, nx=True, ex=TOLD_SECONDS)
            if first:
                await self._put_notice(message, waiting)
        except StoreUnavailable:
            return

    async def _put_notice(self, message: Message, waiting: int) -> None:
        key = f"{message.id}/wait"
        reply = self.replies.reply(Outcome.NOTICE_WAIT, number=number_of(key), ahead=str(waiting - 1))
        for item in effects(self.surfaces, message, reply, key=key, epoch=None, now=time.time()):
            await self.outbox.lane.put(message.conversation, item)
        await self.outbox.count("told_to_wait")
