"""The inbox: kept once acknowledged, answered once, remembered for as long as agreed."""

from __future__ import annotations

import json

import pytest

from bot import records
from bot.conversation import Conversation
from bot.errors import StaleLease
from bot.inbox import Failure, Gathering, Inbox, Keeping, Log, Work
from bot.lane import Idle
from bot.message import Command, Media, Message, Outcome, Paragraphs, Part, Reply, Text
from bot.store import Store

NOW = 1_795_000_000.0


@pytest.fixture
def inbox(store: Store) -> Inbox:
    return Inbox(store, lease=5, gathering=Gathering(0, 0), keeping=Keeping(turns=3, days=2))


def message(id_: str, *parts: Part, person: str = "p") -> Message:
    return Message(id_, "wecom-app", "a", f"wecom-app/a/{person}", person, parts or (Text(id_),), NOW)


async def taken(inbox: Inbox) -> Work:
    work = await inbox.take()
    assert isinstance(work, Work)
    return work


async def answer(inbox: Inbox, work: Work, text: str = "好", **more: object) -> None:
    reply = Reply(Outcome.ANSWERED, (Paragraphs(text),))
    question = "\n".join(m.text for m in work.messages)
    await inbox.commit(
        work,
        outcome=reply.outcome,
        conversation=work.conversation.with_exchange(question, reply, NOW),
        now=NOW,
        **more,  # type: ignore[arg-type]
    )


async def test_a_repeat_changes_nothing(inbox: Inbox) -> None:
    """A platform's retry, even after the answer, is recognised and puts no second turn."""
    assert not (await inbox.receive(message("m1"))).duplicate
    assert (await inbox.receive(message("m1"))).duplicate
    await answer(inbox, await taken(inbox))
    assert (await inbox.receive(message("m1"))).duplicate
    assert isinstance(await inbox.take(), Idle)


async def test_ids_are_remembered_for_a_day(inbox: Inbox) -> None:
    """Longer than any platform retries."""
    await inbox.receive(message("m1"))
    assert 86_300 < await inbox.store.redis.ttl(inbox.store.key("seen", "m1")) <= 86_400
    await answer(inbox, await taken(inbox))


async def test_a_burst_is_one_turn(store: Store) -> None:
    """Words typed within the quiet gap are gathered; nothing is due before the gap is over."""
    inbox = Inbox(store, lease=5, gathering=Gathering(0.2, 1.0), keeping=Keeping())
    for id_ in ("m1", "m2", "m3"):
        await inbox.receive(message(id_))
    idle = await inbox.take()
    assert isinstance(idle, Idle)
    assert idle.seconds is not None
    assert 0 < idle.seconds <= 0.2
    await store.redis.zadd(store.key("in", "due"), {"wecom-app/a/p": 1})
    work = await taken(inbox)
    assert [m.id for m in work.messages] == ["m1", "m2", "m3"]
    await answer(inbox, work)


async def test_a_burst_waits_no_longer_than_the_limit(store: Store) -> None:
    """Somebody who never stops typing is answered all the same."""
    inbox = Inbox(store, lease=5, gathering=Gathering(60, 2.0), keeping=Keeping())
    await inbox.receive(message("m1"))
    await inbox.receive(message("m2"))
    idle = await inbox.take()
    assert isinstance(idle, Idle)
    assert idle.seconds is not None
    assert idle.seconds <= 2
    await store.redis.zadd(store.key("in", "due"), {"wecom-app/a/p": 1})
    await answer(inbox, await taken(inbox))


async def test_a_command_is_due_at_once_and_is_its_own_turn(store: Store) -> None:
    """A tapped button waits for no quiet gap, and the words before it keep their own turn."""
    inbox = Inbox(store, lease=5, gathering=Gathering(60, 60), keeping=Keeping())
    await inbox.receive(message("m1"))
    await inbox.receive(message("m2", Command("menu")))
    first = await taken(inbox)
    assert [m.id for m in first.messages] == ["m1"]
    await answer(inbox, first)
    second = await taken(inbox)
    assert [m.id for m in second.messages] == ["m2"]
    await answer(inbox, second)


async def test_a_file_is_its_own_turn(inbox: Inbox) -> None:
    """Words and a picture are not mixed into one question."""
    await inbox.receive(message("m1"))
    await inbox.receive(message("m2", Media("image", "id")))
    first = await taken(inbox)
    assert len(first.messages) == 1
    await answer(inbox, first)
    await answer(inbox, await taken(inbox))


async def test_after_a_failure_a_burst_is_split(inbox: Inbox) -> None:
    """One message that cannot be answered takes no other with it."""
    await inbox.receive(message("m1"))
    await inbox.receive(message("m2"))
    work = await taken(inbox)
    assert len(work.messages) == 2
    await inbox.lane.release(work.claim, failed=True)
    again = await taken(inbox)
    assert [m.id for m in again.messages] == ["m1"]
    await answer(inbox, again)
    await answer(inbox, await taken(inbox))


async def test_a_stale_commit_writes_nothing(inbox: Inbox) -> None:
    """The old worker's conversation, replies and counts never arrive."""
    await inbox.receive(message("m1"))
    old = await taken(inbox)
    await inbox.store.redis.zadd(inbox.store.key("in", "due"), {old.claim.conversation: 1})
    new = await taken(inbox)
    with pytest.raises(StaleLease):
        await answer(inbox, old, "old", effects=[b"an effect"])
    await answer(inbox, new, "new")
    await inbox.receive(message("m2"))
    work = await taken(inbox)
    assert [e.answer for e in work.conversation.exchanges] == ["new"]
    assert not await inbox.store.redis.exists(inbox.store.key("out", "box", work.claim.conversation))
    await answer(inbox, work)


