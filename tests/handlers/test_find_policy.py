"""一键找政策 with a model, without one, and with one that misbehaves."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from bot.guard.labels import label_ok
from bot.message import Command, Outcome, Paragraphs, Role, Text
from bot.prompts import Replies
from handlers.policy import FindPolicy
from tests.handlers.conftest import ALLOWANCE, GUIDE, OLD, FakeSearch, FoundClause, Shown, exchange, message, turn
from tests.simulators.deepseek import DeepSeek, Script

QUESTION = "九十二岁的老人每月有多少高龄津贴？"


# --- with a model ----------------------------------------------------------------------------------


async def test_an_answer_cites_what_it_rests_on(writing: FindPolicy, model: DeepSeek) -> None:
    """Marks and sources agree in number and order, and the text is labelled as generated."""
    model.then(Script(said=("每人每月300元⟦S1⟧。", "要带身份证⟦S2⟧，", "按月发⟦S1⟧。")))
    reply = await writing(turn(QUESTION))
    assert reply.outcome is Outcome.ANSWERED
    assert reply.text.startswith("每人每月300元[1]。要带身份证[2]，按月发[1]。")
    assert reply.sources == (ALLOWANCE, GUIDE)
    assert label_ok(reply.label)


async def test_sources_are_listed_in_the_order_cited(writing: FindPolicy, model: DeepSeek) -> None:
    """A source that is not cited is not listed, and [1] is the first the reader meets."""
    model.then(Script(said=("要带身份证⟦S2⟧。",)))
    reply = await writing(turn(QUESTION))
    assert reply.text.startswith("要带身份证[1]。")
    assert reply.sources == (GUIDE,)


async def test_the_answer_is_shown_while_it_grows(writing: FindPolicy, model: DeepSeek) -> None:
    """What streams is what is committed, tokens already replaced."""
    model.then(Script(said=("每人每月", "300元⟦", "S1", "⟧。", "请拨打⟦电话1⟧。")))
    shown = Shown()
    reply = await writing(turn(QUESTION, shown=shown))
    assert shown.deltas[0] == "每人每月"
    assert shown.text == "每人每月300元[1]。请拨打0999-88880101。"
    assert reply.text.startswith(shown.text)


async def test_the_model_sees_tokens_only(writing: FindPolicy, model: DeepSeek) -> None:
    """No URL, 文号 or phone leaves for the model, neither from the evidence nor from the question."""
    await writing(turn("打13800138000问示区府规〔2025〕7号，见https://a.gov.cn", role=Role.STAFF))
    seen = model.requests[0]["messages"][1]["content"]
    assert "⟦S1⟧《示例区高龄津贴发放办法》（⟦文号1⟧）第三条" in seen
    assert "⟦电话1⟧" in seen
    assert not [fact for fact in ("13800138000", "〔2025〕", "a.gov.cn", "88880101") if fact in seen]


async def test_what_all_questions_share_comes_first(writing: FindPolicy, model: DeepSeek) -> None:
    """The rules are word for word the same for everybody, and the question is the last thing said."""
    await writing(turn(QUESTION))
    await writing(turn("别的问题是什么？", role=Role.STAFF))
    first, second = ([m["content"] for m in request["messages"]] for request in model.requests)
    assert first[0] == second[0]
    assert first[1].endswith(f"{QUESTION}\n</问题>")


async def test_what_the_model_makes_up_is_dropped(writing: FindPolicy, model: DeepSeek) -> None:
    """Invented sources, addresses, 文号 and phones do not reach the person."""
    model.then(
        Script(said=("每月300元⟦S1⟧⟦S8⟧，见https://evil.cn/x", "或拨打0999-12345678", "，依据示府〔2099〕9号。"))
    )
    reply = await writing(turn(QUESTION))
    assert reply.text.startswith("每月300元[1]，见或拨打，依据示府。")


@pytest.mark.parametrize(
    "trouble",
    [
        Script(status=401),
        Script(said=("⟦无⟧",)),
        Script(said=("每人每月300元。",)),
        Script(said=("每人每月300元⟦S7⟧。",)),
        Script(said=("每人", "每月"), cut_after=1),
        Script(said=("我不知道" * 50,)),
        Script(said=("每人每月300元⟦S1⟧",), finish="length"),
    ],
    ids=["refused", "declines", "cites nothing", "cites nobody", "breaks off", "talks nonsense", "too long"],
)
async def test_a_model_that_fails_gives_way_to_the_clauses(
    writing: FindPolicy, model: DeepSeek, trouble: Script
) -> None:
    """Unavailable, unsure, uncited or broken: the person reads the documents themselves."""
    model.then(trouble)
    reply = await writing(turn(QUESTION))
    assert reply.outcome is Outcome.ANSWERED_BY_QUOTATION
    assert ALLOWANCE.quote in reply.text
    assert reply.sources == (ALLOWANCE, GUIDE)


async def test_a_repealed_source_is_called_so_whatever_the_model_says(
    writing: FindPolicy, model: DeepSeek, search: FakeSearch
) -> None:
    """Rules that no longer hold carry their warning in the answer."""
    search.hits = (FoundClause(OLD),)
    model.then(Script(said=("过去每月200元⟦S1⟧。",)))
    reply = await writing(turn("废止的高龄津贴旧标准是多少？"))
    assert "[1]《高龄津贴暂行办法》已废止，现在不再执行" in reply.text


# --- without a model -------------------------------------------------------------------------------


async def test_without_a_model_the_clauses_are_quoted(quoting: FindPolicy, replies: Replies) -> None:
    """Verbatim, under plain headings with marks, and said to be an excerpt; nothing streams."""
    shown = Shown()
    reply = await quoting(turn(QUESTION, shown=shown))
    assert reply.outcome is Outcome.ANSWERED_BY_QUOTATION
    assert reply.text == (
        f"{replies.sentence('outcomes.answered_by_quotation')}\n\n"
        "《示例区高龄津贴发放办法》第三条 [1]\n九十周岁至九十九周岁，每人每月300元。咨询电话：0999-88880101。\n\n"
        "《高龄津贴办事指南》申请材料 [2]\n携带身份证、社会保障卡。"
    )
    assert reply.label == replies.sentence("label.quoted")
    assert not shown.deltas


async def test_staff_read_the_document_number(quoting: FindPolicy) -> None:
    """A resident gets the plain form, staff the 文号 as well."""
    staff = await quoting(turn(QUESTION, role=Role.STAFF))
    resident = await quoting(turn(QUESTION))
    assert "（示区府规〔2025〕7号）第三条 [1]" in staff.text
    assert "示区府规" not in resident.text


async def test_at_most_three_clauses_are_quoted_each_once(quoting: FindPolicy, search: FakeSearch) -> None:
    """The first three that differ."""
    clauses = [replace(ALLOWANCE, clause=f"第{n}条") for n in "三三四五六"]
    search.hits = [FoundClause(clause) for clause in clauses]
    reply = await quoting(turn(QUESTION))
    assert [source.clause for source in reply.sources] == ["第三条", "第四条", "第五条"]


async def test_a_long_clause_is_cut_where_a_sentence_ends(
    quoting: FindPolicy, search: FakeSearch, replies: Replies
) -> None:
    """The cut is said, falls on a full stop, and the source keeps every word."""
    long = replace(ALLOWANCE, quote="每人每月发放一次津贴，标准按年龄分档。" * 40)
    search.hits = (FoundClause(long),)
    reply = await quoting(turn(QUESTION))
    quoted = reply.text.split("\n")[3]
    assert long.quote.startswith(quoted)
    assert quoted.endswith("。")
    assert len(quoted) <= 300
    assert reply.text.endswith(replies.sentence("policy.shortened"))
    assert reply.sources == (long,)


async def test_a_repealed_clause_is_marked(quoting: FindPolicy, search: FakeSearch) -> None:
    """A person who asks for history sees that it is history; the library was asked for it."""
    search.hits = (FoundClause(OLD),)
    reply = await quoting(turn("以前的规定里高龄津贴是多少？"))
    assert "已废止，现在不再执行" in reply.text
    assert search.asked == [("以前的规定里高龄津贴是多少？", Role.RESIDENT, True)]


async def test_rules_in_force_are_searched_for_unless_asked_otherwise(quoting: FindPolicy, search: FakeSearch) -> None:
    """An ordinary question never brings up repealed documents."""
    await quoting(turn(QUESTION))
    assert search.asked == [(QUESTION, Role.RESIDENT, False)]


# --- not enough ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hits", [(), (FoundClause(ALLOWANCE, 0.3), FoundClause(GUIDE, 0.49))])
async def test_too_little_evidence_is_no_answer(
    writing: FindPolicy, model: DeepSeek, search: FakeSearch, hits: tuple[FoundClause, ...]
) -> None:
    """The person learns what was searched and how to ask otherwise; the model is not even asked."""
    search.hits = hits
    reply = await writing(turn("火星移民补贴"))
    assert reply.outcome is Outcome.UNANSWERABLE_NO_SOURCE
    assert "我在政策库里查了“火星移民补贴”" in reply.text
    assert [s.command.name for s in reply.suggestions] == ["menu", "help"]
    assert not reply.sources
    assert not model.requests


async def test_a_long_question_is_shortened_where_it_is_repeated(quoting: FindPolicy, search: FakeSearch) -> None:
    """Nobody reads their own paragraph again."""
    search.hits = ()
    reply = await quoting(turn("火星" * 100))
    assert f"“{'火星' * 20}…”" in reply.text


# --- follow-ups ------------------------------------------------------------------------------------


async def test_a_follow_up_is_completed_by_the_model(writing: FindPolicy, model: DeepSeek, search: FakeSearch) -> None:
    """The model sees question and answer before, and what it makes of them is searched."""
    model.then(Script(said=('{"question": "申领高龄津贴要带什么材料？"}',)), Script(said=("带身份证⟦S2⟧。",)))
    reply = await writing(turn("那要带什么材料？", earlier=(exchange("高龄津贴多少钱？", "示例区高龄津贴发放办法"),)))
    assert search.asked[0][0] == "申领高龄津贴要带什么材料？"
    assert "高龄津贴多少钱？" in model.requests[0]["messages"][1]["content"]
    assert reply.outcome is Outcome.ANSWERED


@pytest.mark.parametrize("said", [("不是 JSON",), ('{"question": ""}',), ('{"问题": "错"}',)])
async def test_a_follow_up_the_model_cannot_complete_is_completed_by_rule(
    writing: FindPolicy, model: DeepSeek, search: FakeSearch, said: tuple[str, ...]
) -> None:
    """A model that fails here costs the elegance of the query, not the answer."""
    model.then(Script(said=said), Script(said=said))
    await writing(turn("要带什么材料？", earlier=(exchange("高龄津贴多少钱？", "高龄津贴发放办法"),)))
    assert search.asked[0][0] == "高龄津贴多少钱？ 要带什么材料？"


@pytest.mark.parametrize("follow_up", ["那要什么材料？", "多久能下来？", "怎么申请", "这个补贴我能领吗", "还有呢"])
async def test_without_a_model_a_follow_up_takes_its_topic_along(
    quoting: FindPolicy, search: FakeSearch, follow_up: str
) -> None:
    """The last question that stands by itself is put before it, over follow-ups in between."""
    earlier = (
        exchange("公租房怎么申请？", "公租房办法"),
        exchange("高龄津贴多少钱？", "高龄津贴办法"),
        exchange("那怎么领？", "高龄津贴办法"),
    )
    await quoting(turn(follow_up, earlier=earlier))
    assert search.asked[0][0] == f"高龄津贴多少钱？ {follow_up}"


@pytest.mark.parametrize("question", ["低保怎么申请", "新生儿落户要什么材料？", "公租房", "残疾人开店有什么补贴"])
async def test_a_question_with_its_own_topic_stands_alone(
    quoting: FindPolicy, search: FakeSearch, question: str
) -> None:
    """A change of topic is not mixed with the old one."""
    await quoting(turn(question, earlier=(exchange("高龄津贴多少钱？", "高龄津贴办法"),)))
    assert search.asked[0][0] == question


@pytest.mark.parametrize("earlier", [(), (exchange("你好"),), (exchange("", "高龄津贴办法"),)])
async def test_without_a_topic_before_there_is_nothing_to_lean_on(
    quoting: FindPolicy, search: FakeSearch, earlier: tuple[()]
) -> None:
    """A first question of nothing but asking words is asked back: any clause would be a guess."""
    reply = await quoting(turn("怎么申请", earlier=earlier))
    assert (reply.outcome, search.asked) == (Outcome.CLARIFY, [])
    assert reply.suggestions


async def test_greetings_in_a_burst_are_not_searched(quoting: FindPolicy, search: FakeSearch) -> None:
    """您好 on a line of its own says nothing about the question."""
    await quoting(turn(burst=(message("您好！", n=1), message("低保怎么申请", n=2), message("谢谢", n=3))))
    assert search.asked[0][0] == "低保怎么申请"


# --- next steps ------------------------------------------------------------------------------------


async def test_next_steps_carry_the_topic(quoting: FindPolicy) -> None:
    """Each button asks a whole question; what was just asked is not offered again."""
    reply = await quoting(turn("高龄津贴要什么材料？"))
    assert [s.command for s in reply.suggestions] == [
        Command("policy", "高龄津贴要什么材料？ 办理流程和地点"),
        Command("policy", "高龄津贴要什么材料？ 申请条件"),
    ]


async def test_taps_do_not_pile_up(quoting: FindPolicy, search: FakeSearch) -> None:
    """A tap after a tap asks about the topic, not about the tap."""
    reply = await quoting(turn("高龄津贴"))
    materials = next(s for s in reply.suggestions if s.label == "要带什么材料")
    again = await quoting(turn(Text("要带什么材料"), materials.command))
    assert search.asked[-1][0] == "高龄津贴 申请材料"
    assert Command("policy", "高龄津贴 办理流程和地点") in [s.command for s in again.suggestions]


async def test_every_button_fits_a_card(quoting: FindPolicy) -> None:
    """Labels are at most ten characters, the width of a card's button."""
    reply = await quoting(turn(QUESTION))
    assert reply.suggestions
    assert all(len(suggestion.label) <= 10 for suggestion in reply.suggestions)


# --- silence ---------------------------------------------------------------------------------------


async def test_nothing_a_person_wrote_is_logged(
    writing: FindPolicy,
    model: DeepSeek,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither the question nor the answer reaches a log, also when the model fails."""
    caplog.set_level(logging.DEBUG)
    model.then(Script(said=("张三可以领⟦S1⟧。",)), Script(status=500), Script(status=401))
    await writing(turn("我叫张三，能领吗？"))
    await writing(turn("我叫张三，能领吗？"))
    printed = capsys.readouterr()
    assert "张三" not in caplog.text + printed.out + printed.err


async def test_replies_are_paragraphs(writing: FindPolicy) -> None:
    """Every ending is plain text, which every messenger can show."""
    reply = await writing(turn(QUESTION))
    assert [type(part) for part in reply.parts] == [Paragraphs]
