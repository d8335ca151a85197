"""The simulated platform is as strict as the documented one, or what is proved against it is worth nothing."""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp
from aiohttp import web

from tests.platforms.conftest import NOW
from tests.simulators.wecom import Fault, WeCom, running
from tests.simulators.wecom_caller import Caller


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


async def asked(session: aiohttp.ClientSession, wecom: WeCom, call: str, **body: object) -> dict[str, object]:
    grant = {"corpid": wecom.corp_id, "corpsecret": wecom.secret}
    async with session.get(f"{wecom.base}/cgi-bin/gettoken", params=grant) as response:
        token = (await response.json())["access_token"]
    async with session.post(f"{wecom.base}/cgi-bin/{call}", params={"access_token": token}, json=body) as response:
        return dict(await response.json())


def text(content: str, **more: object) -> dict[str, object]:
    return {"touser": "limei", "agentid": 1000002, "msgtype": "text", "text": {"content": content}, **more}


async def test_the_thirty_first_message_of_a_minute_is_dropped_with_success(session: aiohttp.ClientSession) -> None:
    """And a minute later there is room again."""
    clock = Clock()
    async with running(WeCom(clock=clock)) as wecom:
        answers = [await asked(session, wecom, "message/send", **text(f"{n}")) for n in range(31)]
        assert {answer["errcode"] for answer in answers} == {0}
        assert (len(wecom.shown), wecom.counts["dropped"]) == (30, 1)
        clock.now += 60
        await asked(session, wecom, "message/send", **text("later"))
        assert len(wecom.shown) == 31


async def test_equal_messages_are_hidden_for_their_window(session: aiohttp.ClientSession) -> None:
    """With the check on and inside the window; not without it, and not afterwards."""
    clock = Clock()
    checked = {"enable_duplicate_check": 1, "duplicate_check_interval": 1800}
    async with running(WeCom(clock=clock)) as wecom:
        for _ in range(2):
            await asked(session, wecom, "message/send", **text("equal", **checked))
        assert len(wecom.shown) == 1
        await asked(session, wecom, "message/send", **text("equal"))
        assert len(wecom.shown) == 2
        clock.now += 1800
        await asked(session, wecom, "message/send", **text("equal", **checked))
        assert len(wecom.shown) == 3


async def test_long_texts_are_cut_and_empty_ones_refused(session: aiohttp.ClientSession, wecom: WeCom) -> None:
    """2048 bytes, as the platform does without a word."""
    await asked(session, wecom, "message/send", **text("字" * 700))
    assert (wecom.texts("limei"), wecom.counts["cut"]) == (["字" * 682], 1)
    assert (await asked(session, wecom, "message/send", **text(" ")))["errcode"] == 44004


async def test_strangers_are_named(session: aiohttp.ClientSession) -> None:
    """All unknown is an error, some unknown is a success with a list."""
    async with running(WeCom(members=frozenset({"limei"}))) as wecom:
        none = await asked(session, wecom, "message/send", **text("x") | {"touser": "ghost"})
        some = await asked(session, wecom, "message/send", **text("x") | {"touser": "limei|ghost"})
        assert (none["errcode"], some["errcode"], some["invaliduser"]) == (81013, 0, "ghost")


async def test_a_token_lives_its_time_and_is_the_same_until_then(session: aiohttp.ClientSession) -> None:
    """Asking again inside the window returns the same token with what is left of it."""
    clock = Clock()
    async with running(WeCom(clock=clock)) as wecom:
        grant = {"corpid": wecom.corp_id, "corpsecret": wecom.secret}
        answers = []
        for passed in (0, 7199, 7200):
            clock.now = NOW + passed
            async with session.get(f"{wecom.base}/cgi-bin/gettoken", params=grant) as response:
                answers.append(await response.json())
        assert [answer["expires_in"] for answer in answers] == [7200, 1, 7200]
        assert answers[0]["access_token"] == answers[1]["access_token"] != answers[2]["access_token"]


async def test_one_callback_can_be_posted_many_times_at_once(session: aiohttp.ClientSession) -> None:
    """The caller repeats a callback byte for byte, as the platform does."""
    got: list[tuple[str, bytes]] = []

    async def door(request: web.Request) -> web.Response:
        got.append((request.query["msg_signature"], await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/callback", door)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    caller = Caller()
    statuses = await caller.post(
        session, f"http://127.0.0.1:{runner.addresses[0][1]}/callback", caller.text("a", "b"), 3
    )
    await runner.cleanup()
    assert statuses == [200, 200, 200]
    assert len(got) == 3
    assert len(set(got)) == 1


async def test_it_runs_as_a_process_and_is_steered_over_http(session: aiohttp.ClientSession) -> None:
    """Chaos and benchmarks start it apart, inject faults and read what was shown."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.simulators.wecom", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        wecom = WeCom(base=json.loads(await process.stdout.readline())["base"])
        async with session.post(f"{wecom.base}/_control/faults", json=[{"call": "message/send", "errcode": -1}]):
            pass
        answers = [await asked(session, wecom, "message/send", **text("你好")) for _ in range(2)]
        async with session.get(f"{wecom.base}/_control/shown", params={"user": "limei"}) as response:
            shown = await response.json()
        async with session.get(f"{wecom.base}/_control/counts") as response:
            counts = await response.json()
    finally:
        process.terminate()
        await process.wait()
    assert [answer["errcode"] for answer in answers] == [-1, 0]
    assert [message["content"] for message in shown] == [{"content": "你好"}]
    assert (counts["shown"], counts["message/send"]) == (1, 2)


async def test_faults_are_used_up(session: aiohttp.ClientSession, wecom: WeCom) -> None:
    """As many requests as asked for go wrong, then none."""
    wecom.faults.append(Fault("message/send", times=2, errcode=45009))
    answers = [await asked(session, wecom, "message/send", **text(f"{n}")) for n in range(3)]
    assert [answer["errcode"] for answer in answers] == [45009, 45009, 0]
