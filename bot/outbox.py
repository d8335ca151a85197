"""The outbox: everything that leaves, one line per conversation, one send call per item.

What a turn wants to send is put here by the turn's own commit. The gate is asked right before each send: is the lease
still ours, may the bot still speak, is it too late, is the platform's pace kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bot import records
from bot.lane import Claim, Lane
from bot.platforms import Pace
from bot.store import Store, translated

Verdict = Literal["send", "stale", "owner", "late", "wait"]

OWNER_SECONDS = 90 * 86_400
"""How long a conversation's owner outlives its last change; the desk renews it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One send call. `key` is unique per item and stable over retries; `epoch` is the owner epoch under which the bot
    wrote it (None: not the bot's words, the gate lets it pass); `not_after` is in seconds since the epoch.
    """

    key: str
    platform: str
    account: str
    conversation: str
    recipient: str
    call: str
    body: dict[str, Any]
    paced: bool = True
    origin: dict[str, str] = field(default_factory=dict)
    epoch: int | None = None
    not_after: float | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """An item that did not leave. `why` is owner, late or undeliverable; `code` and `remedy` are the platform's, or
    `code` is 0 where our own program could not make the call.
    """

    key: str
    account: str
    why: str
    code: int
    remedy: str
    time: float


class Outbox:
    """The lane of outbound items. `lease` is in seconds; a sender holds on to it while it sends."""

    def __init__(self, store: Store, *, lease: float) -> None:
        self.store = store
        self.lane = Lane(store, "out", lease=lease)

    async def put(self, item: Item) -> None:
        """Send this outside any turn, after everything already waiting in its conversation."""
        await self.lane.put(item.conversation, records.dump(item))

    async def gate(self, claim: Claim, item: Item, paces: Sequence[Pace]) -> tuple[Verdict, float]:
        """May `item` leave now? One atomic step that also renews the lease. With "wait" come the seconds to wait."""
        answer = await self.store.run(
            "outbox_gate",
            self.store.unit,
            claim.conversation,
            claim.lease,
            self.lane.lease_ms,
            "" if item.epoch is None else item.epoch,
            "" if item.not_after is None else int(item.not_after * 1000),
            f"{item.platform}/{item.account}/{item.recipient}" if item.paced and paces else "",
            *(number for pace in paces for number in (pace.count, pace.seconds)),
        )
        verdict: Verdict = answer[0].decode()
        return verdict, answer[1] / 1000 if verdict == "wait" else 0.0

    async def drop(self, item: Item, why: str, *, code: int = 0, remedy: str = "") -> None:
        """Record that `item` will not leave. The last 200 are kept for 30 days, without their words, for the doctor."""
        entry = Dropped(item.key, f"{item.platform}/{item.account}", why, code, remedy, time.time())
        key = self.store.key("dropped")
        with translated():
            async with self.store.redis.pipeline(transaction=True) as pipe:
                pipe.lpush(key, records.dump(entry))
                pipe.ltrim(key, 0, 199)
                pipe.expire(key, 30 * 86_400)
                pipe.hincrby(self.store.key("counts"), f"dropped:{why}", 1)
                await pipe.execute()

    async def dropped(self) -> list[Dropped]:
        """What did not leave lately, newest first."""
        with translated():
            entries: list[bytes] = await self.store.redis.lrange(self.store.key("dropped"), 0, -1)  # type: ignore[assignment]
        return records.load_known(Dropped, entries)

    async def count(self, what: str) -> None:
        with translated():
            await self.store.redis.hincrby(self.store.key("counts"), what, 1)

    async def change_owner(self, conversation: str, owner: str, announcement: Item | None = None) -> int:
        """From here on `owner` speaks: the epoch rises, and nothing the bot wrote before leaves after the announcement,
        which queues behind any send in flight. Returns the new epoch.
        """
        said = records.dump(announcement) if announcement else b""
        epoch: int = await self.store.run("owner_change", self.store.unit, conversation, owner, OWNER_SECONDS, said)
        return epoch
