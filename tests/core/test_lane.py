"""The lane: one line per conversation, whatever crashes."""

from __future__ import annotations

import asyncio

import pytest

from bot.lane import Claim, Idle, Lane
from bot.store import Store
from tests.conftest import Eventually


@pytest.fixture
def lane(store: Store) -> Lane:
    return Lane(store, "in", lease=5)


async def claimed(lane: Lane) -> Claim:
    claim = await lane.claim()
    assert isinstance(claim, Claim)
    return claim


async def expire(lane: Lane, conversation: str) -> None:
    """As if the lease had run out: the store's clock cannot be moved, the due time can."""
    await lane.store.redis.zadd(f"{lane.key}:due", {conversation: 1})


async def test_items_come_out_in_the_order_put(lane: Lane) -> None:
    """A conversation is a queue."""
    for item in (b"a", b"b", b"c"):
        await lane.put("x", item)
    claim = await claimed(lane)
    assert claim.items == (b"a", b"b", b"c")
    assert await lane.commit(claim, 3)


async def test_who_speaks_again_keeps_their_place(lane: Lane, eventually: Eventually) -> None:
    """Under load a person who keeps pressing buttons is still served in turn."""
    due = f"{lane.key}:due"
    await lane.put("first", b"1")
    since = await lane.store.redis.zscore(due, "first")

    async def later() -> bool:
        await lane.put("second", b"1")
        return await lane.store.redis.zscore(due, "second") > since

    assert await eventually(later)
    await lane.put("first", b"2")
    assert await lane.store.redis.zscore(due, "first") == since
    for conversation in ("first", "second"):
        claim = await claimed(lane)
        assert claim.conversation == conversation
        await lane.commit(claim, len(claim.items))


async def test_a_leased_conversation_is_claimed_by_nobody_else(lane: Lane) -> None:
    """No two turns of one conversation run at once, not even when more arrives meanwhile."""
    await lane.put("x", b"a")
    claim = await claimed(lane)
    await lane.put("x", b"b")
    second = await lane.claim()
    assert isinstance(second, Idle)
    assert second.seconds is not None
    assert second.seconds > 4
    await lane.commit(claim, 1)
    assert (await claimed(lane)).items == (b"b",)


async def test_a_stale_worker_is_refused_everything(lane: Lane) -> None:
    """After a takeover the old lease neither renews, releases nor commits."""
    await lane.put("x", b"a")
    old = await claimed(lane)
    await expire(lane, "x")
    new = await claimed(lane)
    assert new.lost == 1
    assert new.items == old.items
    assert not await lane.renew(old)
    assert not await lane.release(old)
    assert not await lane.commit(old, 1)
    assert await lane.commit(new, 1)


async def test_a_lease_number_is_never_reused(lane: Lane) -> None:
    """A worker that slept through an idle spell of its conversation cannot commit into the next one."""
    await lane.put("x", b"a")
    old = await claimed(lane)
    await expire(lane, "x")
    await lane.commit(await claimed(lane), 1)
    await lane.put("x", b"b")
    new = await claimed(lane)
    assert new.lease != old.lease
    assert not await lane.commit(old, 1)
    assert await lane.commit(new, 1)


async def test_a_failed_claim_comes_back_later_and_counts(lane: Lane) -> None:
    """Tries belong to the head item and start again for the next."""
    await lane.put("x", b"a")
    await lane.put("x", b"b")
    assert await lane.release(await claimed(lane), failed=True)
    claim = await claimed(lane)
    assert claim.tries == 1
    await lane.commit(claim, 1)
    assert (await claimed(lane)).tries == 0


async def test_a_new_item_does_not_shorten_a_backoff(lane: Lane) -> None:
    """A put during a wait appends and wakes nobody early."""
    await lane.put("x", b"a")
    await lane.release(await claimed(lane), delay=60, failed=True)
    await lane.put("x", b"b")
    idle = await lane.claim()
    assert isinstance(idle, Idle)
    assert idle.seconds is not None
    assert idle.seconds > 50
    await expire(lane, "x")
    assert (await claimed(lane)).items == (b"a", b"b")


async def test_an_idle_conversation_leaves_nothing_behind(lane: Lane) -> None:
    """State, box and due entry go with the last item."""
    await lane.put("x", b"a")
    await lane.commit(await claimed(lane), 1)
    keys = [key async for key in lane.store.redis.scan_iter(match=f"{lane.store.unit}*")]
    assert keys == [f"{lane.key}:leases".encode()]


async def test_many_workers_share_without_overlap(lane: Lane) -> None:
    """Fifty claims at once over ten conversations give each conversation to one."""
    for n in range(10):
        await lane.put(f"c{n}", b"a")
    claims = await asyncio.gather(*(lane.claim() for _ in range(50)))
    held = [claim.conversation for claim in claims if isinstance(claim, Claim)]
    assert sorted(held) == sorted({f"c{n}" for n in range(10)})
