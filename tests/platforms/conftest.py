"""One account, its simulator and its callers, as every test of this messenger needs them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import aiohttp
import pytest

from bot.message import Message, Text
from bot.platforms import Delivery, Wire
from bot.platforms.tokens import RedisTokens
from bot.platforms.wecom_account import KIND, WeComAccount, Words
from bot.platforms.wecom_app import WeComApp
from bot.platforms.wecom_client import WeComClient
from bot.platforms.wecom_render import WeComRenderer
from bot.store import Store
from tests.simulators.wecom import WeCom, running
from tests.simulators.wecom_caller import AES_KEY, TOKEN, Caller

NOW = 1_800_000_000.0

WORDS = Words(
    sources="政策依据",
    original="原文",
    choices="还可以问（回复数字）",
    choose="您还可以",
    chosen="已选择",
    details="详情",
    label="{label}｜编号 {number}",
    number="编号 {number}",
)

MESSAGE = Message("wecom-app/banshi/1", KIND, "banshi", "wecom-app/banshi/limei", "limei", (Text("你好"),), NOW)


def account(base: str = "http://127.0.0.1:1", **changes: object) -> WeComAccount:
    wecom = WeCom()
    given: dict[str, object] = {
        "account": "banshi",
        "corp_id": wecom.corp_id,
        "agent_id": wecom.agent_id,
        "secret": wecom.secret,
        "token": TOKEN,
        "aes_key": AES_KEY,
        "api_base": base,
    }
    return WeComAccount(**(given | changes))  # type: ignore[arg-type]


def renderer(*features: str) -> WeComRenderer:
    return WeComRenderer(account(features=frozenset(features)), WORDS)


def delivery(wire: Wire, key: str = "k1", recipient: str = "limei") -> Delivery:
    return Delivery(key, "wecom-app/banshi/limei", recipient, wire)


def text_wire(content: str) -> Wire:
    return Wire("message/send", {"msgtype": "text", "text": {"content": content}})


@dataclass(frozen=True, slots=True)
class World:
    wecom: WeCom
    app: WeComApp
    client: WeComClient

    async def say(self, content: str, recipient: str = "limei") -> None:
        await self.app.send(delivery(text_wire(content), recipient=recipient))


@pytest.fixture
def caller() -> Caller:
    return Caller(clock=lambda: NOW)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def wecom() -> AsyncIterator[WeCom]:
    async with running(WeCom()) as wecom:
        yield wecom


def app_of(wecom: WeCom, session: aiohttp.ClientSession, store: Store) -> World:
    """One more process of the same account, as far as the platform can tell."""
    whole = account(wecom.base)
    client = WeComClient(whole, session=session, tokens=RedisTokens(store))
    return World(wecom, WeComApp(whole, client=client, words=WORDS, clock=lambda: NOW), client)


@pytest.fixture
def world(wecom: WeCom, session: aiohttp.ClientSession, store: Store) -> World:
    return app_of(wecom, session, store)


@pytest.fixture
def offline() -> Callable[..., WeComApp]:
    """An app that only receives and renders; it has no connection to lose."""

    def make(**changes: object) -> WeComApp:
        return WeComApp(account(**changes), client=None, words=WORDS, clock=lambda: NOW)  # type: ignore[arg-type]

    return make
