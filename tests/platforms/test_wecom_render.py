"""Replies keep every word and every limit, in as few messages as that takes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.message import Card, Command, File, Image, Outcome, Paragraphs, Reply, Source, Suggestion, Table
from bot.platforms import Wire
from bot.platforms.wecom_text import numbered, size, split
from tests.platforms.conftest import MESSAGE, WORDS, renderer
from tests.simulators.wecom_rules import problem_of

WORDS_OF_ANY_KIND = st.text(st.characters(blacklist_categories=["Cs"]), max_size=1500)
SENTENCES = st.lists(
    st.sampled_from(["补贴五千元。", "请带身份证，", "到窗口办理！\n", "a b. ", "3.5元", "𠮷", "é", "👨‍👩‍👧"])
).map("".join)

SOURCE = Source(
    document="示例区残疾人创业扶持办法",
    number="示残发〔2024〕3号",
    issuer="示例区残联",
    date="2024-03-01",
    status="有效",
    clause="第五条",
    quote="给予一次性补贴5000元。",
    url="https://example.gov.cn/a?x=1&y=2",
)
MORE = Suggestion("办理材料", Command("more", "3"))
ANSWER = Reply(
    Outcome.ANSWERED,
    (Paragraphs("可以领**一次性**补贴5000元[1]。"),),
    sources=(SOURCE,),
    suggestions=(MORE, Suggestion("窗口电话", Command("phone"))),
    label="AI生成，请核对原文",
    number="A7K2",
)


def contents(wires: tuple[Wire, ...]) -> list[str]:
    return [wire.body[wire.body["msgtype"]]["content"] for wire in wires if "content" in str(wire.body)]


def cards(wires: tuple[Wire, ...], kind: str) -> list[dict[str, Any]]:
    return [wire.body[kind] for wire in wires if wire.body.get("msgtype") == kind]


# --- cutting -----------------------------------------------------------------------------------


@given(st.one_of(WORDS_OF_ANY_KIND, SENTENCES), st.integers(64, 300))
def test_pieces_fit_and_nothing_is_lost(text: str, limit: int) -> None:
    """Every piece within its bytes, none empty; together they are the text, but for white space at the cuts."""
    pieces = split(text, limit)
    assert all(0 < size(piece) <= limit for piece in pieces)
    assert re.sub(r"\s", "", "".join(pieces)) == re.sub(r"\s", "", text)


@given(SENTENCES, st.integers(64, 300))
def test_numbered_pieces_fit_with_their_marks(text: str, limit: int) -> None:
    """The mark counts against the limit, and is there only when there are several."""
    pieces = numbered(text, limit, lambda n, of: f"（{n}/{of}）")
    assert all(size(piece) <= limit for piece in pieces)
    if len(pieces) > 1:
        assert [piece.partition("\n")[0] for piece in pieces] == [
            f"（{n}/{len(pieces)}）" for n in range(1, len(pieces) + 1)
        ]


def test_seven_hundred_characters_are_two_messages() -> None:
    """2100 bytes of one unbroken word: cut between characters."""
    assert [len(piece) for piece in split("字" * 700, 2048)] == [682, 18]


def test_sentences_stay_whole() -> None:
    """A cut falls behind a sentence, its closing quotation mark included."""
    text = "他说：“到窗口办理，带上身份证。”" * 100
    assert all(piece.endswith("。”") for piece in split(text, 2048))


def test_addresses_and_amounts_are_not_sentence_ends() -> None:
    """A full stop inside 3.5 or example.gov.cn ends nothing."""
    text = "补贴3.5万元见 example.gov.cn/a?b=c " * 100
    assert all(re.search(r"[元nc见]$", piece) for piece in split(text, 500))


@pytest.mark.parametrize(
    "link", ['<a href="https://example.gov.cn/?a=1。2">原 文。</a>', "[原 文。](https://example.gov.cn/1)"]
)
def test_links_are_not_cut(link: str) -> None:
    """Half a link leads nowhere."""
    for before in range(30, 130):
        pieces = split("字" * (before // 3) + "x" * (before % 3) + link + "字" * 40, 130)
        assert any(link in piece for piece in pieces)


@pytest.mark.parametrize("whole", ["👨‍👩‍👧", "é", "👍🏽", "✈️"])
def test_joined_characters_are_not_cut(whole: str) -> None:
    """Families, accents and skin tones arrive in one piece."""
    for before in range(45, 64):
        assert any(whole in piece for piece in split("x" * before + whole + "x" * 30, 64))


def test_hostile_words_cost_no_time() -> None:
    """Unclosed links by the thousand are cut like any words: the work grows with the text, not with its square."""
    for text in ("<a " * 30_000, "[" * 90_000, "[x](" * 20_000):
        assert "".join(split(text, 2048)).replace(" ", "") == text.replace(" ", "")


# --- words -------------------------------------------------------------------------------------


def test_an_answer_is_one_text_with_sources_choices_and_label() -> None:
    """Plain text by default; the label line with the reply's number is the last."""
    (wire,) = renderer().render(ANSWER, MESSAGE)
    assert wire.call == "message/send"
    assert wire.body["text"]["content"].split("\n") == [
        "可以领一次性补贴5000元[1]。",
        "",
        WORDS.sources,
        "[1] 《示例区残疾人创业扶持办法》（示残发〔2024〕3号）",
        '2024-03-01 · 有效 · 第五条 · <a href="https://example.gov.cn/a?x=1&y=2">原文</a>',
        "",
        WORDS.choices,
        "1. 办理材料",
        "2. 窗口电话",
        "",
        "AI生成，请核对原文｜编号 A7K2",
    ]


