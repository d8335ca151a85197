"""The numbering of official documents: 编章节条 of laws, 一、（一）1.（1）of notices, 问：答： of interpretations."""

from __future__ import annotations

import re
from enum import Enum

from bot.library.numerals import NUMERAL

# A division's name follows behind a blank, or at once on a short line that is no sentence.
_TITLED = r"(?=[\s　]|$|(?!规定|的|第|、|和)[^。；，]{1,40}$)"


class Mark(Enum):
    """What a line opens, and how such a line begins."""

    PART = rf"第{NUMERAL}编{_TITLED}"
    SUBPART = rf"第{NUMERAL}分编{_TITLED}"
    CHAPTER = rf"第{NUMERAL}章{_TITLED}"
    SECTION = rf"第{NUMERAL}节{_TITLED}"
    ARTICLE = rf"第{NUMERAL}条(?:之{NUMERAL})?(?=[\s　：]|$)"
    TOPIC = r"[一二三四五六七八九十百]+、"
    ITEM = r"[（(][一二三四五六七八九十百]+[）)]"
    POINT = r"[0-9０-９]{1,2}(?:[．、]|\.(?![0-9０-９]))"
    SUBPOINT = r"[（(][0-9０-９]{1,2}[）)]"
    QUESTION = r"(?:[一二三四五六七八九十0-9]+[、.．]\s*)?[问Q][一二三四五六七八九十0-9]*[：:]"
    ANSWER = r"[答A][：:]"
    ANNEX = r"附[件表录]\s*[一二三四五六七八九十0-9]*\s*[：:]?$"
    NONE = r"(?!)"

    def sign(self, line: str) -> str:
        """The mark itself in its standard form: （一） whatever the brackets, 1. whatever the dot."""
        # Not what must follow: the order of the articles may have told one whose text follows at once.
        match = re.match(self.value.split("(?=")[0], line)
        sign = re.sub(r"[\s　：:]", "", match[0]) if match else ""
        return (
            sign.replace("(", "（")
            .replace(")", "）")
            .replace("．", ".")
            .replace("、", "." if self is Mark.POINT else "、")
        )

    def strip(self, line: str) -> str:
        """The line without its mark."""
        return re.sub(rf"^(?:{self.value})[\s　：:]*", "", line)


_ORDER = (
    Mark.PART,
    Mark.SUBPART,
    Mark.CHAPTER,
    Mark.SECTION,
    Mark.ARTICLE,
    Mark.QUESTION,
    Mark.ANSWER,
    Mark.TOPIC,
    Mark.ITEM,
    Mark.POINT,
    Mark.SUBPOINT,
    Mark.ANNEX,
)
_COMPILED = tuple((mark, re.compile(mark.value)) for mark in _ORDER)
_LOOSE_ARTICLE = re.compile(rf"第({NUMERAL})条(?![第规的所、和至中及或以之])")
_WORDS = "零一二三四五六七八九"


def mark_of(line: str) -> Mark:
    """What a line opens; `Mark.NONE` for an ordinary one."""
    return next((mark for mark, pattern in _COMPILED if pattern.match(line)), Mark.NONE)


def loose_article(line: str) -> str:
    """The number of an article whose text follows without a blank (第五条为了…), else empty. Only the order of the
    articles can tell it from a sentence that begins by citing one.
    """
    match = _LOOSE_ARTICLE.match(line)
    return match[1] if match else ""


def ordinal_word(value: int) -> str:
    """1 is 一, 12 is 十二, 105 is 一百零五; figures from a thousand on."""
    if value >= 1000:
        return str(value)
    hundreds, rest = divmod(value, 100)
    tens, ones = divmod(rest, 10)
    last = _WORDS[ones] if ones or not value else ""
    if not hundreds:
        return f"{_WORDS[tens] if tens > 1 else ''}{'十' if tens else ''}{last}"
    middle = f"{_WORDS[tens]}十" if tens else "零" * bool(ones)
    return f"{_WORDS[hundreds]}百{middle}{last}"
