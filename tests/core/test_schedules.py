"""Random schedules of people, workers, senders and crashes, against the real scripts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import records
from bot.errors import StaleLease
from bot.inbox import Gathering, Inbox, Keeping, Work
from bot.lane import Claim
from bot.message import Message, Outcome, Text
from bot.outbox import Item, Outbox
from bot.store import Store

SCHEDULES = 2000
PEOPLE = 3

_run = count()

steps = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, PEOPLE - 1)),
        st.tuples(st.just("repeat"), st.integers(0, PEOPLE - 1)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("commit"), st.integers(0, 3)),
        st.tuples(st.just("fail"), st.integers(0, 3)),
        st.tuples(st.just("expire"), st.integers(0, PEOPLE - 1)),
        st.tuples(st.just("fetch"), st.just(0)),
        st.tuples(st.just("sent"), st.integers(0, 3)),
        st.tuples(st.just("expire send"), st.integers(0, PEOPLE - 1)),
    ),
    max_size=40,
)
"""A crash is a claim that is never settled: any step between "take" and "commit" may be the last of its worker."""


@dataclass
class World:
    """What the people said, what workers hold, what was committed and what was shown."""

    inbox: Inbox
    outbox: Outbox
    said: dict[str, list[str]] = field(default_factory=dict)
    taken: list[Work] = field(default_factory=list)
    fetched: list[Claim] = field(default_factory=list)
    shown: dict[str, list[str]] = field(default_factory=dict)
    repeats: int = 0

    async def step(self, action: str, n: int) -> None:
        match action:
            case "say":
                await self.say(f"p{n}")
            case "repeat":
                await self.repeat(f"p{n}")
            case "take":
                await self.take()
            case "commit" if self.taken:
                await self.commit(self.taken[n % len(self.taken)])
            case "fail" if self.taken:
                await self.inbox.lane.release(self.taken[n % len(self.taken)].claim, failed=True)
            case "expire":
                await self.expire("in", f"p{n}")
            case "fetch":
                await self.fetch()
            case "sent" if self.fetched:
                await self.send(self.fetched[n % len(self.fetched)])
            case "expire send":
                await self.expire("out", f"p{n}")

    async def say(self, person: str) -> None:
        said = self.said.setdefault(person, [])
        said.append(f"{person}-{len(said)}")
        assert not (await self.inbox.receive(message(person, said[-1]))).duplicate

    async def repeat(self, person: str) -> None:
        if self.said.get(person):
            assert (await self.inbox.receive(message(person, self.said[person][0]))).duplicate

    async def take(self) -> None:
        work = await self.inbox.take()
        if isinstance(work, Work):
            self.taken.append(work)

    async def commit(self, work: Work) -> None:
        texts = [m.text for m in work.messages]
        reply = Item(",".join(texts), "p", "a", work.claim.conversation, "r", "text", {"covers": texts})
        try:
            await self.inbox.commit(
                work, outcome=Outcome.ANSWERED, conversation=work.conversation, effects=[records.dump(reply)], now=0
            )
        except StaleLease:
            return

    async def fetch(self) -> None:
        claim = await self.outbox.lane.claim()
        if isinstance(claim, Claim):
            self.fetched.append(claim)

    async def send(self, claim: Claim) -> None:
        """One send call under this claim's lease; the crash may come before it is committed."""
        item = records.load(Item, claim.items[0])
        verdict, _ = await self.outbox.gate(claim, item, ())
        if verdict == "send":
            self.shown.setdefault(claim.conversation, []).extend(item.body["covers"])
            if not await self.outbox.lane.commit(claim, 1):
                self.repeats += 1
        self.fetched.remove(claim)

    async def expire(self, lane: str, conversation: str) -> None:
        key = self.inbox.store.key(lane, "due")
        await self.inbox.store.redis.zadd(key, {conversation: 1}, xx=True)

    async def finish(self) -> None:
        """Every lease runs out; one healthy worker and one healthy sender take over until nothing is left."""
        self.taken.clear()
        self.fetched.clear()
        for _ in range(200):
            for n in range(PEOPLE):
                await self.expire("in", f"p{n}")
                await self.expire("out", f"p{n}")
            await self.take()
            await self.fetch()
            if not self.taken and not self.fetched:
                return
            if self.taken:
                await self.commit(self.taken.pop())
            if self.fetched:
                await self.send(self.fetched[-1])
        raise AssertionError("the schedule does not come to rest")


def message(person: str, text: str) -> Message:
    return Message(text, "p", "a", person, person, (Text(text),), 0.0)


async def play(valkey: str, schedule: list[tuple[str, int]]) -> World:
    store = Store.at(valkey, f"s{next(_run)}")
    inbox = Inbox(store, lease=60, gathering=Gathering(0, 0), keeping=Keeping())
    world = World(inbox, Outbox(store, lease=60))
    try:
        for action, n in schedule:
            await world.step(action, n)
        await world.finish()
        left = await store.redis.keys(f"{store.unit}:*:box:*")
        assert not left
    finally:
        await store.redis.delete(*await store.redis.keys(f"{store.unit}*") or ["none"])
        await store.aclose()
    return world


@settings(max_examples=SCHEDULES, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedule=steps)
def test_every_message_is_answered_once_and_in_order(valkey: str, schedule: list[tuple[str, int]]) -> None:
    """Whatever crashes between whichever steps: everything said is covered by exactly one reply, in the order said."""
    world = asyncio.run(play(valkey, schedule))
    assert world.shown == {person: said for person, said in world.said.items() if said}
    assert world.repeats == 0
