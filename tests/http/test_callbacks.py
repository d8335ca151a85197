"""The whole way of a WeCom message: simulator, two replicas of the door, worker, sender, and back to the member."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.http.callbacks import MOST_BYTES, Callbacks
from bot.inbox import Gathering, Inbox, Keeping
from bot.message import Outcome, Paragraphs, Reply
from bot.outbox import Outbox
from bot.people import Employee
from bot.platforms.tokens import RedisTokens
from bot.platforms.wecom_account import Words
from bot.platforms.wecom_app import WeComApp
from bot.platforms.wecom_client import WeComClient
from bot.prompts import load_replies
from bot.reception import Reception
from bot.router import Route, Router, Turn
from bot.sender import Sender
from bot.store import Store
from bot.turn import Surfaces
from bot.worker import Pacing, Worker
from tests.conftest import Eventually
from tests.platforms.conftest import account
from tests.simulators.wecom import Fault, WeCom, running
from tests.simulators.wecom_caller import Caller

PATH = "/callback/wecom-app/banshi"
EMPLOYEE = Employee("xiaofu", "小福", "示例单位", "", ("policy",))


async def echo(turn: Turn) -> Reply:
    return Reply(Outcome.ANSWERED, (Paragraphs(f"答：{turn.question or turn.command}"),))


@dataclass
class Street:
    """The platform on one side, two replicas of our door on the other."""

    wecom: WeCom
    caller: Caller
    session: aiohttp.ClientSession
    doors: tuple[str, str]
    app: WeComApp
    inbox: Inbox
    outbox: Outbox

    async def rest(self) -> bool:
        return not (await self.inbox.lane.waiting() or await self.outbox.lane.waiting())

    def heard(self, user: str) -> list[str]:
        return [line for text in self.wecom.texts(user) for line in text.splitlines() if line.startswith("答：")]


@asynccontextmanager
async def door(app: WeComApp, inbox: Inbox, outbox: Outbox, backlog: int = 1000) -> AsyncIterator[str]:
    """One replica's callback address."""
    accounts = {("wecom-app", "banshi"): app}
    callbacks = Callbacks(accounts, Reception(inbox, outbox, accounts, load_replies(), backlog))
    application = web.Application(client_max_size=MOST_BYTES)
    application.router.add_route("*", "/callback/{platform}/{account}", callbacks.handle)
    async with TestServer(application) as server:
        yield str(server.make_url(PATH))


@pytest.fixture
async def street(store: Store) -> AsyncIterator[Street]:
    async with AsyncExitStack() as stack:
        wecom = await stack.enter_async_context(running(WeCom()))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        replies = load_replies()
        client = WeComClient(account(wecom.base), session=session, tokens=RedisTokens(store))
        words = Words(**replies.section("wecom"))
        app = WeComApp(account(wecom.base), client=client, words=words, clock=time.time)
        surfaces: Surfaces = {("wecom-app", "banshi"): app}
        inbox = Inbox(store, lease=5, gathering=Gathering(0, 0), keeping=Keeping())
        outbox = Outbox(store, lease=5)
        doors = [await stack.enter_async_context(door(app, inbox, outbox)) for _ in range(2)]
        worker = Worker(
            inbox=inbox,
            router=Router([Route("all", lambda _: True, echo)]),
            surfaces=surfaces,
            employees={("wecom-app", "banshi"): EMPLOYEE},
            replies=replies,
            pacing=Pacing(),
        )
        tasks = [asyncio.create_task(job) for job in (worker.run(), Sender(outbox=outbox, surfaces=surfaces).run())]
        yield Street(wecom, Caller(), session, (doors[0], doors[1]), app, inbox, outbox)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_address_is_verified(street: Street) -> None:
    """The platform's GET is answered with the decrypted text and nothing else."""
    envelope = street.caller.verification("1616140317555161061")
    async with street.session.get(street.doors[0], params=envelope.query) as response:
        assert (response.status, await response.text()) == (200, "1616140317555161061")


async def test_one_callback_three_times_at_two_replicas_is_one_answer(street: Street, eventually: Eventually) -> None:
    """Parallel repeats at both doors, before and after the answer, put one turn and one reply."""
    envelope = street.caller.text("limei", "高龄津贴")
    posts = [street.caller.post(street.session, door, envelope, copies=3) for door in street.doors]
    assert [status for statuses in await asyncio.gather(*posts) for status in statuses] == [200] * 6
    await eventually(street.rest)
    assert await street.caller.post(street.session, street.doors[1], envelope) == [200]
    await eventually(street.rest)
    assert street.heard("limei") == ["答：高龄津贴"]


async def test_fifty_people_read_their_own_answers(street: Street, eventually: Eventually) -> None:
    """No answer reaches another."""
    posts = [
        street.caller.post(street.session, street.doors[n % 2], street.caller.text(f"u{n}", f"问题{n}"))
        for n in range(50)
    ]
    await asyncio.gather(*posts)
    await eventually(street.rest)
    assert all(street.heard(f"u{n}") == [f"答：问题{n}"] for n in range(50))


