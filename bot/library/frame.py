"""What stands around the body of an official document: its head, its addressees and its signature."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.files import Block, Heading, Plain, Row
from bot.library.marks import Mark, mark_of
from bot.library.numerals import find_date, is_date

_LABELS = {
    "标题": "标题",
    "名称": "标题",
    "发文字号": "发文字号",
    "文号": "发文字号",
    "发文机关": "发文机关",
    "发布机构": "发文机关",
    "发布机关": "发文机关",
    "成文日期": "成文日期",
    "生成日期": "成文日期",
    "发布日期": "发布日期",
    "公开日期": "发布日期",
    "施行日期": "施行日期",
    "实施日期": "施行日期",
    "有效期至": "有效期至",
    "废止日期": "有效期至",
    "失效日期": "有效期至",
    "有效性": "效力",
    "效力": "效力",
    "主题分类": "主题",
    "主题": "主题",
    "适用区域": "适用区域",
    "索引号": "",
    "体裁分类": "",
}
_NUMBER = re.compile(r"([\u4e00-\u9fff]{1,15})\s*[〔\[【（(［﹝]\s*(\d{4})\s*[〕\]】）)］﹞]\s*第?\s*0*(\d{1,5})\s*号")
_ORDER_NUMBER = re.compile(r"[\u4e00-\u9fff]{2,20}令\s*(?:[〔（(]?\d{4}[〕）)]?\s*)?第?\s*\d{1,4}\s*号")
_TITLE_END = re.compile(
    r"(?:通知|决定|意见|办法|细则|规定|公告|通告|公报|条例|规程|规则|方案|计划|规划|指南|解读|问答|措施|函|批复|通报|决议|报告|"
    r"纪要|令|准则|标准|制度|要点|清单|目录|手册|政策|指引|须知|章程)(?:（[^（）]{1,12}）|\([^()]{1,12}\))?[》〉]?$"
)
_ADDRESS_STOP = re.compile(r"如下|下列|以下|为了|根据|现将|按照|[。；？]")
_NOTE = re.compile(r"[（(][^（）()]*(?:[（(][^（）()]*[）)][^（）()]*)*[）)]$")
_COLOPHON = re.compile(
    r"(?:抄送|主送|分送|印发|公开方式|公开属性|责任编辑|来源|浏览次数)\s*[：:]|.{2,40}\d{1,2}日\s*印发$"
)
_OFFICE = re.compile(
    r"[\u4e00-\u9fff（）·\s　]{2,60}(?:政府|办公室|局|委|委员会|厅|部|院|署|会|中心|所|处|银行|公司|办|队|学校|大学)"
    r"(?:[（(][^（）()]{1,6}[）)])?$"
)
_HEAD_LINES = 14
_TITLE_LINES = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """`facts` are the labelled facts of a page's own table, by our keys. `body` is what remains of the document."""

    title: str
    body: tuple[Block, ...]
    number: str = ""
    issuer: str = ""
    signed: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


def normal_number(text: str) -> str:
    """A 发文字号 in its standard form, whatever the brackets, blanks and leading zeros: 示区民〔2026〕5号."""
    match = _NUMBER.search(text)
    return f"{match[1]}〔{match[2]}〕{match[3]}号" if match else text.strip()


def squeezed(text: str) -> str:
    return re.sub(r"[\s　]+", "", text)


def frame_of(plain: Plain, *, title: str = "") -> Frame:
    """Tell head, body and signature apart. `title` is the known one, else it is looked for, maybe in vain."""
    facts, blocks = _labelled(plain.blocks)
    title = title or facts.get("标题", "")
    span = _known_title(blocks, title) or _marked_title(blocks) or _set_title(blocks)
    start, end = span or (0, 0)
    found = "".join(block.text for block in blocks[start:end])
    head = [block.text for block in blocks[:start]]
    body = list(blocks[end:])
    head += _take_head(body)
    issuer, signed = _take_signature(body)
    return Frame(
        title=title or found,
        body=tuple(body),
        number=next((normal_number(line) for line in head if _is_number(line)), ""),
        issuer=issuer,
        signed=signed,
        facts=facts,
    )


def _labelled(blocks: Sequence[Block]) -> tuple[dict[str, str], list[Block]]:
    """The facts of a page's own table of labels (发文机关 | …), and the blocks without it."""
    facts: dict[str, str] = {}
    kept: list[Block] = []
    for block in blocks:
        pairs = _pairs(block) if isinstance(block, Row) else {}
        facts |= {_LABELS[name]: value for name, value in pairs.items() if _LABELS[name] and value}
        kept += [] if pairs else [block]
    return facts, kept


