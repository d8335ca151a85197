"""Word files: paragraphs and tables in the order of the page, as a reader sees them."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import docx
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from lxml import etree

from bot.errors import DocumentRefused
from bot.files.plain import Block, Heading, Paragraph, Plain, table_rows

_MOST_PARTS = 2_000
_MOST_BYTES = 200 * 1024 * 1024
_HIGHEST_RATIO = 200
_SMALL_PART = 1024 * 1024
_HEADING_STYLE = re.compile(r"(?:heading|标题)\s*([1-9])", re.IGNORECASE)
_TITLE_STYLES = frozenset({"title", "标题"})
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_UNSEEN = frozenset({qn("w:del"), qn("w:moveFrom"), qn("w:pPr"), qn("w:instrText"), _FALLBACK})
_WRAPPERS = frozenset({qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:moveTo"), qn("w:customXml")})
_WHITE = {qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:tab"): "\t", qn("w:noBreakHyphen"): "-"}
_UNREADABLE = (OpcError, KeyError, ValueError, AttributeError, zipfile.BadZipFile, zlib.error, etree.XMLSyntaxError)


def read_docx(data: bytes) -> Plain:
    """A .docx file with its tracked changes accepted. Raises `DocumentRefused` for anything but an ordinary one."""
    _check_archive(data)
    try:
        document = docx.Document(io.BytesIO(data))
        styles = {style.style_id: style.name or "" for style in document.styles}
        return Plain(tuple(_blocks(document.element.body, styles)))
    except _UNREADABLE as error:
        raise DocumentRefused("docx_damaged") from error


def _check_archive(data: bytes) -> None:
    """Refuse what would unpack into far more than a document, or brings XML entities of its own."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if _is_bomb(parts):
                raise DocumentRefused("docx_oversized")
            if any(_declares_entities(archive, part) for part in parts):
                raise DocumentRefused("docx_entities")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise DocumentRefused("docx_damaged") from error


def _is_bomb(parts: list[zipfile.ZipInfo]) -> bool:
    return (
        len(parts) > _MOST_PARTS
        or sum(part.file_size for part in parts) > _MOST_BYTES
        or any(_ratio(part) > _HIGHEST_RATIO for part in parts if part.file_size > _SMALL_PART)
    )


def _ratio(part: zipfile.ZipInfo) -> float:
    return part.file_size / max(part.compress_size, 1)


def _declares_entities(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """A document type declaration can only stand before the first element; no Word file has one."""
    if not part.filename.endswith((".xml", ".rels")):
        return False
    with archive.open(part) as stream:
        return b"<!DOCTYPE" in stream.read(4096).replace(b"\x00", b"")


def _blocks(parent: Any, styles: Mapping[str, str]) -> Iterator[Block]:
    """Content controls and tracked insertions wrap blocks without being one."""
    for element in parent:
        if element.tag == qn("w:p"):
            yield from _paragraph(element, styles)
        elif element.tag == qn("w:tbl"):
            yield from table_rows(_table_lines(element))
        elif element.tag in _WRAPPERS:
            yield from _blocks(element, styles)


def _paragraph(element: Any, styles: Mapping[str, str]) -> Iterator[Block]:
    level = _heading_level(styles.get(element.style or "", ""))
    for line in _text(element).split("\n"):
        if text := line.strip():
            yield Heading(text, level) if level else Paragraph(text)


def _heading_level(style: str) -> int:
    """Title is level 1 and Heading 1 level 2, as in a Markdown file; 0 is no heading."""
    if style.lower() in _TITLE_STYLES:
        return 1
    match = _HEADING_STYLE.fullmatch(style)
    return int(match[1]) + 1 if match else 0


def _text(element: Any) -> str:
    """The visible words below an element: inserted ones count, deleted ones and fallbacks do not."""
    if element.tag == qn("w:t"):
        return element.text or ""
    if element.tag in _WHITE:
        return _WHITE[element.tag]
    return "".join(_text(child) for child in element if child.tag not in _UNSEEN)


def _table_lines(table: Any) -> list[list[str]]:
    """The grid of a table; a merged cell speaks in every place it covers, so that each row stands alone."""
    lines: list[list[str]] = []
    for row in _children(table, qn("w:tr")):
        line: list[str] = []
        for cell in _children(row, qn("w:tc")):
            text = _above(lines, len(line)) if cell.vMerge == "continue" else _cell_text(cell)
            line += [text] * cell.grid_span
        lines.append(line)
    return lines


def _children(parent: Any, tag: str) -> Iterator[Any]:
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in _WRAPPERS:
            yield from _children(child, tag)


def _above(lines: list[list[str]], column: int) -> str:
    return lines[-1][column] if lines and column < len(lines[-1]) else ""


def _cell_text(cell: Any) -> str:
    return _joined(_text(paragraph) for paragraph in cell.iter(qn("w:p")))


def _joined(lines: Iterable[str]) -> str:
    """The lines of one cell as one; Chinese needs no blank between them."""
    return "".join(line.strip() for text in lines for line in text.split("\n"))
