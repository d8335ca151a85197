"""Turns to hand to a handler, and a library that finds what the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from bot.conversation import Conversation, Exchange
from bot.llm import LLM, Endpoint, Timeouts
from bot.message import Message, Outcome, Part, Role, Source, Suggestion, Text
from bot.people import Employee, Person
from bot.prompts import Prompts, Replies, load_prompts, load_replies
from bot.router import Turn
from handlers.composing import Compose
from handlers.policy import FindPolicy, NextSteps
from handlers.quoting import Quote
from handlers.understanding import Understand
from handlers.words import Phrases, load_phrases
from tests.simulators.deepseek import DeepSeek, running

NOW = 1_767_225_600.0
XIAOFU = Employee("xiaofu", "小福", "示例区政务服务局", "", ("policy",))

ALLOWANCE = Source(
    document="示例区高龄津贴发放办法",
    number="示区府规〔2025〕7号",
    issuer="示例市示例区人民政府",
    date="2025-08-18",
    status="有效",
    clause="第三条",
    quote="九十周岁至九十九周岁，每人每月300元。咨询电话：0999-88880101。",
    url="https://www.shili.example.gov.cn/zcwj/elderly.html",
)
GUIDE = Source("高龄津贴办事指南", "", "示例区民政局", "2025-09-01", "有效", "申请材料", "携带身份证、社会保障卡。")
OLD = Source("高龄津贴暂行办法", "示区民〔2022〕15号", "示例区民政局", "2022-03-01", "已废止", "第二条", "每月200元。")


@dataclass(frozen=True, slots=True)
class FoundClause:
    found: Source
    evidence: float = 0.9

    def source(self) -> Source:
        return self.found


@dataclass(slots=True)
class FakeSearch:
    """Finds `hits` for everything and remembers what it was asked."""

    hits: Sequence[FoundClause] = (FoundClause(ALLOWANCE), FoundClause(GUIDE))
    asked: list[tuple[str, Role, bool]] = field(default_factory=list)

    def search(self, query: str, *, audience: Role, include_repealed: bool) -> Sequence[FoundClause]:
        self.asked.append((query, audience, include_repealed))
        return self.hits


@dataclass(slots=True)
class Shown:
    """What a streaming surface showed while the answer grew."""

    deltas: list[str] = field(default_factory=list)

    async def write(self, text: str) -> None:
        self.deltas.append(text)

    @property
    def text(self) -> str:
        return "".join(self.deltas)


def message(*parts: Part | str, n: int = 1, role: Role = Role.RESIDENT) -> Message:
    said = tuple(Text(part) if isinstance(part, str) else part for part in parts)
    return Message(f"m{n}", "web", "chat", "c1", "p1", said, NOW, role)


def turn(
    *parts: Part | str,
    burst: tuple[Message, ...] = (),
    earlier: tuple[Exchange, ...] = (),
    offered: tuple[Suggestion, ...] = (),
    role: Role = Role.RESIDENT,
    shown: Shown | None = None,
) -> Turn:
    """One turn of one message with these parts, or of a whole burst."""
    return Turn(
        id="m1",
        messages=burst or (message(*parts, role=role),),
        conversation=Conversation("c1", earlier, offered),
        person=Person("web/chat/p1", role),
        employee=XIAOFU,
        now=NOW,
        write=(shown or Shown()).write,
    )


def exchange(question: str, *documents: str, answer: str = "每人每月300元。") -> Exchange:
    return Exchange(question, answer, Outcome.ANSWERED, documents, NOW - 60)


@pytest.fixture(scope="session")
def phrases() -> Phrases:
    return load_phrases()


@pytest.fixture(scope="session")
def replies() -> Replies:
    return load_replies()


@pytest.fixture(scope="session")
def prompts() -> Prompts:
    return load_prompts()


@pytest.fixture
async def model() -> AsyncIterator[DeepSeek]:
    async with running(DeepSeek()) as model:
        yield model


@pytest.fixture
def no_model() -> LLM:
    return LLM([], timeouts=Timeouts(), max_concurrency=1, record=lambda call: None)


@pytest.fixture
async def llm(model: DeepSeek) -> AsyncIterator[LLM]:
    endpoint = Endpoint(model.base, "sample-key", "deepseek-chat", "deepseek-reasoner")
    llm = LLM([endpoint], timeouts=Timeouts(first_token=2, idle=2), max_concurrency=4, record=lambda call: None)
    yield llm
    await llm.aclose()


@pytest.fixture
def search() -> FakeSearch:
    return FakeSearch()


def find_policy(llm: LLM, search: FakeSearch, phrases: Phrases, prompts: Prompts, replies: Replies) -> FindPolicy:
    return FindPolicy(
        understand=Understand(phrases, llm, prompts),
        search=search,
        floor=0.5,
        compose=Compose(llm, prompts, replies),
        quote=Quote(replies),
        next_steps=NextSteps(phrases, replies),
        replies=replies,
    )


@pytest.fixture
def quoting(no_model: LLM, search: FakeSearch, phrases: Phrases, prompts: Prompts, replies: Replies) -> FindPolicy:
    """The handler of a server without a model."""
    return find_policy(no_model, search, phrases, prompts, replies)


@pytest.fixture
def writing(llm: LLM, search: FakeSearch, phrases: Phrases, prompts: Prompts, replies: Replies) -> FindPolicy:
    """The handler of a server with a model."""
    return find_policy(llm, search, phrases, prompts, replies)
