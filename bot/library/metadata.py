"""A document's metadata: from its front matter, else from its own head and signature, corrected by a CSV."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.errors import DocumentRefused
from bot.files import Block, Plain
from bot.files.text import decode
from bot.library.document import Document, Status
from bot.library.frame import frame_of, normal_number
from bot.library.numerals import NUMERAL, find_date, number, years_after

Values = Mapping[str, str | tuple[str, ...]]

CUT = 1
"""Rises when documents are cut differently, so that files already taken are taken again."""

_STATUS = {
    "有效": Status.VALID,
    "现行有效": Status.VALID,
    "是": Status.VALID,
    "已修改": Status.AMENDED,
    "部分失效": Status.AMENDED,
    "已废止": Status.REPEALED,
    "废止": Status.REPEALED,
    "失效": Status.EXPIRED,
    "已失效": Status.EXPIRED,
}
_KINDS = re.compile(
    r"(办事指南|政策解读|实施细则|决议|决定|命令|公报|公告|通告|意见|通知|通报|报告|批复|函|纪要|条例|规定|办法|细则|规程|规则|方案|规划|计划|"
    r"措施|指南|解读|问答|令)(?:（[^（）]*）)?$"
)
_DAY = r"([0-9〇零一二三四五六七八九十年月日\s]{6,16})"
_FROM_DAY = rf"自{_DAY}起(?:开始)?(?:施行|实施|执行|生效)"
_EFFECTIVE = re.compile(_FROM_DAY)
# Only behind 起施行: elsewhere 有效期 is that of a licence or a certificate the document speaks of.
_LASTS = re.compile(rf"{_FROM_DAY}[^。]{{0,12}}?(?:有效期|试行)(?:为|期)?({NUMERAL})年")
_LASTS_UNTIL = re.compile(rf"起(?:施行|实施|执行|生效)[^。]{{0,12}}?有效期?(?:截?至|到){_DAY}")
_REPEALS = re.compile(
    r"((?:《[^《》]+(?:《[^《》]*》[^《》]*)*》(?:[（(][^（）()]{0,40}[）)])?[、和及与，]*)+)(?:自[^，。]*起)?同时废止"
)
_QUOTED_TITLE = re.compile(r"《([^《》]+(?:《[^《》]*》[^《》]*)*)》")
_LIST = re.compile(r"[、，,；;|/]\s*")


def read_table(path: Path) -> dict[str, Values]:
    """A metadata CSV as values by file name; empty cells say nothing. Raises `DocumentRefused("metadata_damaged")`."""
    try:
        rows = list(csv.DictReader(io.StringIO(decode(path.read_bytes())), strict=True))
    except (OSError, csv.Error) as error:
        raise DocumentRefused("metadata_damaged") from error
    if rows and "文件" not in rows[0]:
        raise DocumentRefused("metadata_damaged")
    return {row["文件"].strip(): _filled(row) for row in rows if row["文件"]}


def _filled(row: Mapping[str | None, object]) -> dict[str, str]:
    return {
        key.strip(): value.strip() for key, value in row.items() if key and isinstance(value, str) and value.strip()
    }


def describe(path: Path, plain: Plain, corrections: Values) -> tuple[Document, tuple[Block, ...]]:
    """The document of a file and the blocks of its body. What is said nowhere stays empty; a file without any title is
    called by its name. Raises `DocumentRefused` ("date_wrong", "status_unknown") for metadata nobody can rely on.
    """
    said: dict[str, str | tuple[str, ...]] = {**plain.front, **corrections}
    frame = frame_of(plain, title=_one(said, "标题"))
    values = {**frame.facts, **{key: value for key, value in said.items() if value}}
    text = "\n".join(block.text for block in frame.body)
    title = frame.title or path.stem
    document = Document(
        id=hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16],
        title=title,
        source=path.name,
        digest=_digest(plain, values, title),
        number=normal_number(_one(values, "发文字号")) or frame.number,
        issuer=_one(values, "发文机关") or frame.issuer,
        signed=_day(values, "成文日期") or frame.signed,
        published=_day(values, "发布日期"),
        effective=_day(values, "施行日期") or _stated(_EFFECTIVE, text),
        expires=_day(values, "有效期至") or _last_day(text),
        status=_status(_one(values, "效力")),
        topic=_one(values, "主题"),
        region=_one(values, "适用区域"),
        audience=_many(values, "受众"),
        kind=_one(values, "文种") or _kind(title),
        url=_one(values, "链接"),
        repeals=_many(values, "废止") or _repealed_titles(text),
        amends=_many(values, "修改"),
        repealed_by=_one(values, "被废止于"),
        amended_by=_one(values, "被修改于"),
        sample=_one(values, "样例") in {"是", "true"},
    )
    return document, frame.body


def _one(values: Values, key: str) -> str:
    value = values.get(key, "")
    return value if isinstance(value, str) else "、".join(value)


def _many(values: Values, key: str) -> tuple[str, ...]:
    value = values.get(key, ())
    return tuple(filter(None, _LIST.split(value) if isinstance(value, str) else value))


def _day(values: Values, key: str) -> str:
    text = _one(values, key)
    day = find_date(text)
    if text and not day:
        raise DocumentRefused("date_wrong")
    return day


def _status(text: str) -> Status:
    if text and text not in _STATUS:
        raise DocumentRefused("status_unknown")
    return _STATUS[text] if text else Status.VALID


def _stated(pattern: re.Pattern[str], text: str) -> str:
    """The last such date in a text; final provisions stand at the end."""
    days = [find_date(match[1]) for match in pattern.finditer(text)]
    return days[-1] if days else ""


def _last_day(text: str) -> str:
    """The last day in force as the final provisions state it: a date, or years counted from the effective day."""
    if day := _stated(_LASTS_UNTIL, text):
        return day
    counted = [(find_date(match[1]), number(match[2])) for match in _LASTS.finditer(text)]
    return next((years_after(day, years) for day, years in reversed(counted) if day and years), "")


def _kind(title: str) -> str:
    match = _KINDS.search(title)
    return match[1] if match else ""


def _repealed_titles(text: str) -> tuple[str, ...]:
    return tuple(title for match in _REPEALS.finditer(text) for title in _QUOTED_TITLE.findall(match[1]))


def _digest(plain: Plain, values: Values, title: str) -> str:
    said = json.dumps({key: values[key] for key in sorted(values)}, ensure_ascii=False)
    words: Sequence[str] = [str(CUT), title, said, *(f"{type(block).__name__}:{block.text}" for block in plain.blocks)]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]
