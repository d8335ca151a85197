"""Chinese numerals and dates, as official documents write them."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

_DIGITS = {
    numeral: value
    for value, pair in enumerate(("〇零○", "一", "二两", "三", "四", "五", "六", "七", "八", "九"))
    for numeral in pair
}
_UNITS = {"十": 10, "百": 100, "千": 1_000}
_NUMERAL = "〇零○一二两三四五六七八九十百千"
NUMERAL = f"[{_NUMERAL}0-9０-９]+"
"""A regular expression for one whole number in either script."""

_DATE = re.compile(
    rf"([0-9０-９〇零○一二三四五六七八九]{{4}})\s*[年./-]\s*([0-9０-９{_NUMERAL}]{{1,3}})\s*[月./-]\s*([0-9０-９{_NUMERAL}]{{1,3}})\s*日?"
)


def number(text: str) -> int | None:
    """`text` as a whole number: 12, １２, 十二 or 二〇二六; None for anything else."""
    plain = unicodedata.normalize("NFKC", text.strip())
    if plain.isdecimal():
        return int(plain)
    if not plain or any(character not in _DIGITS and character not in _UNITS for character in plain):
        return None
    return _counted(plain) if _UNITS.keys() & set(plain) else int("".join(str(_DIGITS[each]) for each in plain))


def _counted(text: str) -> int:
    total, digit = 0, 0
    for character in text:
        if character in _UNITS:
            total += (digit or 1) * _UNITS[character]
            digit = 0
        else:
            digit = _DIGITS[character]
    return total + digit


def find_date(text: str) -> str:
    """The first possible date in a text as ISO 8601, else empty."""
    return next(filter(None, (_iso(*match.groups()) for match in _DATE.finditer(text))), "")


def is_date(text: str) -> bool:
    """Whether a line is nothing but a date."""
    match = _DATE.fullmatch(text.strip())
    return bool(match and _iso(*match.groups()))


def _iso(year: str, month: str, day: str) -> str:
    parts = [number(part) for part in (year, month, day)]
    try:
        return date(*(part or 0 for part in parts)).isoformat()
    except ValueError:
        return ""


def years_after(day: str, years: int) -> str:
    """The last day of a validity of so many years that begins on `day`: 2024-05-01 and 5 give 2029-04-30."""
    start = date.fromisoformat(day)
    try:
        end = start.replace(year=start.year + years)
    except ValueError:
        end = date(start.year + years, 3, 1)
    return date.fromordinal(end.toordinal() - 1).isoformat()
