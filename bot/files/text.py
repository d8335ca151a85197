"""Plain text and Markdown, in the encodings government offices still use."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from datetime import date

import yaml

from bot.errors import DocumentRefused
from bot.files.plain import Block, Heading, Paragraph, Plain, table_rows

_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f\x7f]")
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LIST_MARK = re.compile(r"[-*+]\s+")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_RULE_CELL = re.compile(r":?-+:?")
_COMMON_SHARE = 0.9


def decode(data: bytes) -> str:
    """The text of a file, from its byte order mark or by trying UTF-8, UTF-16 and GB18030 in this order.

    Raises `DocumentRefused` for bytes that are no readable text in any of them.
    """
    if data.startswith(_UTF16_BOMS):
        return _strict(data, "utf-16")
    for encoding in ("utf-8-sig", *_unmarked_utf16(data), "gb18030"):
        try:
            return _strict(data, encoding)
        except DocumentRefused:
            continue
    raise DocumentRefused("encoding_unknown")


def _unmarked_utf16(data: bytes) -> tuple[str, ...]:
    """UTF-16 without a mark shows itself by the zero bytes of its line ends and digits."""
    if len(data) % 2 or b"\x00" not in data:
        return ()
    little_endian = data[1::2].count(0) >= data[::2].count(0)
    return ("utf-16-le",) if little_endian else ("utf-16-be",)


def _strict(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentRefused("encoding_unknown") from error
    if "\x00" in text or (encoding == "gb18030" and not _ordinary(text)):
        raise DocumentRefused("encoding_unknown")
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _ordinary(text: str) -> bool:
    """GB18030 gives some reading of almost any bytes; a true one consists of everyday characters."""
    foreign = [character for character in text if not character.isascii()]
    common = len("".join(foreign).encode("gb2312", "ignore")) / 2
    return common >= _COMMON_SHARE * len(foreign) and not _CONTROL.search(text)


def read_text(data: bytes) -> Plain:
    """A .txt file: every line is a paragraph."""
    lines = (line.strip() for line in decode(data).split("\n"))
    return Plain(tuple(Paragraph(line) for line in lines if line))


def read_markdown(data: bytes) -> Plain:
    """A .md file with an optional YAML head. Raises `DocumentRefused` when the head is not a flat mapping."""
    text = decode(data)
    match = _FRONT.match(text)
    front = front_matter(match[1]) if match else {}
    return Plain(tuple(_markdown_blocks(text[match.end() :] if match else text)), front)


def front_matter(source: str) -> Mapping[str, str | tuple[str, ...]]:
    try:
        raw = yaml.safe_load(source)
    except (yaml.YAMLError, ValueError) as error:
        raise DocumentRefused("front_matter_damaged") from error
    if not isinstance(raw, dict):
        raise DocumentRefused("front_matter_damaged")
    return {str(key): _front_value(value) for key, value in raw.items()}


def _front_value(value: object) -> str | tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_scalar(item) for item in value)
    return _scalar(value)


def _scalar(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value).strip()
        case date():
            return value.isoformat()[:10]
    raise DocumentRefused("front_matter_damaged")


def _markdown_blocks(text: str) -> Iterator[Block]:
    table: list[list[str]] = []
    for raw in [*_COMMENT.sub("", text).split("\n"), ""]:
        line = raw.strip()
        if line.startswith("|"):
            table.append([_inline(cell.strip()) for cell in line.strip("|").split("|")])
            continue
        if table:
            yield from _markdown_table(table)
            table = []
        if line and not re.fullmatch(r"([-*_])(\s*\1){2,}|```.*", line):
            yield _markdown_line(line)


def _markdown_table(table: list[list[str]]) -> Iterator[Block]:
    """A pipe table; its second line of dashes says that the first holds the headers."""
    ruled = len(table) > 1 and all(_RULE_CELL.fullmatch(cell) for cell in table[1])
    yield from table_rows([table[0], *table[2:]] if ruled else table, headed=ruled)


def _markdown_line(line: str) -> Block:
    if heading := _HEADING.fullmatch(line):
        return Heading(_inline(heading[2]), len(heading[1]))
    return Paragraph(_inline(_LIST_MARK.sub("", line.removeprefix(">").strip(), count=1)))


def _inline(text: str) -> str:
    return _LINK.sub(r"\1", _EMPHASIS.sub(r"\2", text))