async def test_a_conversation_keeps_its_last_turns_and_days(inbox: Inbox) -> None:
    """At most the configured number, and nothing older than the configured age."""
    for n in range(5):
        await inbox.receive(message(f"m{n}"))
        await answer(inbox, await taken(inbox), f"a{n}")
    await inbox.receive(message("last"))
    work = await taken(inbox)
    assert [e.answer for e in work.conversation.exchanges] == ["a2", "a3", "a4"]
    kept = work.conversation.within(turns=3, days=2, now=NOW + 3 * 86_400)
    assert kept.exchanges == ()
    await answer(inbox, work)
    assert 0 < await inbox.store.redis.ttl(inbox.store.key("conv", work.claim.conversation)) <= 2 * 86_400


async def test_what_a_newer_program_wrote_is_left_alone(inbox: Inbox) -> None:
    """A message of an unknown version is neither answered nor removed, and what came before it is."""
    await inbox.receive(message("m1"))
    box = inbox.store.key("in", "box", "wecom-app/a/p")
    await inbox.store.redis.rpush(box, b'{"v":2,"d":{}}')
    first = await taken(inbox)
    assert [m.id for m in first.messages] == ["m1"]
    await answer(inbox, first)
    second = await taken(inbox)
    assert second.messages == ()
    assert await inbox.store.redis.lrange(box, 0, -1) == [b'{"v":2,"d":{}}']
    await inbox.lane.commit(second.claim, 1)


async def test_a_conversation_of_a_newer_program_is_left_alone(inbox: Inbox) -> None:
    """Its worker must not be overwritten by an older one that would forget half of it."""
    await inbox.store.redis.set(inbox.store.key("conv", "wecom-app/a/p"), b"z9whatever", ex=60)
    await inbox.receive(message("m1"))
    work = await taken(inbox)
    assert work.messages == ()
    await inbox.lane.commit(work.claim, 1)


async def test_forgetting_erases_every_word(inbox: Inbox) -> None:
    """Conversation, page log and failed messages of this person go; those of others stay."""
    mine, other = failure("f1", "wecom-app/a/p"), failure("f2", "wecom-app/a/q")
    for n, entry in enumerate((mine, other)):
        await inbox.receive(message(f"m{n}", person=entry.conversation[-1]))
        await answer(inbox, await taken(inbox), failure=entry)
    page = Log(inbox.store.key("web", "wecom-app/a/p"), b"{}", 60, 10)
    await inbox.receive(message("forget me"), page)
    work = await taken(inbox)
    await inbox.commit(work, outcome=Outcome.ANSWERED_FORGOTTEN, conversation=None, now=NOW)
    assert not await inbox.store.redis.exists(inbox.store.key("conv", "wecom-app/a/p"), page.key)
    assert [f.id for f in await inbox.failures()] == ["f2"]


async def test_a_failed_message_can_be_replayed_once(inbox: Inbox) -> None:
    """The operator's replay puts the very same message back, past the memory of seen ids."""
    await inbox.receive(message("m1"))
    work = await taken(inbox)
    entry = failure("f1", work.claim.conversation, items=(work.claim.items[0].decode(),))
    await answer(inbox, work, failure=entry)
    (listed,) = await inbox.failures()
    assert listed == entry
    assert await inbox.replay(listed)
    assert not await inbox.replay(listed)
    again = await taken(inbox)
    assert [m.id for m in again.messages] == ["m1"]
    await answer(inbox, again)


async def test_the_page_log_and_the_message_are_one_step(inbox: Inbox) -> None:
    """A repeat writes neither."""
    page = Log(inbox.store.key("web", "w"), json.dumps({"event": "message"}).encode(), 60, 10)
    await inbox.receive(message("m1"), page)
    await inbox.receive(message("m1"), page)
    assert await inbox.store.redis.xlen(page.key) == 1
    await answer(inbox, await taken(inbox))


async def test_an_idle_conversation_is_small(inbox: Inbox) -> None:
    """Twenty turns of Chinese prose are stored compressed, far below their plain size."""
    talk = Conversation("wecom-app/a/p")
    prose = "申请人应当向户籍所在地街道办事处提出书面申请，并提交身份证明和收入情况。"
    for n in range(20):
        talk = talk.with_exchange(f"第{n}个问题", Reply(Outcome.ANSWERED, (Paragraphs(prose * 5),)), NOW)
    assert len(records.pack(talk)) * 4 < len(records.dump(talk))
    assert records.unpack(Conversation, records.pack(talk)) == talk


def failure(id_: str, conversation: str, items: tuple[str, ...] = ("{}",)) -> Failure:
    return Failure(id_, conversation, Outcome.ERROR_HANDLER, "ValueError", NOW, items)


async def test_a_damaged_conversation_stops_nobody_else(inbox: Inbox) -> None:
    """It is left alone like one of another version; taking it raises nothing, and the next is served."""
    await inbox.receive(message("1", person="damaged"))
    await inbox.store.redis.set(inbox.store.key("conv", "wecom-app/a/damaged"), b"z1 not zlib", ex=60)
    await inbox.receive(message("2", person="whole"))
    works = [await inbox.take(), await inbox.take()]
    assert [len(work.messages) for work in works if isinstance(work, Work)] == [0, 1]


async def test_an_entry_of_another_version_hides_no_other(inbox: Inbox) -> None:
    """The list shows what it can read."""
    failed = inbox.store.key("failed")
    for id_, raw in (("A", b'{"v":2,"d":{}}'), ("B", records.dump(failure("B", "c")))):
        await inbox.store.redis.zadd(failed, {id_: 1})
        await inbox.store.redis.set(f"{failed}:{id_}", raw, ex=60)
    await inbox.store.redis.expire(failed, 60)
    assert [entry.id for entry in await inbox.failures()] == ["B"]
