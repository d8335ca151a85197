"""Worker and sender together: every way a turn can end, and what leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bot.conversation import Conversation
from bot.errors import Unavailable, Undeliverable
from bot.http.feed import Feed
from bot.inbox import Gathering, Inbox, Keeping
from bot.message import Message, Outcome, Paragraphs, Reply, Text
from bot.outbox import Outbox
from bot.people import Employee
from bot.platforms import Delivery, Pace, Wire
from bot.platforms.web import WebPage
from bot.prompts import Replies
from bot.router import Route, Router, Turn
from bot.sender import Sender
from bot.store import Store
from bot.turn import failure_id
from bot.worker import Pacing, Worker
from tests.conftest import Eventually

REPLIES = Replies({"outcomes": {"error_handler": "抱歉，请稍后再试。", "error_interrupted": "抱歉，处理中断。"}})
HURRY = """
for _, conv in ipairs(redis.call('ZRANGE', KEYS[1] .. ':due', 0, -1)) do
  if redis.call('HEXISTS', KEYS[1] .. ':state:' .. conv, 'lease') == 0 then
    redis.call('ZADD', KEYS[1] .. ':due', 1, conv)
  end
end
"""
EMPLOYEE = Employee("xiaofu", "小福", "示例单位", "", ("policy",))


@dataclass
class Screen:
    """A surface at the seam: one call per line of a reply, each recorded or failed as told."""

    shown: list[tuple[str, str]] = field(default_factory=list)
    troubles: list[Exception] = field(default_factory=list)
    paces: tuple[Pace, ...] = ()

    def render(self, reply: Reply, _: Message) -> tuple[Wire, ...]:
        return tuple(Wire("say", {"text": line}) for line in reply.text.splitlines())

    async def send(self, delivery: Delivery) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.shown.append((delivery.recipient, delivery.wire.body["text"]))


@dataclass
class House:
    inbox: Inbox
    outbox: Outbox
    screen: Screen
    handler: Callable[[Turn], Awaitable[Reply]]

    def worker(self, **pacing: float) -> Worker:
        return Worker(
            inbox=self.inbox,
            router=Router([Route("all", lambda _: True, self.handler)]),
            surfaces={("p", "a"): self.screen},
            employees={("p", "a"): EMPLOYEE},
            replies=REPLIES,
            pacing=Pacing(**pacing),
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        sender = Sender(outbox=self.outbox, surfaces={("p", "a"): self.screen})
        tasks = [asyncio.create_task(self.worker().run()), asyncio.create_task(sender.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def say(self, text: str, person: str = "x") -> None:
        await self.inbox.receive(Message(f"{person}:{text}", "p", "a", f"p/a/{person}", person, (Text(text),), 0.0))

    async def hurry(self) -> None:
        """Every wait in either lane is over now."""
        for lane in ("in", "out"):
            await self.inbox.store.redis.eval(HURRY, 1, self.inbox.store.key(lane))  # type: ignore[misc]

    async def quiet(self) -> bool:
        await self.hurry()
        return not (await self.inbox.lane.waiting() or await self.outbox.lane.waiting())


async def echo(turn: Turn) -> Reply:
    return Reply(Outcome.ANSWERED, (Paragraphs(f"re: {turn.question}"),))


@pytest.fixture
def house(store: Store) -> House:
    inbox = Inbox(store, lease=5, gathering=Gathering(0, 0), keeping=Keeping())
    return House(inbox, Outbox(store, lease=5), Screen(), echo)


async def test_a_message_is_answered_to_its_sender(house: House, eventually: Eventually) -> None:
    """Fifty people at once: each reads the answer to their own question."""
    for n in range(50):
        await house.say(f"q{n}", f"p{n}")
    async with house.open():
        await eventually(house.quiet)
    assert sorted(house.screen.shown) == sorted((f"p{n}", f"re: q{n}") for n in range(50))


async def test_three_exceptions_end_as_an_apology_and_an_entry(house: House, eventually: Eventually) -> None:
    """The person is told, the operator can list and replay, and nothing of the words stands in the cause."""
    calls: list[str] = []

    async def fails(turn: Turn) -> Reply:
        calls.append(turn.question)
        raise ValueError(turn.question)

    house.handler = fails
    await house.say("my secret")
    async with house.open():
        await eventually(house.quiet)
    assert calls == ["my secret"] * 3
    assert house.screen.shown == [("x", "抱歉，请稍后再试。")]
    (failure,) = await house.inbox.failures()
    assert failure.outcome is Outcome.ERROR_HANDLER
    assert "my secret" not in failure.cause
    house.handler = echo
    assert await house.inbox.replay(failure)
    async with house.open():
        await eventually(house.quiet)
    assert house.screen.shown[1:] == [("x", "re: my secret")]


async def test_one_bad_message_takes_no_other_with_it(house: House, eventually: Eventually) -> None:
    """In a burst only the message that fails ends as an apology."""

    async def picky(turn: Turn) -> Reply:
        if "bad" in turn.question:
            raise ValueError
        return await echo(turn)

    house.handler = picky
    for text in ("good", "bad", "fine"):
        await house.say(text)
    async with house.open():
        await eventually(house.quiet)
    assert [text for _, text in house.screen.shown] == ["re: good", "抱歉，请稍后再试。", "re: fine"]


async def test_five_lost_leases_end_as_an_apology(house: House, eventually: Eventually) -> None:
    """A message that kills its workers is not tried for ever."""
    await house.say("poison")
    for _ in range(5):
        await house.inbox.take()
        await house.inbox.store.redis.zadd(house.inbox.store.key("in", "due"), {"p/a/x": 1})
    async with house.open():
        await eventually(house.quiet)
    assert [text for _, text in house.screen.shown] == ["抱歉，处理中断。"]
    (failure,) = await house.inbox.failures()
    assert failure.outcome is Outcome.ERROR_INTERRUPTED


async def test_a_turn_that_takes_too_long_is_a_failed_try(house: House, eventually: Eventually) -> None:
    """A handler that hangs is cut off and tried again."""
    hung: list[int] = []

    async def hangs_once(turn: Turn) -> Reply:
        hung.append(1)
        if len(hung) == 1:
            await asyncio.sleep(60)
        return await echo(turn)

    house.handler = hangs_once
    await house.say("q")
    worker = asyncio.create_task(house.worker(seconds=0.05).run())
    await eventually(lambda: _is(len(hung) == 1))
    async with house.open():
        await eventually(house.quiet)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    assert [text for _, text in house.screen.shown] == ["re: q"]


async def test_a_stopped_worker_hands_back_what_it_did_not_finish(house: House, eventually: Eventually) -> None:
    """A graceful stop loses no time: the next worker need not wait for the lease to run out."""
    started = asyncio.Event()

    async def hangs(_: Turn) -> Reply:
        started.set()
        await asyncio.sleep(60)
        raise AssertionError

    house.handler = hangs
    await house.say("q")
    worker = asyncio.create_task(house.worker(grace=0.01).run())
    await started.wait()
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    state = await house.inbox.store.redis.hgetall(house.inbox.store.key("in", "state", "p/a/x"))
    assert b"lease" not in state
    house.handler = echo
    async with house.open():
        await eventually(house.quiet)
    assert [text for _, text in house.screen.shown] == ["re: q"]


async def test_a_graceful_stop_lets_a_running_turn_finish(house: House, eventually: Eventually) -> None:
    """Within the grace a turn under way is answered, not repeated."""
    started, go = asyncio.Event(), asyncio.Event()

    async def waits(turn: Turn) -> Reply:
        started.set()
        await go.wait()
        return await echo(turn)

    house.handler = waits
    await house.say("q")
    worker = asyncio.create_task(house.worker(grace=20).run())
    await started.wait()
    worker.cancel()
    go.set()
    await asyncio.gather(worker, return_exceptions=True)
    assert not await house.inbox.lane.waiting()
    async with house.open():
        await eventually(house.quiet)
    assert [text for _, text in house.screen.shown] == ["re: q"]


async def test_a_worker_that_lost_its_lease_stops_and_commits_nothing(house: House, eventually: Eventually) -> None:
    """The taker-over's answer is the only one."""
    cancelled = asyncio.Event()

    async def slow(turn: Turn) -> Reply:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return await echo(turn)

    house.inbox.lane.lease = 0.3
    house.handler = slow
    await house.say("q")
    worker = asyncio.create_task(house.worker().run())
    await eventually(lambda: house.inbox.store.redis.hexists(house.inbox.store.key("in", "state", "p/a/x"), "lease"))
    await house.inbox.store.redis.hset(house.inbox.store.key("in", "state", "p/a/x"), "lease", 999)
    await eventually(lambda: _is(cancelled.is_set()))
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    house.handler = echo
    await house.inbox.store.redis.zadd(house.inbox.store.key("in", "due"), {"p/a/x": 1})
    async with house.open():
        await eventually(house.quiet)
    assert [text for _, text in house.screen.shown] == ["re: q"]