async def test_a_slow_platform_delays_no_acknowledgement_and_one_token_is_fetched(
    street: Street, eventually: Eventually
) -> None:
    """While every API call hangs, callbacks are acknowledged; afterwards everybody is answered with one token."""
    street.wecom.faults.append(Fault("gettoken", delay=0.5))
    for n in range(10):
        assert await street.caller.post(street.session, street.doors[0], street.caller.text(f"u{n}", "问")) == [200]
    assert street.wecom.shown == []
    await eventually(street.rest)
    assert all(street.heard(f"u{n}") == ["答：问"] for n in range(10))
    assert street.wecom.counts["gettoken"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("message/send", status=502),
        Fault("message/send", broken=True),
        Fault("message/send", errcode=-1),
        Fault("message/send", errcode=42001),
        Fault("message/send", lost=True),
        Fault("gettoken", errcode=-1),
    ],
    ids=lambda fault: f"{fault.call} {fault.status or fault.errcode or ('lost' if fault.lost else 'broken')}",
)
async def test_a_failing_platform_gets_the_same_words_again(
    street: Street, eventually: Eventually, fault: Fault
) -> None:
    """Whatever fails once, the member reads the answer exactly once."""
    street.wecom.faults.append(fault)
    await street.caller.post(street.session, street.doors[0], street.caller.text("limei", "问"))
    await eventually(street.rest)
    assert street.heard("limei") == ["答：问"]


@pytest.mark.parametrize("scene", ["signature", "stale", "corp", "xml", "entity", "aes", "huge", "agent", "empty"])
async def test_what_must_not_be_accepted_is_refused_and_leaves_nothing(street: Street, scene: str) -> None:
    """Each forged or broken callback has a clear status and puts nothing into any mailbox."""
    caller, body, query = street.caller, b"", {}
    match scene:
        case "signature":
            envelope = caller.text("limei", "x")
            body, query = envelope.body, {**envelope.query, "msg_signature": "0" * 40}
        case "stale":
            caller.clock = lambda: 1_700_000_000.0
        case "corp":
            caller.receiver = "ww0000000000000000"
        case "agent":
            caller.agent_id = 7
        case "xml":
            body, query = b"<xml><Encrypt>", caller.text("limei", "x").query
        case "entity":
            body = b'<!DOCTYPE x [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>'
            query = caller.text("limei", "x").query
        case "aes":
            envelope = caller.text("limei", "x")
            body, query = envelope.body.replace(b"</Encrypt>", b"").replace(b"]]>", b"", 2), envelope.query
        case "huge":
            body, query = b"x" * (MOST_BYTES + 1), caller.text("limei", "x").query
        case "empty":
            query = caller.text("limei", "x").query
    if not query:
        envelope = caller.text("limei", "x")
        body, query = envelope.body, envelope.query
    async with street.session.post(street.doors[0], params=query, data=io.BytesIO(body)) as response:
        assert 400 <= response.status < 500
    assert await street.inbox.lane.waiting() == 0


async def test_an_unknown_account_is_not_found(street: Street) -> None:
    """A wrong address says so instead of swallowing messages."""
    async with street.session.post(street.doors[0].replace("banshi", "nobody"), data=b"") as response:
        assert response.status == 404


async def test_a_store_that_cannot_write_answers_503_and_the_retry_is_answered(
    street: Street, eventually: Eventually
) -> None:
    """The platform keeps what we could not keep."""
    envelope = street.caller.text("limei", "问")
    await street.inbox.store.redis.config_set("maxmemory", 1)
    try:
        assert await street.caller.post(street.session, street.doors[0], envelope) == [503]
    finally:
        await street.inbox.store.redis.config_set("maxmemory", 0)
    assert await street.caller.post(street.session, street.doors[0], envelope) == [200]
    await eventually(street.rest)
    assert street.heard("limei") == ["答：问"]


async def test_past_the_backlog_people_are_told_their_place(street: Street, eventually: Eventually) -> None:
    """Nothing is dropped; whoever waits behind others hears so once, before the answer."""
    async with door(street.app, street.inbox, street.outbox, backlog=0) as busy:
        for n in range(3):
            assert await street.caller.post(street.session, busy, street.caller.text("limei", f"问{n}")) == [200]
    await eventually(street.rest)
    told = [text for text in street.wecom.texts("limei") if "答：" not in text]
    assert len(told) == 1
    assert len(street.heard("limei")) >= 1


async def test_every_event_is_acknowledged(street: Street, eventually: Eventually) -> None:
    """Events we ignore are answered 200 too, or the platform would repeat them."""
    for event in ("view", "LOCATION", "change_contact", "unsubscribe", "something_new"):
        envelope = street.caller.event("limei", event)
        assert await street.caller.post(street.session, street.doors[0], envelope) == [200]
    await eventually(street.rest)
    assert street.heard("limei") == []
