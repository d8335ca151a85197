"""Reading files: every kind becomes the same blocks, and what is no document is refused by name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import docx
import pytest
from docx.oxml import OxmlElement

from bot.errors import DocumentRefused
from bot.files import Heading, Paragraph, Row, read_plain

SENTENCE = "本办法自2026年1月1日起施行，由区民政局负责解释。"


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def reason(path: Path) -> str:
    with pytest.raises(DocumentRefused) as refused:
        read_plain(path)
    return refused.value.reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_is_read_in_every_encoding_offices_use(tmp_path: Path, encoding: str) -> None:
    """The same words come out of UTF-8, GB18030 and UTF-16, with and without a byte order mark."""
    path = saved(tmp_path / "a.txt", f"第一条\r\n{SENTENCE}\n".encode(encoding))
    assert [block.text for block in read_plain(path).blocks] == ["第一条", SENTENCE]


def test_markdown_keeps_headings_tables_and_front_matter(tmp_path: Path) -> None:
    """Heading levels, table headers and the YAML head survive; marks of emphasis do not."""
    front = "---\n标题: 甲办法\n受众: [群众, 企业]\n成文日期: 2026-01-02\n---\n"
    text = front + "## 标准\n\n**每月**补贴\n\n|对象|金额|\n|-|-|\n|一级|260元|\n"
    plain = read_plain(saved(tmp_path / "a.md", text.encode()))
    assert plain.front == {"标题": "甲办法", "受众": ("群众", "企业"), "成文日期": "2026-01-02"}
    assert plain.blocks == (
        Heading("标准", 2),
        Paragraph("每月补贴"),
        Row(("一级", "260元"), ("对象", "金额"), first=True),
    )
    assert plain.blocks[2].text == "对象：一级；金额：260元"


def test_a_web_page_is_read_without_scripts_menus_and_footers(tmp_path: Path) -> None:
    """Only the words of the article remain, in their order."""
    page = (
        "<html><head><title>网站</title><style>p{}</style></head><body><nav>首页</nav><article><h1>甲通知</h1>"
        "<script>alert('x')</script><p>第一段<b>重点</b>。<br>第二段。</p><div hidden>隐藏</div>"
        "<table><tr><th>档</th><th>额</th></tr><tr><td>一</td><td>5元</td></tr></table></article><footer>主办</footer></body></html>"
    )
    blocks = read_plain(saved(tmp_path / "a.html", page.encode("gb18030"))).blocks
    assert [block.text for block in blocks] == ["甲通知", "第一段重点。", "第二段。", "档：一；额：5元"]


def test_word_tables_stay_in_their_place_and_tracked_changes_are_accepted(tmp_path: Path) -> None:
    """A reader sees inserted words and no deleted ones, and a table between its two paragraphs."""
    document = docx.Document()
    document.add_heading("第一章 总则", 1)
    first = document.add_paragraph("标准为")
    for tag, text_tag, words in (("w:del", "w:delText", "五百元"), ("w:ins", "w:t", "八百元")):
        change, run, text = OxmlElement(tag), OxmlElement("w:r"), OxmlElement(text_tag)
        text.text = words
        run.append(text)
        change.append(run)
        first._p.append(change)
    table = document.add_table(3, 2)
    for row, cells in enumerate((("对象", "金额"), ("一级", "260元"), ("", "130元"))):
        for column, words in enumerate(cells):
            table.cell(row, column).text = words
    table.cell(1, 0).merge(table.cell(2, 0))
    document.add_paragraph("表后")
    document.save(str(tmp_path / "a.docx"))
    blocks = read_plain(tmp_path / "a.docx").blocks
    assert [block.text for block in blocks] == [
        "第一章 总则",
        "标准为八百元",
        "对象：一级；金额：260元",
        "对象：一级；金额：130元",
        "表后",
    ]
    assert isinstance(blocks[0], Heading)


def word_file(**parts: bytes) -> bytes:
    """An ordinary Word file with some of its parts replaced; `word_document` is word/document.xml."""
    whole, changed = io.BytesIO(), io.BytesIO()
    document = docx.Document()
    document.add_paragraph(SENTENCE)
    document.save(whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, parts.get(name.removesuffix(".xml").replace("/", "_"), source.read(name)))
    return changed.getvalue()


ENTITY = b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaa">]><d>&a;</d>'


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.docx", word_file()[:-400], "docx_damaged"),
        ("a.docx", b"not a zip at all", "docx_damaged"),
        ("a.docx", word_file(word_document=b"<w:broken"), "docx_damaged"),
        ("a.docx", word_file(word_document=ENTITY), "docx_entities"),
        ("a.docx", word_file(word_document=b" " * 60_000_000), "docx_oversized"),
        ("a.txt", b"", "empty"),
        ("a.txt", b" \n\n", "empty"),
        ("a.txt", bytes(range(1, 256)) * 9, "encoding_unknown"),
        ("a.md", b"---\n\xe6\xa0\x87: [\n---\n\xe6\xad\xa3", "front_matter_damaged"),
        ("a.md", "---\n标题: {a: b}\n---\n正文".encode(), "front_matter_damaged"),
        ("a.pdf", b"%PDF-1.7", "unsupported_type"),
        ("a.html", b"<html><body><script>x</script></body></html>", "empty"),
        ("a.txt", "条".encode() * 12_000_000, "too_large"),
    ],
)
def test_what_is_no_document_is_refused_with_a_reason(tmp_path: Path, name: str, data: bytes, expected: str) -> None:
    """Damaged, hostile, empty and foreign files each have their own name for what is wrong."""
    assert reason(saved(tmp_path / name, data)) == expected


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A path that leads nowhere is a refusal like any other."""
    assert reason(tmp_path / "gone.txt") == "unreadable"


def test_a_text_of_ten_megabytes_is_read_whole(tmp_path: Path) -> None:
    """Size alone is no reason to refuse a real text."""
    line = (SENTENCE + "\n").encode()
    count = 10 * 1024 * 1024 // len(line)
    assert len(read_plain(saved(tmp_path / "a.txt", line * count)).blocks) == count
