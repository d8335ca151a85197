"""Conversations as data: they say, we say. Against the sample library, on a server without a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

import handlers
from bot.conversation import Conversation
from bot.library import Library
from bot.llm import LLM
from bot.message import Command, Link, Location, Media, Outcome, Part, Reply, Role, Unsupported
from bot.prompts import Prompts, Replies
from bot.router import Router
from handlers.matching import LONGEST_QUESTION
from tests.handlers.conftest import NOW, XIAOFU, message, turn

SAMPLE = Path(__file__).parents[2] / "deploy" / "sample" / "library"
ORDER = [
    "forget",
    "welcome",
    "menu",
    "help",
    "unknown button",
    "greeting",
    "thanks",
    "voice",
    "media",
    "empty",
    "too long",
    "choice",
    "policy",
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The sample library, as the demo has it."""
    library = Library(tmp_path_factory.mktemp("library"))
    assert [report.path for report in library.import_paths([SAMPLE]) if report.reason] == []
    return library


@pytest.fixture
def router(library: Library, no_model: LLM, prompts: Prompts, replies: Replies) -> Router:
    return Router(handlers.routes(library=library, llm=no_model, prompts=prompts, replies=replies))


@dataclass(slots=True)
class Talk:
    """One conversation, remembered between turns as the worker does it."""

    router: Router
    role: Role = Role.RESIDENT
    conversation: Conversation = field(default_factory=lambda: Conversation("c1"))

    async def say(self, *parts: Part | str) -> Reply:
        said = turn(*parts, earlier=self.conversation.exchanges, offered=self.conversation.suggestions, role=self.role)
        reply = await self.router.route(said).handler(said)
        self.conversation = self.conversation.with_exchange(said.question, reply, NOW)
        return reply


def test_the_routes_stand_in_their_order(router: Router) -> None:
    """What is fixed comes before what must be understood, and the last takes everything."""
    assert [route.name for route in router.routes] == ORDER


Say = str | Part
DIALOGUES: dict[str, list[tuple[Say, Outcome, str]]] = {
    "a person new to it": [
        (Command("welcome"), Outcome.ANSWERED_WELCOME, "示例区政务服务局的人工智能助手小福"),
        ("你好！", Outcome.ANSWERED_GREETING, "我是人工智能助手小福"),
        ("帮助", Outcome.ANSWERED_HELP, "一句大白话"),
        ("菜单", Outcome.ANSWERED_MENU, "大家常问"),
        ("谢谢～", Outcome.ANSWERED_THANKS, "不客气"),
    ],
    "opening the app again": [
        (Command("welcome"), Outcome.ANSWERED_WELCOME, "找政策"),
        (Command("welcome"), Outcome.NONE, ""),
        ("1", Outcome.ANSWERED_BY_QUOTATION, "残疾人"),
    ],
    "a question, its follow-up, and a number instead of a tap": [
        ("残疾人自主创业有什么补贴", Outcome.ANSWERED_BY_QUOTATION, "一次性创业补贴10000元"),
        ("那要带什么材料？", Outcome.ANSWERED_BY_QUOTATION, "营业执照副本"),
        ("九十二岁老人高龄津贴多少钱", Outcome.ANSWERED_BY_QUOTATION, "每人每月300元"),
        ("①", Outcome.ANSWERED_BY_QUOTATION, "高龄津贴"),
        ("9", Outcome.CLARIFY, "您指的是哪件事"),
    ],
    "taps": [
        (Command("policy", "低保怎么申请？"), Outcome.ANSWERED_BY_QUOTATION, "低保"),
        (Command("menu"), Outcome.ANSWERED_MENU, "大家常问"),
        (Command("something.new"), Outcome.ANSWERED_MENU, "大家常问"),
        (Command("policy"), Outcome.CLARIFY_EMPTY, "没有看到文字"),
        (Command("forget"), Outcome.ANSWERED_FORGOTTEN, "已经清除"),
    ],
    "what we cannot use": [
        (Media("image", "m1"), Outcome.UNANSWERABLE_MEDIA, "看不了图片"),
        (Media("file", "m2", name="低保.docx"), Outcome.UNANSWERABLE_MEDIA, "看不了图片"),
        (Location(30.0, 120.0, "示例路"), Outcome.UNANSWERABLE_MEDIA, "位置"),
        (Link("标题", "描述", "https://a.example"), Outcome.UNANSWERABLE_MEDIA, "链接"),
        (Unsupported("shortvideo"), Outcome.UNANSWERABLE_MEDIA, "看不了"),
        (Media("voice", "m3"), Outcome.UNANSWERABLE_VOICE, "没能听清"),
        (Media("voice", "m4", transcript="高龄津贴多少钱"), Outcome.ANSWERED_BY_QUOTATION, "每人每月"),
    ],
    "nothing to go by": [
        ("", Outcome.CLARIFY_EMPTY, "没有看到文字"),
        ("   \n", Outcome.CLARIFY_EMPTY, "没有看到文字"),
        ("？？？", Outcome.CLARIFY_EMPTY, "没有看到文字"),
        ("👍", Outcome.CLARIFY_EMPTY, "没有看到文字"),
        ("3", Outcome.ANSWERED_BY_QUOTATION, ""),
        ("火星移民有什么补贴", Outcome.UNANSWERABLE_NO_SOURCE, "“火星移民有什么补贴”"),
    ],
    "a follow-up to nothing": [
        ("那材料呢", Outcome.CLARIFY, "您指的是哪件事"),
        ("要啥子材料嘛", Outcome.CLARIFY, "您指的是哪件事"),
        ("残疾人自主创业有什么补贴", Outcome.ANSWERED_BY_QUOTATION, "残疾人"),
        ("要啥子材料嘛", Outcome.ANSWERED_BY_QUOTATION, "补贴"),
    ],
    "what held before": [
        ("示区民〔2022〕15号", Outcome.ANSWERED_BY_QUOTATION, "已废止，现在不再执行"),
        ("高龄津贴以前是多少钱", Outcome.ANSWERED_BY_QUOTATION, "已废止，现在不再执行"),
        ("高龄津贴是多少钱", Outcome.ANSWERED_BY_QUOTATION, "每人每月"),
    ],
    "small talk": [
        ("你是真人吗？", Outcome.ANSWERED_GREETING, "人工智能助手"),
        ("好的", Outcome.ANSWERED_THANKS, "随时告诉我"),
        ("谢谢，我知道了", Outcome.ANSWERED_THANKS, "随时告诉我"),
        ("再见", Outcome.ANSWERED_THANKS, "随时告诉我"),
    ],
    "forgetting": [
        ("残疾人自主创业有什么补贴", Outcome.ANSWERED_BY_QUOTATION, "补贴"),
        ("忘记我。", Outcome.ANSWERED_FORGOTTEN, "已经清除"),
    ],
}


