"""The outbox: in order, one speaker, at the platform's pace."""

from __future__ import annotations

import pytest

from bot import records
from bot.lane import Claim
from bot.outbox import Item, Outbox
from bot.platforms import Pace
from bot.store import Store


@pytest.fixture
def outbox(store: Store) -> Outbox:
    return Outbox(store, lease=5)


def item(key: str, *, epoch: int | None = 0, not_after: float | None = None) -> Item:
    return Item(key, "wecom-app", "a", "c", "limei", "text", {"text": key}, epoch=epoch, not_after=not_after)


async def claimed(outbox: Outbox) -> Claim:
    claim = await outbox.lane.claim()
    assert isinstance(claim, Claim)
    return claim


async def clear(outbox: Outbox, claim: Claim) -> None:
    await outbox.lane.commit(claim, len(claim.items))


async def test_nothing_of_the_bot_leaves_after_a_takeover(outbox: Outbox) -> None:
    """The epoch rises with the announcement; what the bot wrote before it and after it is stopped at the gate."""
    await outbox.put(item("before"))
    hello = item("announcement", epoch=None)
    assert await outbox.change_owner("c", "limei", hello) == 1
    await outbox.put(item("composed under the old epoch"))
    claim = await claimed(outbox)
    verdicts = [(await outbox.gate(claim, records.load(Item, raw), ()))[0] for raw in claim.items]
    assert verdicts == ["owner", "send", "owner"]
    await clear(outbox, claim)


async def test_the_bot_speaks_again_under_a_new_epoch(outbox: Outbox) -> None:
    """Coming back is a change of owner too: only words of the new epoch leave."""
    await outbox.change_owner("c", "limei")
    epoch = await outbox.change_owner("c", "bot")
    await outbox.put(item("new", epoch=epoch))
    claim = await claimed(outbox)
    assert (await outbox.gate(claim, item("old", epoch=0), ()))[0] == "owner"
    assert (await outbox.gate(claim, item("new", epoch=epoch), ()))[0] == "send"
    await clear(outbox, claim)


async def test_a_stale_sender_is_stopped_at_the_gate(outbox: Outbox) -> None:
    """A send is asked for under a lease; without it nothing leaves."""
    await outbox.put(item("a"))
    old = await claimed(outbox)
    await outbox.store.redis.zadd(outbox.store.key("out", "due"), {"c": 1})
    new = await claimed(outbox)
    assert (await outbox.gate(old, item("a"), ()))[0] == "stale"
    assert (await outbox.gate(new, item("a"), ()))[0] == "send"
    await clear(outbox, new)


async def test_what_is_too_late_is_not_sent(outbox: Outbox) -> None:
    """`not_after` is compared with the store's clock."""
    await outbox.put(item("a"))
    claim = await claimed(outbox)
    assert (await outbox.gate(claim, item("a", not_after=1.0), ()))[0] == "late"
    assert (await outbox.gate(claim, item("a", not_after=4e9), ()))[0] == "send"
    await clear(outbox, claim)


async def test_the_pace_is_kept_over_all_windows(outbox: Outbox) -> None:
    """After the allowed sends the next must wait for the window, not for a fixed time."""
    await outbox.put(item("a"))
    claim = await claimed(outbox)
    paces = (Pace(3, 60), Pace(1000, 3600))
    verdicts = [await outbox.gate(claim, item("a"), paces) for _ in range(4)]
    assert [verdict for verdict, _ in verdicts] == ["send", "send", "send", "wait"]
    assert 0 < verdicts[-1][1] <= 60
    await clear(outbox, claim)


async def test_paces_of_two_people_are_their_own(outbox: Outbox) -> None:
    """One person's many messages do not delay another's."""
    await outbox.put(item("a"))
    claim = await claimed(outbox)
    other = Item("b", "wecom-app", "a", "c", "wangwu", "text", {}, epoch=0)
    assert (await outbox.gate(claim, item("a"), (Pace(1, 60),)))[0] == "send"
    assert (await outbox.gate(claim, other, (Pace(1, 60),)))[0] == "send"
    assert (await outbox.gate(claim, item("a"), (Pace(1, 60),)))[0] == "wait"
    await clear(outbox, claim)


async def test_what_cannot_leave_is_recorded_without_words(outbox: Outbox) -> None:
    """The operator sees which account, why and what to do; never what was said."""
    await outbox.drop(item("secret words"), "undeliverable", code=60011, remedy="visible_range")
    (dropped,) = await outbox.dropped()
    assert (dropped.account, dropped.why, dropped.code) == ("wecom-app/a", "undeliverable", 60011)
    assert b'"text"' not in await outbox.store.redis.lindex(outbox.store.key("dropped"), 0)