def test_markdown_is_sent_only_where_it_can_be_read() -> None:
    """With the feature the same answer is markdown; without it no mark of markdown is left."""
    (wire,) = renderer("markdown").render(ANSWER, MESSAGE)
    assert wire.body["msgtype"] == "markdown"
    assert "**一次性**" in wire.body["markdown"]["content"]
    assert "[原文](https://example.gov.cn/a?x=1&y=2)" in wire.body["markdown"]["content"]
    marked = "# 标题\n**粗** `码` [网](https://example.gov.cn/1) 2*3*4"
    (wire,) = renderer().render(Reply(Outcome.ANSWERED, (Paragraphs(marked),)), MESSAGE)
    assert wire.body["text"]["content"] == '标题\n粗 码 <a href="https://example.gov.cn/1">网</a> 2*3*4'


@given(WORDS_OF_ANY_KIND, st.sampled_from([(), ("markdown",), ("markdown", "template_card"), ("template_card",)]))
def test_every_message_is_one_the_platform_takes_whole(text: str, features: tuple[str, ...]) -> None:
    """Whatever the words, no message is over a limit, and none is empty."""
    wires = renderer(*features).render(replace(ANSWER, parts=(Paragraphs(text),)), MESSAGE)
    assert all(problem_of(wire.body, ()) == 0 for wire in wires)
    assert all(size(content) <= 2048 for content in contents(wires))


def test_a_long_answer_is_numbered_and_labelled_at_its_end() -> None:
    """Each part says which it is of how many; the last ends in the label."""
    wires = renderer().render(replace(ANSWER, parts=(Paragraphs("每人每月补贴五百元。" * 200),)), MESSAGE)
    heads = [content.split("\n")[0] for content in contents(wires)]
    assert heads == [f"（{n}/{len(heads)}·A7K2）" for n in range(1, len(heads) + 1)]
    assert len(heads) > 2
    assert contents(wires)[-1].endswith("AI生成，请核对原文｜编号 A7K2")


