"""Cutting: each clause has the path a lawyer would cite, and no character is lost."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.files import Block, Heading, Paragraph, Row
from bot.library.clauses import LONG, cut
from bot.library.document import Clause
from bot.library.marks import ordinal_word
from bot.library.numerals import number


def clauses(*lines: str) -> tuple[Clause, ...]:
    return cut("d", map(Paragraph, lines))


def paths(*lines: str) -> list[str]:
    return [clause.path for clause in clauses(*lines)]


def test_articles_are_named_by_part_chapter_section_and_article() -> None:
    """编、章、节 stand before the 条, and end where the next of their rank begins."""
    assert paths(
        "第一编 总则",
        "第一章 目的",
        "第一条 为了甲。",
        "第二章 范围",
        "第一节 人",
        "第二条 乙。",
        "第二编 分则",
        "第三条 丙。",
        "附 则",
        "第四条 丁。",
    ) == ["第一编 第一章 第一条", "第一编 第二章 第一节 第二条", "第二编 第三条", "附则 第四条"]


def test_headings_of_judicial_interpretations_are_divisions() -> None:
    """一、管辖 above articles names them and does not slip into the article before."""
    found = clauses("一、管辖", "第一条 甲。", "二、证据", "第二条 乙。")
    assert [(clause.path, clause.text) for clause in found] == [
        ("一、 第一条", "第一条 甲。"),
        ("二、 第二条", "第二条 乙。"),
    ]


def test_articles_without_a_blank_are_told_by_their_order() -> None:
    """A sentence that begins by citing an article opens none."""
    assert paths("第一条为了甲。", "第二条申请人应当乙。", "第一条规定的人除外。", "第三条丙。") == [
        "第一条",
        "第二条",
        "第三条",
    ]


def test_a_quotation_is_cited_by_paragraph_item_and_point() -> None:
    """款 are counted where there are several; items and points keep their own numbers."""
    [clause] = clauses("第八条 甲，给予补贴：", "（一）子；", "（二）丑：", "1.寅；", "乙的，不予补贴。")
    assert clause.path_of("丑") == "第八条 第一款 第（二）项"
    assert clause.path_of("寅") == "第八条 第一款 第（二）项 第1目"
    assert clause.path_of("不予补贴") == "第八条 第二款"
    assert clause.path_of("子；\n（二）") == "第八条"
    [single] = clauses("第九条 下列情形：", "（一）甲；", "（二）乙。")
    assert single.path_of("乙。") == "第九条 第（二）项"


def test_notices_are_cut_at_their_numbers() -> None:
    """一、 without items is one clause, its items one each, and what closes a section belongs to the section."""
    found = clauses(
        "现通知如下。",
        "一、标准",
        "（一）甲200元；",
        "（二）乙300元。",
        "不叠加。",
        "二、时间",
        "自1月起。",
        "三、本通知由民政局解释。",
        "特此通知。",
    )
    assert [(clause.path, clause.text) for clause in found] == [
        ("", "现通知如下。"),
        ("一、（一）", "（一）甲200元；"),
        ("一、（二）", "（二）乙300元。"),
        ("一、", "不叠加。"),
        ("二、", "自1月起。"),
        ("三、", "三、本通知由民政局解释。"),
        ("", "特此通知。"),
    ]
    assert found[1].heading == "一、标准"


def test_guides_are_cut_at_headings_and_answers_at_questions() -> None:
    """A guide's section keeps its numbered list; an answer is cited by its question."""
    guide = cut(
        "d",
        [
            Heading("申请材料", 2),
            Paragraph("（一）身份证；"),
            Paragraph("（二）户口簿。"),
            Heading("收费", 2),
            Paragraph("不收费。"),
        ],
    )
    assert [(clause.path, clause.text) for clause in guide] == [
        ("申请材料", "（一）身份证；\n（二）户口簿。"),
        ("收费", "不收费。"),
    ]
    assert guide[0].path_of("户口簿") == "申请材料（二）"
    answers = clauses("问：能领两份吗？", "答：不能。", "一、按店计算。", "问：要退吗？", "答：不用。")
    assert [(clause.path, clause.text) for clause in answers] == [
        ("能领两份吗？", "答：不能。\n一、按店计算。"),
        ("要退吗？", "答：不用。"),
    ]


