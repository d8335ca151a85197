"""The outbox: everything that leaves, one line per conversation, one send call per item.

What a turn wants to send is put here by the turn's own commit. The gate is asked right before each send: is the lease
still ours, may the bot still speak, is it too late, is the platform's pace kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bot import records
from bot.lane import Claim, Lane
from bot.platforms import Pace
from bot.store import Store

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


class Outbox:
    """The lane of outbound items. `lease` is in seconds and longer than any single send call."""

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

    async def change_owner(self, conversation: str, owner: str, announcement: Item | None = None) -> int:
        """From here on `owner` speaks: the epoch rises, and nothing the bot wrote before leaves after the announcement,
        which queues behind any send in flight. Returns the new epoch.
        """
        said = records.dump(announcement) if announcement else b""
        epoch: int = await self.store.run(
            "owner_change", self.store.unit, conversation, owner, OWNER_SECONDS, said
        )
        return epoch
