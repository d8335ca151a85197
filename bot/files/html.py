"""Saved web pages: the words of the page, without its scripts, menus and footers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from bot.errors import DocumentRefused
from bot.files.plain import Block, Heading, Paragraph, Plain, table_rows
from bot.files.text import decode

_DROPPED = frozenset(
    [
        "script",
        "style",
        "nav",
        "footer",
        "aside",
        "form",
        "noscript",
        "template",
        "iframe",
        "object",
        "button",
        "select",
        "svg",
        "head",
        "title",
    ]
)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "br",
    ]
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_SPACES = re.compile(r"[\s\u00a0]+")
_LAYOUT_PARAGRAPHS = 3


def read_html(data: bytes) -> Plain:
    """A .html file. Raises `DocumentRefused` when it holds no markup that can be read."""
    text = _DECLARATION.sub("", decode(data))
    try:
        root = lxml_html.document_fromstring(text, parser=lxml_html.HTMLParser(huge_tree=False, no_network=True))
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise DocumentRefused("html_damaged") from error
    return Plain(tuple(_blocks(_content(root))))


def _content(root: Any) -> Any:
    """The article of the page if it says which part that is, else all of it."""
    marked = root.xpath("//article | //main")
    return max(marked, key=lambda element: len(element.text_content())) if marked else root


def _blocks(element: Any) -> Iterator[Block]:
    """The blocks below an element, in the order of the page; runs of inline text become paragraphs."""
    run: list[str] = [element.text or ""]
    for child in element:
        if _is_inline(child):
            run.append(_inline_text(child))
        else:
            yield from _paragraph(run)
            yield from _block(child)
            run = []
        run.append(child.tail or "")
    yield from _paragraph(run)


def _block(element: Any) -> Iterator[Block]:
    if not isinstance(element.tag, str) or element.tag in _DROPPED or _hidden(element):
        return
    if level := _HEADINGS.get(element.tag):
        text = _clean(_inline_text(element))
        yield from [Heading(text, level)] if text else []
    elif element.tag == "table" and not _is_layout(element):
        yield from _table(element)
    else:
        yield from _blocks(element)


def _hidden(element: Any) -> bool:
    return element.get("hidden") is not None or "display:none" in (element.get("style") or "").replace(" ", "")


def _is_inline(element: Any) -> bool:
    return isinstance(element.tag, str) and element.tag not in _BLOCKS | _DROPPED and not _holds_blocks(element)


def _holds_blocks(element: Any) -> bool:
    return any(child.tag in _BLOCKS for child in element.iterdescendants() if isinstance(child.tag, str))


def _inline_text(element: Any) -> str:
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _DROPPED and not _hidden(child):
            parts.append(_inline_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _paragraph(run: list[str]) -> Iterator[Paragraph]:
    if text := _clean("".join(run)):
        yield Paragraph(text)


def _clean(text: str) -> str:
    return _SPACES.sub(" ", text).strip("\u3000 ")


def _is_layout(table: Any) -> bool:
    """Old pages place whole articles in table cells."""
    return bool(table.xpath(".//table | .//h1 | .//h2")) or any(
        len(cell.xpath("./p | ./div")) > _LAYOUT_PARAGRAPHS for cell in table.iter("td")
    )


def _table(table: Any) -> Iterator[Block]:
    lines = [[_clean(_inline_text(cell)) for cell in row.xpath("./td | ./th")] for row in table.iter("tr")]
    first = next(table.iter("tr"), None)
    headed = first is not None and bool(first.xpath("./th")) and not first.xpath("./td")
    yield from table_rows(lines, headed=headed or (False if table.xpath(".//th") else None))
