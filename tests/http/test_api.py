"""The chat API against its contract: every answer of the running server fits openapi.yaml."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest
import yaml
from aiohttp.test_utils import TestServer
from openapi_spec_validator import validate

from bot.http.api import Api
from bot.http.feed import Feed
from bot.http.health import Health
from bot.http.server import application
from bot.http.sessions import Sessions
from bot.inbox import Gathering, Inbox, Keeping
from bot.message import Command, Outcome, Paragraphs, Reply, Source, Suggestion
from bot.outbox import Outbox
from bot.people import Employee
from bot.platforms.web import WebPage
from bot.prompts import load_replies
from bot.reception import Reception
from bot.router import Route, Router, Turn
from bot.sender import Sender
from bot.store import Store
from bot.turn import Surfaces
from bot.worker import Pacing, Worker
from tests.conftest import Eventually

CONTRACT = yaml.safe_load((Path(__file__).parents[2] / "bot/http/openapi.yaml").read_text("utf-8"))
EMPLOYEE = Employee("xiaofu", "小福", "示例单位", "", ("policy",))
SOURCE = Source("示例办法", "示府〔2025〕1号", "示例区人民政府", "2025-01-02", "有效", "第八条", "补贴10000元。", "")


def fits(value: Any, schema: str) -> None:
    """Fails unless `value` is a `schema` of the contract."""
    root = {"$ref": f"#/components/schemas/{schema}", "components": CONTRACT["components"]}
    jsonschema.Draft202012Validator(root).validate(value)


async def answer(turn: Turn) -> Reply:
    await turn.write("补贴")
    await turn.write("10000元[1]。")
    return Reply(
        Outcome.ANSWERED,
        (Paragraphs(f"{turn.question}：补贴10000元[1]。"),),
        sources=(SOURCE,),
        suggestions=(Suggestion("申请材料", Command("policy", "申请材料")),),
        label="本回答由人工智能生成",
    )


@dataclass
class Client:
    """A page in miniature."""

    session: aiohttp.ClientSession
    base: str
    token: str = ""

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        async with self.session.request(method, self.base + path, headers=headers, **options) as response:
            return response.status, await response.json()

    async def open(self, **wanted: str) -> Any:
        status, session = await self.call("POST", "/api/v1/sessions", json=wanted)
        assert status == 201
        self.token = session["token"]
        return session

    async def say(self, text: str, id_: str = "") -> tuple[int, Any]:
        return await self.call("POST", "/api/v1/messages", json={"id": id_ or str(uuid.uuid4()), "text": text})

    async def until(self, name: str, after: str = "") -> list[Any]:
        """Poll until an event of this name arrives; all events on the way."""
        seen: list[Any] = []
        async with asyncio.timeout(20):
            while not any(event["event"] == name for event in seen):
                _, found = await self.call("GET", "/api/v1/events", params={"after": after})
                fits(found, "Events")
                seen += found["events"]
                after = found["cursor"]
        return seen


@pytest.fixture
async def client(store: Store) -> AsyncIterator[Client]:
    """The doors with a worker and a sender behind them."""
    inbox = Inbox(store, lease=5, gathering=Gathering(0, 0), keeping=Keeping())
    outbox, page, replies = Outbox(store, lease=5), WebPage(store, keep=600), load_replies()
    surfaces: Surfaces = {("web", "chat"): page}
    feed = Feed(store)
    reception = Reception(inbox, outbox, surfaces, replies, backlog=1000)
    api = Api(
        reception=reception,
        page=page,
        sessions=Sessions(store, keep=600),
        feed=feed,
        replies=replies,
        employee=EMPLOYEE,
        greet=lambda _: Reply(Outcome.ANSWERED_WELCOME, (Paragraphs("您好"),)),
        demo=True,
    )
    worker = Worker(
        inbox=inbox,
        router=Router([Route("all", lambda _: True, answer)]),
        surfaces=surfaces,
        employees={("web", "chat"): EMPLOYEE},
        replies=replies,
        pacing=Pacing(),
    )
    app = application(platforms={}, reception=reception, api=api, health=Health(inbox, outbox))
    async with AsyncExitStack() as stack:
        jobs = (feed.listen(), worker.run(), Sender(outbox=outbox, surfaces=surfaces).run())
        tasks = [asyncio.create_task(job) for job in jobs]
        server = await stack.enter_async_context(TestServer(app))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Client(session, str(server.make_url("")).rstrip("/"))
        api.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_the_contract_is_valid_and_lists_exactly_our_paths() -> None:
    """Nothing is served under /api/v1 that the contract does not describe, and nothing described is missing."""
    validate(CONTRACT)
    api = Api.__new__(Api)
    served = {(route.method.lower(), route.path) for route in api.routes()}
    described = {(method, path) for path, item in CONTRACT["paths"].items() for method in item}
    assert served == described


async def test_a_question_is_answered_as_described(client: Client) -> None:
    """Session, message, events and history fit the contract from end to end."""
    fits(await client.open(), "Session")
    id_ = str(uuid.uuid4())
    status, accepted = await client.say("残疾人创业", id_)
    assert (status, accepted) == (202, {"id": id_, "duplicate": False})
    events = await client.until("reply")
    assert [e["event"] for e in events if e["event"] in {"message", "reply"}] == ["message", "reply"]
    reply = next(e["data"] for e in events if e["event"] == "reply")
    assert reply["parts"] == [{"kind": "paragraphs", "text": "残疾人创业：补贴10000元[1]。"}]
    assert reply["sources"][0]["clause"] == "第八条"
    status, history = await client.call("GET", "/api/v1/history")
    fits(history, "History")
    assert [e["event"] for e in history["events"]] == ["message", "reply"]


async def test_the_same_id_is_one_message(client: Client) -> None:
    """A repeated post changes nothing, whatever its words."""
    await client.open()
    id_ = str(uuid.uuid4())
    await client.say("一", id_)
    assert (await client.say("二", id_))[1] == {"id": id_, "duplicate": True}
    await client.until("reply")
    _, history = await client.call("GET", "/api/v1/history")
    assert [e["data"].get("text") for e in history["events"] if e["event"] == "message"] == ["一"]


async def test_the_stream_resumes_after_its_last_id(client: Client, eventually: Eventually) -> None:
    """Reading a part, dropping the line and coming back with the last id gives the rest, each event once."""
    await client.open()
    await client.say("一")
    ids: list[str] = []
    events: list[str] = []

    async def read(stop_after: int) -> None:
        headers = {"Authorization": f"Bearer {client.token}"} | ({"Last-Event-ID": ids[-1]} if ids else {})
        async with client.session.get(f"{client.base}/api/v1/events", headers=headers) as response:
            assert response.content_type == "text/event-stream"
            async for line in response.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "id":
                    ids.append(value)
                elif name == "event":
                    events.append(value)
                elif name == "data":
                    json.loads(value)
                    if len(ids) == stop_after or events[-1] == "reply":
                        return

    async with asyncio.timeout(20):
        await read(1)
        while events[-1] != "reply":
            await read(len(ids) + 1)
    assert events.count("message") == 1
    assert events.count("reply") == 1
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"{", 400, "bad_request"),
        (b"[]", 400, "bad_request"),
        (b'{"id": "not a uuid", "text": "x"}', 400, "bad_request"),
        (b'{"id": "0b5f6c1e-6a57-4d1e-9a36-5f1f3f1b8a10"}', 400, "bad_request"),
        (b'{"id": "0b5f6c1e-6a57-4d1e-9a36-5f1f3f1b8a10", "text": "x", "more": 1}', 400, "bad_request"),
        (b'{"id": "0b5f6c1e-6a57-4d1e-9a36-5f1f3f1b8a10", "text": "' + b"x" * 102_401 + b'"}', 413, "too_large"),
        (b"x" * (700 * 1024), 413, "too_large"),
    ],
)
async def test_a_bad_request_is_a_clear_error(client: Client, body: bytes, status: int, error: str) -> None:
    """Each mistake has its status, its code and a sentence; nothing of it is kept."""
    await client.open()
    answered, said = await client.call("POST", "/api/v1/messages", data=body)
    assert (answered, said["error"]) == (status, error)
    fits(said, "Error")
    assert (await client.call("GET", "/api/v1/history"))[1]["events"] == []


async def test_an_unknown_token_opens_nothing(client: Client) -> None:
    """Every door but the first needs a session."""
    for method, path in (("GET", "/api/v1/history"), ("GET", "/api/v1/events"), ("POST", "/api/v1/messages")):
        status, said = await client.call(method, path)
        assert (status, said["error"]) == (401, "unauthorized")
        fits(said, "Error")


@pytest.mark.parametrize("cursor", ["9" * 30 + "-0/0/0/i", "1-1/" + "9" * 5000 + "/0/i", "1-1/0/0/x"])
async def test_a_cursor_that_nobody_wrote_is_the_beginning(client: Client, cursor: str) -> None:
    """Not an error of ours, however large its numbers."""
    await client.open()
    await client.say("一")
    status, found = await client.call("GET", "/api/v1/events", params={"after": cursor})
    assert status == 200
    assert "message" in [event["event"] for event in found["events"]]


async def test_a_body_that_cannot_be_unpacked_is_a_bad_request(client: Client) -> None:
    """It says that it is gzip and is not."""
    await client.open()
    headers = {"Authorization": f"Bearer {client.token}", "Content-Encoding": "gzip"}
    async with client.session.post(f"{client.base}/api/v1/messages", data=b"not gzip", headers=headers) as response:
        assert response.status == 400
        fits(await response.json(), "Error")


async def test_a_token_of_any_bytes_is_only_unknown(client: Client) -> None:
    """Bytes that are no text in any encoding are answered like any other wrong token."""
    host, port = client.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /api/v1/history HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"401"
    writer.close()


async def test_a_crowd_waits_for_a_connection(valkey: str) -> None:
    """More people at once than connections is no reason to say that the store is away."""
    few = Store.at(valkey, "crowd", connections=4)
    sessions = Sessions(few, keep=60)
    assert set(await asyncio.gather(*(sessions.find(f"t{n}") for n in range(100)))) == {None}
    await few.aclose()


async def test_two_people_never_see_each_other(client: Client) -> None:
    """A token opens one conversation and no other."""
    await client.open()
    await client.say("甲的秘密")
    await client.until("reply")
    other = Client(client.session, client.base)
    await other.open(**{"as": "staff"})
    _, history = await other.call("GET", "/api/v1/history")
    assert history["events"] == []


async def test_hundred_kilobytes_and_rare_characters_arrive_whole(client: Client) -> None:
    """Long texts, emoji, rare ideographs and control characters are kept as they came."""
    await client.open()
    text = "𠮷野家👨‍👩‍👧\u0000\u202e龘" + "长" * 100_000
    assert (await client.say(text))[0] == 202
    await client.until("reply")
    _, history = await client.call("GET", "/api/v1/history")
    assert history["events"][0]["data"]["text"] == text


async def test_a_store_that_is_away_is_a_503_with_a_time(store: Store, client: Client) -> None:
    """The page keeps the message and tries again with the same id."""
    await client.open()
    await store.redis.config_set("maxmemory", 1)
    try:
        async with client.session.post(
            f"{client.base}/api/v1/messages",
            json={"id": str(uuid.uuid4()), "text": "x"},
            headers={"Authorization": f"Bearer {client.token}"},
        ) as response:
            assert response.status == 503
            assert int(response.headers["Retry-After"]) > 0
            fits(await response.json(), "Error")
    finally:
        await store.redis.config_set("maxmemory", 0)


async def test_pages_carry_their_rules(client: Client) -> None:
    """The page and its files come with a strict policy; health and metrics answer."""
    async with client.session.get(f"{client.base}/chat") as response:
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<script" in await response.text()
    for path in ("/healthz", "/readyz", "/openapi.yaml"):
        async with client.session.get(client.base + path) as response:
            assert response.status == 200
    await client.open()
    await client.say("一")
    await client.until("reply")
    async with client.session.get(f"{client.base}/metrics") as response:
        assert 'bangban_events_total{detail="",kind="accepted"} 1.0' in await response.text()