async def test_a_failed_send_is_repeated_word_for_word_and_in_order(house: House, eventually: Eventually) -> None:
    """Nothing overtakes a message that waits for its retry."""
    house.screen.troubles = [Unavailable("busy", 0.01), Unavailable("busy", 0.01)]
    await house.say("1")
    await house.say("2")
    async with house.open():
        await eventually(house.quiet)
    assert [text for _, text in house.screen.shown] == ["re: 1", "2"]


async def test_an_undeliverable_send_does_not_block_the_line(house: House, eventually: Eventually) -> None:
    """It is recorded with its code, and the next one leaves."""
    house.screen.troubles = [Undeliverable("not a member", code=81013, remedy="wecom_recipient")]
    await house.say("1")
    await house.say("2")
    async with house.open():
        await eventually(house.quiet)
    assert [text for _, text in house.screen.shown] == ["2"]
    (dropped,) = await house.outbox.dropped()
    assert (dropped.why, dropped.code) == ("undeliverable", 81013)


async def test_a_reply_that_cannot_be_drawn_is_a_failed_try(
    house: House, eventually: Eventually, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken render ends like a broken handler: an apology, an entry, and no one's words in the log."""

    def broken(reply: Reply, _: Message) -> tuple[Wire, ...]:
        if reply.outcome is Outcome.ANSWERED:
            raise ValueError("my secret")
        return (Wire("say", {"text": reply.text}),)

    house.screen.render = broken  # type: ignore[method-assign]
    await house.say("q")
    async with house.open():
        await eventually(house.quiet)
    assert [text for _, text in house.screen.shown] == ["抱歉，请稍后再试。"]
    (failure,) = await house.inbox.failures()
    assert failure.outcome is Outcome.ERROR_HANDLER
    assert "my secret" not in "".join(capsys.readouterr())


async def test_an_apology_that_cannot_be_drawn_ends_the_turn_all_the_same(house: House, eventually: Eventually) -> None:
    """The line goes on, and the operator finds the message."""

    def broken(reply: Reply, _: Message) -> tuple[Wire, ...]:
        raise ValueError(reply.text)

    house.screen.render = broken  # type: ignore[method-assign]
    await house.say("q")
    async with house.open():
        await eventually(house.quiet)
    assert len(await house.inbox.failures()) == 1


async def test_a_send_that_breaks_unforeseen_does_not_block_the_line(
    house: House, eventually: Eventually, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is tried five times, recorded, and the next one leaves; the error's words stay out of the log."""
    house.screen.troubles = [KeyError("my secret") for _ in range(5)]
    await house.say("1")
    await house.say("2")
    async with house.open():
        await eventually(house.quiet)
    assert [text for _, text in house.screen.shown] == ["2"]
    assert [dropped.why for dropped in await house.outbox.dropped()] == ["undeliverable"]
    assert "my secret" not in "".join(capsys.readouterr())


async def test_an_account_only_others_know_is_left_to_them(house: House, eventually: Eventually) -> None:
    """During an upgrade a message of a new account waits for a worker that has it, and counts no try."""
    stranger = Message("n1", "p", "new", "p/new/x", "x", (Text("q"),), 0.0)
    await house.inbox.receive(stranger)
    held = house.inbox.store.key("in", "state", "p/new/x")
    async with house.open():
        await eventually(lambda: house.inbox.store.redis.hexists(held, "hold"))
    assert not await house.inbox.store.redis.hexists(held, "tries")
    assert not await house.inbox.failures()


async def test_a_replayed_message_is_answered_on_the_page(store: Store, house: House, eventually: Eventually) -> None:
    """The page writes each key once; the answer after the apology is another one of the same turn."""
    page = WebPage(store, keep=60)

    async def fails(_: Turn) -> Reply:
        raise ValueError

    house.screen = page  # type: ignore[assignment]
    house.handler = fails
    await house.say("q")
    async with house.open():
        await eventually(house.quiet)
    (failure,) = await house.inbox.failures()
    house.handler = echo
    await house.inbox.replay(failure)
    async with house.open():
        await eventually(house.quiet)
    events, _ = await Feed(store).history("p/a/x")
    assert [event.data["outcome"] for event in events] == ["error_handler", "answered"]
    assert {event.data["turn"] for event in events} == {"x:q"}


def test_failures_do_not_share_an_id() -> None:
    """An entry that another one overwrote could not be replayed."""
    assert len({failure_id(f"wecom-app/a/{n}") for n in range(20_000)}) == 20_000


async def test_a_follow_up_sees_what_was_said(house: House, eventually: Eventually) -> None:
    """The conversation of the first turn reaches the second."""
    seen: list[Conversation] = []

    async def remembers(turn: Turn) -> Reply:
        seen.append(turn.conversation)
        return await echo(turn)

    house.handler = remembers
    async with house.open():
        await house.say("1")
        await eventually(house.quiet)
        await house.say("2")
        await eventually(house.quiet)
    assert [e.question for e in seen[1].exchanges] == ["1"]


async def _is(fact: bool) -> bool:
    return fact
