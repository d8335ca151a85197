"""The two ways this messenger draws words: plain text with links, and its own small markdown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_WEB = re.compile(r"https?://[^\s\"'<>]+")
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_HEADING = re.compile(r"^#{1,6}[ \t]+", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[([^\[\]\n]+)\]\((https?://[^()\s\"'<>]+)\)")


@dataclass(frozen=True, slots=True)
class Markup:
    """`words` makes a written text fit to be shown; `strong` and `link` dress what we write ourselves."""

    type: Literal["text", "markdown"]
    words: Callable[[str], str]
    strong: Callable[[str], str]
    link: Callable[[str, str], str]


def is_web(url: str) -> bool:
    """Whether an address may be offered for tapping."""
    return _WEB.fullmatch(url) is not None


def _anchor(words: str, url: str) -> str:
    return f'<a href="{url}">{words}</a>'


def _plain(text: str) -> str:
    """The same words without the marks that plain text would show."""
    for marks, words in ((_BOLD, r"\1"), (_HEADING, ""), (_CODE, r"\1"), (_LINK, r'<a href="\2">\1</a>')):
        text = marks.sub(words, text)
    return text


def _brackets(words: str, url: str) -> str:
    return f"[{words}]({url.replace('(', '%28').replace(')', '%29')})"


TEXT = Markup("text", words=_plain, strong=str, link=_anchor)
MARKDOWN = Markup("markdown", words=str, strong="**{}**".format, link=_brackets)