def test_only_a_retry_is_equal() -> None:
    """The same reply is rendered to the same messages; the same words under another number share none with it."""
    reply = replace(
        ANSWER,
        parts=(Paragraphs("请带身份证。" * 300), Card("指南", "怎么办", "https://example.gov.cn/g")),
    )
    for shown in (renderer(), renderer("markdown", "template_card")):
        once, again = shown.render(reply, MESSAGE), shown.render(reply, MESSAGE)
        other = shown.render(replace(reply, number="B8L3"), MESSAGE)
        assert once == again
        assert not [wire for wire in once if wire in other]


def test_a_fixed_sentence_carries_its_number_alone() -> None:
    """No AI wrote it, so no AI label; but two equal ones within half an hour must both be seen."""
    (wire,) = renderer().render(Reply(Outcome.ANSWERED_THANKS, (Paragraphs("不客气。"),), number="A7K2"), MESSAGE)
    assert wire.body["text"]["content"] == "不客气。\n\n编号 A7K2"


def test_a_reply_without_words_is_no_message() -> None:
    """The platform refuses empty texts, and nobody wants one."""
    assert renderer().render(Reply(Outcome.NONE, number="A7K2"), MESSAGE) == ()
    assert renderer().render(Reply(Outcome.NONE, (Paragraphs(" \n"),), number="A7K2"), MESSAGE) == ()


def test_addresses_that_are_none_are_not_offered() -> None:
    """Only web addresses can be tapped, and none can break out of its tag."""
    for url in ("", "javascript:alert(1)", 'https://x"onclick=1', "https://x y"):
        (wire,) = renderer().render(replace(ANSWER, sources=(replace(SOURCE, url=url),)), MESSAGE)
        assert "<a " not in wire.body["text"]["content"]


def test_a_title_in_its_own_marks_gets_no_second_pair() -> None:
    """《办法》 stays 《办法》, and a source without number or date leaves no empty brackets."""
    bare = Source("《办法》", "", "", "", "有效", "", "")
    (wire,) = renderer().render(replace(ANSWER, sources=(bare,)), MESSAGE)
    assert "[1] 《办法》\n有效\n" in wire.body["text"]["content"]


def test_a_table_is_one_line_a_row() -> None:
    """Each cell keeps its heading, since the messenger draws no columns; empty cells are left out."""
    table = Table(("项目", "金额"), (("低保", "800元"), ("临时救助", "")), title="一览")
    (wire,) = renderer().render(Reply(Outcome.ANSWERED, (table,)), MESSAGE)
    assert wire.body["text"]["content"] == "一览\n· 项目：低保；金额：800元\n· 项目：临时救助"


# --- cards, files and buttons ------------------------------------------------------------------


def test_a_card_with_a_link_is_a_text_card() -> None:
    """Title, words with the label, link; nothing is said twice."""
    card = Card("办事指南", "三步办好。", "https://example.gov.cn/g")
    (wire,) = renderer().render(Reply(Outcome.ANSWERED, (card,), label="AI生成", number="A7K2"), MESSAGE)
    assert cards((wire,), "textcard") == [
        {
            "title": "办事指南",
            "description": "三步办好。\nAI生成｜编号 A7K2",
            "url": "https://example.gov.cn/g",
            "btntxt": WORDS.details,
        }
    ]


@pytest.mark.parametrize(
    "card",
    [
        Card("题", "文"),
        Card("题", "字" * 171, "https://example.gov.cn/g"),
        Card("题", "字" * 170, "https://example.gov.cn/g"),
        Card("字" * 43, "文", "https://example.gov.cn/g"),
        Card("", "文", "https://example.gov.cn/g"),
    ],
    ids=["no link", "long words", "words too long for the number", "long title", "no title"],
)
def test_a_card_that_would_be_cut_or_refused_is_text(card: Card) -> None:
    """All its words arrive, with its link."""
    (wire,) = renderer().render(Reply(Outcome.ANSWERED, (card,), number="A7K2"), MESSAGE)
    for words in (card.title, card.body, card.url):
        assert words in wire.body["text"]["content"]