def test_a_table_row_is_a_clause_with_its_headers() -> None:
    """Each row stands alone under the article that holds the table, and the article goes on after it."""
    rows: list[Block] = [Row(("甲", "5元"), ("档", "额"), first=True), Row(("乙", "9元"), ("档", "额"))]
    blocks: list[Block] = [Paragraph("第五条 按下表："), *rows, Paragraph("不得重复。"), Paragraph("第六条 丙。")]
    found = cut("d", blocks)
    assert [(clause.path, clause.text, clause.lead) for clause in found] == [
        ("第五条", "第五条 按下表：", ""),
        ("第五条", "档：甲；额：5元", "第五条 按下表："),
        ("第五条", "档：乙；额：9元", "第五条 按下表："),
        ("第五条", "不得重复。", "第五条 按下表："),
        ("第六条", "第六条 丙。", ""),
    ]


def test_only_long_articles_are_cut_below_the_article() -> None:
    """Each piece carries its exact path and the words that introduce it."""
    long = "甲" * (LONG // 2 + 10)
    found = clauses(f"第一条 {long}", f"{long}：", "（一）乙；")
    assert [clause.path for clause in found] == ["第一条 第一款", "第一条 第二款"]
    assert found[1].lead == f"第一条 {long}"
    assert found[1].path_of("乙") == "第一条 第二款 第（一）项"


def test_an_annex_counts_its_own_articles() -> None:
    """附件1 stands before the path of what it holds."""
    assert paths("第一条 甲。", "附件1", "第一条 乙。") == ["第一条", "附件1 第一条"]


def test_two_headings_of_the_same_words_are_two() -> None:
    """The empty one is kept although the other has text below it."""
    blocks: list[Block] = [Heading("其他", 2), Paragraph("甲。"), Heading("其他", 2)]
    assert [(clause.heading, clause.text) for clause in cut("d", blocks)] == [("其他", "甲。"), ("", "其他")]


def test_a_heading_above_nothing_is_kept() -> None:
    """The last heading of a document is not lost for want of text below it."""
    assert [clause.text for clause in cut("d", [Paragraph("甲。"), Heading("咨询电话", 2)])] == ["甲。", "咨询电话"]


LINES = st.lists(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(
            [
                "",
                "第一章 ",
                "第二节 ",
                "第一条 ",
                "第二条 ",
                "第三条",
                "一、",
                "二、",
                "（一）",
                "（二）",
                "1.",
                "（1）",
                "问：",
                "答：",
                "附件1",
            ]
        ),
        st.text("甲乙丙丁", min_size=1, max_size=60),
        st.sampled_from(["", "。", "；", "：", "？"]),
    ),
    max_size=30,
)


@settings(max_examples=500, deadline=None)
@given(LINES, st.integers(0, 4))
def test_every_character_of_the_body_stands_in_the_clauses_in_its_order(lines: list[str], every: int) -> None:
    """Whatever the order of numbers, headings and texts put together give the body back."""
    # No two lines alike: `together` cannot tell a heading repeated at once from one that goes on.
    lines = [f"附件{place}" if line.startswith("附件") else f"{line}{place}号" for place, line in enumerate(lines)]
    blocks: list[Block] = [
        Heading(line, 2) if every and place % (every + 1) == every else Paragraph(line)
        for place, line in enumerate(lines)
    ]
    assert together(cut("d", blocks)) == lines


def together(found: Sequence[Clause]) -> list[str]:
    """The lines of all clauses, each heading line where it first comes in force."""
    lines: list[str] = []
    above: list[str] = []
    for clause in found:
        headings = clause.heading.split("\n") if clause.heading else []
        common = next(
            (i for i, pair in enumerate(zip(headings, above, strict=False)) if pair[0] != pair[1]), len(above)
        )
        lines += headings[common:] if len(headings) > common else []
        lines += clause.text.split("\n")
        above = headings
    return lines


@pytest.mark.parametrize("count", [1, 9, 10, 11, 20, 99, 100, 105, 110, 999])
def test_paragraph_numbers_are_written_in_chinese(count: int) -> None:
    """第十二款 is written as a lawyer writes it."""
    assert number(ordinal_word(count)) == count
    assert re.fullmatch("[一二三四五六七八九十百零]+", ordinal_word(count))
