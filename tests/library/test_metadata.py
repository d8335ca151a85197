"""What a document says of itself, wherever it says it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.errors import DocumentRefused
from bot.files import Paragraph, Plain
from bot.library import Document, Status
from bot.library.frame import normal_number
from bot.library.metadata import describe, read_table
from bot.library.numerals import find_date, number, years_after

LETTER = (
    "示例市示例区民政局文件",
    "示区民[2026]第05号",
    "示例市示例区民政局 示例市示例区财政局",
    "关于发放取暖补贴的通知",
    "各街道办事处，各有关单位：",
    "现将有关事项通知如下。",
    "一、标准",
    "每户每年600元。",
    "示例市示例区民政局",
    "示例市示例区财政局",
    "二〇二六年三月五日",
    "（此件公开发布）",
)


def described(lines: Sequence[str], **corrections: str) -> Document:
    return describe(Path("a.txt"), Plain(tuple(map(Paragraph, lines))), corrections)[0]


def test_head_and_signature_are_read_as_in_print() -> None:
    """Title over two lines, a number with wrong brackets, two signing offices and a date in Chinese numerals."""
    document = described(LETTER)
    assert document.title == "示例市示例区民政局 示例市示例区财政局关于发放取暖补贴的通知"
    assert document.number == "示区民〔2026〕5号"
    assert document.issuer == "示例市示例区民政局、示例市示例区财政局"
    assert (document.signed, document.kind, document.status) == ("2026-03-05", "通知", Status.VALID)


def test_only_the_body_is_left_to_be_cut() -> None:
    """Letterhead, number, title, addressees, signature and note are no clauses."""
    _, body = describe(Path("a.txt"), Plain(tuple(map(Paragraph, LETTER))), {})
    assert [block.text for block in body] == ["现将有关事项通知如下。", "一、标准", "每户每年600元。"]


def test_a_correction_wins_over_what_the_document_says() -> None:
    """The CSV is the operator's word."""
    document = described(LETTER, 标题="取暖补贴通知", 发文字号="示区民(2026) 6号", 受众="工作人员、企业", 效力="废止")
    assert (document.title, document.number) == ("取暖补贴通知", "示区民〔2026〕6号")
    assert document.audience == ("工作人员", "企业")
    assert document.status is Status.REPEALED


def test_validity_follows_from_the_final_provisions() -> None:
    """有效期五年 counts from the day of effect; the validity of a certificate in the text says nothing."""
    lines = [
        "甲办法",
        "第一条 居住证有效期三年。",
        "第二条 本办法自2024年5月1日起施行，有效期五年。《乙办法》同时废止。",
    ]
    document = described(lines)
    assert (document.effective, document.expires) == ("2024-05-01", "2029-04-30")
    assert document.repeals == ("乙办法",)
    assert described(lines[:2]).expires == ""


@pytest.mark.parametrize(
    ("key", "value", "reason"), [("成文日期", "去年", "date_wrong"), ("效力", "大概", "status_unknown")]
)
def test_metadata_nobody_can_rely_on_is_refused(key: str, value: str, reason: str) -> None:
    """A date or status that cannot be understood is not guessed."""
    with pytest.raises(DocumentRefused, match=reason):
        described(LETTER, **{key: value})


def test_a_table_without_file_names_is_refused(tmp_path: Path) -> None:
    """A CSV without its column 文件 corrects nothing and says so."""
    path = tmp_path / "m.csv"
    path.write_text("标题,发文字号\n甲,乙\n", "utf-8")
    with pytest.raises(DocumentRefused, match="metadata_damaged"):
        read_table(path)


def test_a_table_in_a_spreadsheets_encoding_is_read(tmp_path: Path) -> None:
    """Spreadsheets save GB18030; empty cells say nothing."""
    path = tmp_path / "m.csv"
    path.write_bytes("文件,标题,发文字号\n甲.txt,甲通知,\n".encode("gb18030"))
    assert read_table(path) == {"甲.txt": {"文件": "甲.txt", "标题": "甲通知"}}


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("１２", 12), ("十二", 12), ("二十", 20), ("一百零五", 105), ("二〇二六", 2026), ("甲", None)],
)
def test_numbers_are_read_in_either_script(text: str, value: int | None) -> None:
    """Arabic, full-width and Chinese numerals mean the same."""
    assert number(text) == value


def test_impossible_dates_are_none() -> None:
    """The thirtieth of February is no date; the last day of a validity is the day before the anniversary."""
    assert find_date("2026年2月30日") == ""
    assert find_date("二〇二六年十二月三十一日") == "2026-12-31"
    assert years_after("2024-02-29", 1) == "2025-02-28"


@pytest.mark.parametrize(
    "written", ["示区民〔2026〕5号", "示区民[2026]5号", "示区民（2026）第05号", "示区民【2026】 5 号"]
)
def test_numbers_of_documents_have_one_form(written: str) -> None:
    """Whatever brackets a clerk typed, the number is the same."""
    assert normal_number(written) == "示区民〔2026〕5号"