@given(st.text(min_size=1, max_size=60), st.text(max_size=200))
def test_every_card_is_one_the_platform_takes(title: str, body: str) -> None:
    """A text card within its limits, or text."""
    reply = Reply(Outcome.ANSWERED, (Card(title, body, "https://example.gov.cn/g"),), label="AI", number="A7K2")
    assert all(problem_of(wire.body, ()) == 0 for wire in renderer().render(reply, MESSAGE))


def test_files_follow_the_words() -> None:
    """First what is said, then what is handed over, in order; a file alone still brings the label."""
    parts = (File("表.xlsx", "/f/1"), Paragraphs("请看附件。"), Image("图.png", "/f/2"))
    wires = renderer().render(Reply(Outcome.ANSWERED, parts, label="AI生成", number="A7K2"), MESSAGE)
    assert [wire.call for wire in wires] == ["message/send", "media", "media"]
    assert wires[1].body == {"type": "file", "name": "表.xlsx", "path": "/f/1"}
    assert wires[2].body == {"type": "image", "name": "图.png", "path": "/f/2"}
    alone = renderer().render(Reply(Outcome.ANSWERED, parts[:1], label="AI生成", number="A7K2"), MESSAGE)
    assert contents(alone) == ["AI生成｜编号 A7K2"]


def test_suggestions_are_buttons_where_cards_are_shown() -> None:
    """Words first, then one card with the buttons, whose keys are the commands."""
    words, card = renderer("template_card").render(ANSWER, MESSAGE)
    assert WORDS.choices not in words.body["text"]["content"]
    (buttons,) = cards((card,), "template_card")
    assert buttons["button_list"] == [{"text": "办理材料", "key": "more:3"}, {"text": "窗口电话", "key": "phone"}]
    assert buttons["main_title"] == {"title": WORDS.choose}


def test_a_short_reply_with_buttons_is_one_message() -> None:
    """A question back with two answers to tap needs no second message."""
    ask = Reply(Outcome.CLARIFY, (Paragraphs("您问的是哪一项？"),), suggestions=(MORE,), number="A7K2")
    (wire,) = renderer("template_card").render(ask, MESSAGE)
    assert wire.body["template_card"]["sub_title_text"] == "您问的是哪一项？\n\n编号 A7K2"


@pytest.mark.parametrize(
    "suggestions",
    [(MORE,) * 7, (Suggestion("字" * 11, Command("a")),), (Suggestion("好", Command("a", "x" * 1024)),)],
    ids=["seven", "long label", "long key"],
)
def test_suggestions_that_would_be_cut_stay_a_list(suggestions: tuple[Suggestion, ...]) -> None:
    """Better a number to type than half a word to tap."""
    (wire,) = renderer("template_card").render(replace(ANSWER, suggestions=suggestions), MESSAGE)
    assert f"{len(suggestions)}. {suggestions[0].label}" in wire.body["text"]["content"]


def test_two_cards_never_share_a_task() -> None:
    """The platform knows a card by its task: another reply, or another message, is another task."""
    tasks = {
        renderer("template_card").render(reply, message)[-1].body["template_card"]["task_id"]
        for reply in (ANSWER, replace(ANSWER, number="B8L3"))
        for message in (MESSAGE, replace(MESSAGE, id="wecom-app/banshi/2"))
    }
    assert len(tasks) == 4


def test_after_a_tap_the_card_is_closed_first() -> None:
    """So that nobody taps twice; the update is no message and does not wait for the pace."""
    tapped = replace(MESSAGE, origin={"response_code": "code-1", "task_id": "t"})
    first, *rest = renderer().render(ANSWER, tapped)
    assert (first.call, first.paced) == ("message/update_template_card", False)
    assert first.body == {
        "userids": ["limei"],
        "agentid": 1000002,
        "response_code": "code-1",
        "button": {"replace_name": WORDS.chosen},
    }
    assert [wire.call for wire in rest] == ["message/send"]
