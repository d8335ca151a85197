"""A model on loopback and a client that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from bot.llm import LLM, Call, Endpoint, Timeouts
from bot.prompts import Prompt
from tests.simulators.deepseek import DeepSeek, running

PROMPT = Prompt("answer", "chat", 0.2, 300, "规则", "问题")
QUICK = Timeouts(connect=2, first_token=0.3, idle=0.3, total=5)


def endpoint(model: DeepSeek) -> Endpoint:
    return Endpoint(base_url=model.base, api_key="sample-key", chat="deepseek-chat", reasoner="deepseek-reasoner")


async def said(llm: LLM, prompt: Prompt = PROMPT) -> list[str]:
    async with aclosing(llm.stream(prompt)) as deltas:
        return [delta async for delta in deltas]


@pytest.fixture
async def model() -> AsyncIterator[DeepSeek]:
    async with running(DeepSeek()) as model:
        yield model


@pytest.fixture
async def second() -> AsyncIterator[DeepSeek]:
    async with running(DeepSeek()) as model:
        yield model


@pytest.fixture
def calls() -> list[Call]:
    return []


Client = Callable[..., LLM]


@pytest.fixture
async def client(calls: list[Call]) -> AsyncIterator[Client]:
    """Makes clients of these models, in this order, and closes them at the end."""
    made: list[LLM] = []

    def make(*models: DeepSeek, timeouts: Timeouts = QUICK, places: int = 4) -> LLM:
        llm = LLM([endpoint(m) for m in models], timeouts=timeouts, max_concurrency=places, record=calls.append)
        made.append(llm)
        return llm

    yield make
    for llm in made:
        await llm.aclose()


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once; how long they wait is tested by itself."""
    monkeypatch.setattr("bot.llm.endpoint.PAUSES", (0.0, 0.0))