def _pairs(row: Row) -> dict[str, str]:
    cells = (*row.headers, *row.cells) if len(row.headers) == len(row.cells) == 2 else row.cells
    names = [squeezed(cell).strip("：:") for cell in cells[::2]]
    if len(cells) % 2 or not all(name in _LABELS for name in names):
        return {}
    return dict(zip(names, (cell.strip() for cell in cells[1::2]), strict=True))


def _known_title(blocks: Sequence[Block], title: str) -> tuple[int, int] | None:
    """Where a title we already know stands; it may be broken over several lines."""
    for start in range(min(len(blocks), _HEAD_LINES) if title else 0):
        for end in range(start + 1, min(start + _TITLE_LINES, len(blocks)) + 1):
            if squeezed("".join(block.text for block in blocks[start:end])) == squeezed(title):
                return start, end
    return None


def _marked_title(blocks: Sequence[Block]) -> tuple[int, int] | None:
    """The first heading, unless it already belongs to the body."""
    for index, block in enumerate(blocks[:_HEAD_LINES]):
        if isinstance(block, Heading):
            return (index, index + 1) if mark_of(block.text) is Mark.NONE else None
    return None


def _set_title(blocks: Sequence[Block]) -> tuple[int, int] | None:
    """The first lines that end like a title, behind the letterhead and the number."""
    start = 0
    for index, block in enumerate(blocks[:_HEAD_LINES]):
        line = block.text
        if mark_of(line) is not Mark.NONE or re.search(r"[。；：]", line):
            return None
        if _is_letterhead(line):
            start = index + 1
        elif _TITLE_END.search(line):
            return max(start, index + 1 - _TITLE_LINES), index + 1
    return None


def _is_letterhead(line: str) -> bool:
    return (
        line.endswith("文件") or _is_number(line) or is_date(line) or bool(re.match(r"签发人|特急|加急|\d{6}$", line))
    )


def _is_number(line: str) -> bool:
    text = re.sub(r"签发人.*$", "", line).strip()
    return bool(_NUMBER.fullmatch(text) or _ORDER_NUMBER.fullmatch(text))


def _take_head(body: list[Block]) -> list[str]:
    """Remove the lines between title and body: number, date, note of adoption, addressees, table of contents."""
    taken: list[str] = []
    while body and (_is_letterhead(line := body[0].text) or _NOTE.match(line) or _is_address(line)):
        taken.append(body.pop(0).text)
    if body and squeezed(body[0].text) == "目录":
        _take_contents(body)
    return taken


def _is_address(line: str) -> bool:
    return (
        line.endswith(("：", ":"))
        and len(line) <= 150
        and mark_of(line) is Mark.NONE
        and not _ADDRESS_STOP.search(line)
    )


def _take_contents(body: list[Block]) -> None:
    """A table of contents ends where its first entry comes again; without that it is left alone."""
    first = squeezed(body[1].text) if len(body) > 1 else ""
    again = next((i for i, block in enumerate(body[2:200], 2) if squeezed(block.text) == first), None)
    if again:
        del body[:again]


def _take_signature(body: list[Block]) -> tuple[str, str]:
    """Remove notes, colophon and signature; give the signing offices and the date, empty where there are none."""
    while body and (_NOTE.match(body[-1].text) or _COLOPHON.match(body[-1].text)):
        body.pop()
    for index, block in enumerate(body):
        if isinstance(block, Row) or not find_date(block.text):
            continue
        office = block.text[: _date_start(block.text)].strip()
        if is_date(block.text) or (_OFFICE.fullmatch(office) and is_date(block.text[len(office) :])):
            first = _first_office(body, index)
            offices = [line.text for line in body[first:index]] + ([office] if office else [])
            if offices:
                del body[first : index + 1]
                return "、".join("、".join(re.split(r"[\s　]+", line.strip())) for line in offices), find_date(
                    block.text
                )
    return "", ""


def _date_start(text: str) -> int:
    match = re.search(r"[\d〇零一二三四五六七八九]{4}\s*年", text)
    return match.start() if match else len(text)


def _first_office(body: Sequence[Block], end: int) -> int:
    """Where the run of signing offices above a date begins."""
    start = end
    while start and _OFFICE.fullmatch(body[start - 1].text) and mark_of(body[start - 1].text) is Mark.NONE:
        start -= 1
    return start