@pytest.mark.parametrize("name", DIALOGUES)
async def test_dialogue(router: Router, name: str) -> None:
    """Each thing said gets its ending, and words of it."""
    talk = Talk(router)
    for said, outcome, words in DIALOGUES[name]:
        reply = await talk.say(said)
        assert (said, reply.outcome) == (said, outcome)
        assert words in reply.text


@pytest.mark.parametrize("text", ["高龄津贴怎么领？" * 300, "字" * 100_000, "高龄津贴" + "𠮷㐂\u0000\ufffd🈶" * 2000])
async def test_a_text_too_long_is_asked_back(router: Router, text: str) -> None:
    """A hundred thousand characters end politely, like two thousand and one."""
    assert len(text) > LONGEST_QUESTION
    reply = await Talk(router).say(text)
    assert reply.outcome is Outcome.CLARIFY_TOO_LONG


async def test_a_text_too_long_still_gets_somewhere(router: Router) -> None:
    """The documents it seems to be about are one tap away."""
    talk = Talk(router)
    reply = await talk.say("我想问高龄津贴怎么领。" + "我家里的情况是这样的。" * 300)
    assert "《示例区高龄津贴发放办法》" in [suggestion.label for suggestion in reply.suggestions]
    assert (await talk.say("1")).outcome is Outcome.ANSWERED_BY_QUOTATION


@pytest.mark.parametrize(
    "text", ["𠮷野家补贴", "ｈｅｌｌｏ 补贴", "补\u200b贴\ufeff", "<script>补贴</script>", "{补贴} %s {{x}}"]
)
async def test_rare_characters_do_no_harm(router: Router, text: str) -> None:
    """Whatever is typed ends in an answer or in the offer to ask otherwise."""
    reply = await Talk(router).say(text)
    assert reply.outcome in {Outcome.ANSWERED_BY_QUOTATION, Outcome.UNANSWERABLE_NO_SOURCE}


async def test_staff_and_residents_are_offered_their_own_questions(router: Router) -> None:
    """The menu knows who is asking."""
    resident = await Talk(router).say("菜单")
    staff = await Talk(router, Role.STAFF).say("菜单")
    assert {s.label for s in resident.suggestions}.isdisjoint(s.label for s in staff.suggestions)


@pytest.mark.parametrize("role", Role)
async def test_every_question_of_the_menu_has_an_answer(router: Router, role: Role) -> None:
    """The sample menu leads nowhere in vain."""
    menu = await Talk(router, role).say("菜单")
    outcomes = [(s.label, (await Talk(router, role).say(s.command)).outcome) for s in menu.suggestions]
    assert outcomes == [(label, Outcome.ANSWERED_BY_QUOTATION) for label, _ in outcomes]


async def test_a_picture_beside_a_question_does_not_hide_the_question(router: Router) -> None:
    """A burst of a picture and a text is answered by its text."""
    burst = (message(Media("image", "m1"), n=1), message("九十二岁老人高龄津贴多少钱", n=2))
    said = turn(burst=burst)
    reply = await router.route(said).handler(said)
    assert reply.outcome is Outcome.ANSWERED_BY_QUOTATION


def test_the_greeting_of_the_page_is_the_welcome(replies: Replies) -> None:
    """The page shows it before anything is said."""
    reply = handlers.greeting(replies, XIAOFU, Role.RESIDENT)
    assert reply.outcome is Outcome.ANSWERED_WELCOME
    assert all(suggestion.command.name == "policy" for suggestion in reply.suggestions)


@pytest.mark.parametrize("pick", ["2", Command("policy", "高龄津贴一个月多少钱，怎么领？")])
async def test_a_follow_up_leans_on_what_a_number_or_a_tap_stood_for(router: Router, pick: Part | str) -> None:
    """After a choice from the menu 那材料呢 is about what was chosen, not about the digit."""
    talk = Talk(router)
    await talk.say("菜单")
    await talk.say(pick)
    assert "高龄津贴" in talk.conversation.exchanges[-1].question
    reply = await talk.say("那材料呢")
    assert reply.outcome is Outcome.ANSWERED_BY_QUOTATION
    assert "高龄津贴" in reply.sources[0].document
