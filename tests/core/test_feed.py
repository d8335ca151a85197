"""What a page follows: whoever continues after a cursor misses nothing and sees nothing twice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.errors import StaleLease
from bot.http.feed import Cursor, Event, Feed
from bot.inbox import Gathering, Inbox, Keeping, Work
from bot.live import LiveWriter
from bot.message import Message, Outcome, Paragraphs, Reply, Role
from bot.platforms import Delivery
from bot.platforms.web import WebPage, message_of
from bot.store import Store

TALK = "web/chat/abc"


@pytest.fixture
def inbox(store: Store) -> Inbox:
    return Inbox(store, lease=5, gathering=Gathering(0, 0), keeping=Keeping())


@pytest.fixture
def page(store: Store) -> WebPage:
    return WebPage(store, keep=60)


def said(client_id: str) -> Message:
    return message_of(
        conversation=TALK, client_id=client_id, text=f"问题{client_id}", command=None, role=Role.RESIDENT, now=1.0
    )


async def ask(inbox: Inbox, page: WebPage, client_id: str) -> Work:
    await inbox.receive(said(client_id), page.log_of(said(client_id), client_id))
    work = await inbox.take()
    assert isinstance(work, Work)
    return work


async def answer(inbox: Inbox, page: WebPage, work: Work, text: str) -> None:
    reply = Reply(Outcome.ANSWERED, (Paragraphs(text),))
    await inbox.commit(work, outcome=reply.outcome, conversation=work.conversation, now=1.0)
    (wire,) = page.render(reply, work.messages[-1])
    delivery = Delivery(f"{work.messages[0].id}/{work.claim.lease}/0", TALK, "abc", wire)
    await page.send(delivery)
    await page.send(delivery)  # a retry


def kinds(events: Sequence[Event]) -> list[str]:
    return [event.event for event in events]


async def test_a_turn_is_seen_from_question_to_reply(store: Store, inbox: Inbox, page: WebPage) -> None:
    """Question, work, growing text, reply, rest: in order, each once."""
    feed, cursor = Feed(store), Cursor()
    work = await ask(inbox, page, "1")
    first = await feed.events(TALK, cursor)
    assert kinds(first) == ["message", "status"]
    live = LiveWriter(store, work, "t1")
    await live.write("年满八十周岁")
    second = await feed.events(TALK, first[-1].cursor)
    assert [(e.event, e.data["offset"], e.data["text"]) for e in second] == [("delta", 0, "年满八十周岁")]
    await live.aclose()
    await answer(inbox, page, work, "年满八十周岁可以领取。")
    third = await feed.events(TALK, second[-1].cursor)
    assert kinds(third) == ["reply", "status"]
    assert third[-1].data == {"state": "idle"}
    assert await feed.events(TALK, third[-1].cursor) == []


async def test_a_reconnect_in_the_middle_continues_at_the_offset(store: Store, inbox: Inbox, page: WebPage) -> None:
    """A cursor within growing text brings only what came after it, also to another replica."""
    work = await ask(inbox, page, "1")
    live = LiveWriter(store, work, "t1", pause=0)
    await live.write("甲乙")
    seen = (await Feed(store).events(TALK, Cursor()))[-1].cursor
    await live.write("丙丁")
    await live.aclose()
    await live._append()
    (more,) = await Feed(store).events(TALK, Cursor.parse(str(seen)))
    assert (more.event, more.data["offset"], more.data["text"]) == ("delta", 2, "丙丁")
    await answer(inbox, page, work, "甲乙丙丁")


async def test_a_turn_that_starts_over_resets(store: Store, inbox: Inbox, page: WebPage) -> None:
    """The second attempt's text replaces the first's; the first writer is stopped."""
    old = await ask(inbox, page, "1")
    first = LiveWriter(store, old, "t1")
    await first.write("旧的")
    await first.aclose()
    seen = (await Feed(store).events(TALK, Cursor()))[-1].cursor
    await store.redis.zadd(store.key("in", "due"), {TALK: 1})
    new = await inbox.take()
    assert isinstance(new, Work)
    second = LiveWriter(store, new, "t1")
    await second.write("新的")
    await second.aclose()
    events = await Feed(store).events(TALK, seen)
    assert kinds(events) == ["reset", "delta"]
    assert events[-1].data["text"] == "新的"
    late = LiveWriter(store, old, "t1")
    with pytest.raises(StaleLease):
        await late.write("迟到")
    await late.aclose()
    await answer(inbox, page, new, "新的")


async def test_history_and_cursor_join_without_gap(store: Store, inbox: Inbox, page: WebPage) -> None:
    """What history holds is not followed again; what comes later is."""
    await answer(inbox, page, await ask(inbox, page, "1"), "一")
    events, cursor = await Feed(store).history(TALK)
    assert kinds(events) == ["message", "reply"]
    assert await Feed(store).events(TALK, cursor) == []
    await answer(inbox, page, await ask(inbox, page, "2"), "二")
    assert kinds(await Feed(store).events(TALK, cursor)) == ["message", "reply"]


@pytest.mark.parametrize("text", ["", "x", "1-1", "a-b/1/1/w", "1-1/-1/0/i", "1-1/1/1/w/extra"])
def test_a_strange_cursor_is_the_beginning(text: str) -> None:
    """Nobody is refused for a cursor; at worst they see everything again."""
    assert Cursor.parse(text) == Cursor()


def test_a_cursor_survives_its_own_text() -> None:
    """What we write we read."""
    cursor = Cursor("1732-7", 12, 345, True)
    assert Cursor.parse(str(cursor)) == cursor
