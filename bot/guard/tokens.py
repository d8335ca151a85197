"""What the model may not write by itself: addresses, document numbers and telephone numbers.

In the evidence each becomes a token such as ⟦电话1⟧ before the model sees it; `restoring.py` puts the real one back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

LINK, NUMBER, PHONE = "链接", "文号", "电话"
NOTHING = "无"
"""The token by which the model says that the evidence holds no answer."""

_DASH = "[-－—–‐]"
_ENDS = "gov|com|cn|net|org|edu|info|top|xyz|vip|cc|io|site|club|shop|online"
_ALONE = "(?<![A-Za-z0-9._,第-])"
_COUNTED = "(?![A-Za-z0-9.,]|[ \t]*[元万亿人户平块个名家天年月日份％%余多件条])"
"""Not a telephone number: part of a longer number or name, or an amount of something."""
_HOTLINES = "123(?:15|18|19|20|28|29|33|38|45|48|50|55|56|66|69|80|85|88|89|93)"
"""The public hotlines of five digits; any other number of that length may be an amount."""
_OPEN, _CLOSE = "[〔\\[［【(（﹝]", "[〕\\]］】)）﹞]"

_URL = "|".join(
    (
        "(?:https?://|www\\.)[!-~]+",
        "[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)+",
        f"(?:[A-Za-z0-9-]*[A-Za-z][A-Za-z0-9-]*\\.)+(?:{_ENDS})(?![A-Za-z0-9])(?:[:/?#][!-~]*)?",
    )
)
_BARE_NUMBER = f"{_OPEN}[ \t]*[0-9]{{4}}[ \t]*{_CLOSE}[ \t]*第?[ \t]*[0-9]+[ \t]*号|令[ \t]*第?[ \t]*[0-9]+[ \t]*号"
_FULL_NUMBER = f"[一-鿿]{{0,10}}(?:{_BARE_NUMBER})"
_LEAD = re.compile("^.*(?:按照|根据|依据|依照|参照|遵照|执行|印发|发布|修改|废止|的|和|与|及|见|以|由|按)(?=..)")
"""Words before a document number that are no part of it."""
_PHONE = "|".join(
    (
        "(?<![0-9])1[3-9][0-9](?:[- ]?[0-9]{4}){2}(?![0-9])",
        f"[（(]?(?<![0-9])0[0-9]{{2,3}}[)）]?(?:{_DASH}|[ ])?[0-9]{{7,8}}(?:(?:{_DASH}|转)[0-9]{{1,6}})?(?![0-9])",
        f"(?<![0-9])[48]00(?:[- ]?[0-9]{{3}}[- ]?[0-9]{{4}}|[- ]?[0-9]{{4}}[- ]?[0-9]{{3}}){_COUNTED}",
        f"{_ALONE}(?:[3-8][0-9]{{6,7}}|[3-8][0-9]{{2,3}}-[0-9]{{4}}){_COUNTED}",
        f"{_ALONE}(?:{_HOTLINES}|9[56][0-9]{{3,4}}){_COUNTED}",
    )
)

OWN_WORDS = f"{_URL}|{_BARE_NUMBER}|{_PHONE}"
"""A pattern of what the model may not write, with bounded memory: no match needs the words before it."""

_FACTS = re.compile(f"(?P<{LINK}>{_URL})|(?P<{NUMBER}>{_FULL_NUMBER})|(?P<{PHONE}>{_PHONE})")
HALF = {ord("０") + n: str(n) for n in range(10)}
"""Digits as telephones know them; our patterns know no others."""
_HARMLESS = str.maketrans({"⟦": None, "⟧": None, "<": "＜", ">": "＞"}) | HALF
"""A document or a person cannot write our tokens or close the quotation marks they stand in."""


_Namer = Callable[[str, str], str]


class Tokens:
    """The tokens of one call's evidence."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._counts = dict.fromkeys((LINK, NUMBER, PHONE), 0)

    @property
    def values(self) -> Mapping[str, str]:
        """The real words by the name of their token."""
        return MappingProxyType({name: real for real, name in self._names.items()})

    def hide(self, evidence: str) -> str:
        """Evidence as the model may see it. Equal words get equal tokens."""
        return self._replaced(evidence, self._named)

    def hide_from(self, question: str) -> str:
        """What a person wrote, as the model may see it: words that the evidence does not hold get a token that cannot
        be put back, so that nobody's number returns as an official one. Hide the evidence first.
        """
        return self._replaced(question, lambda kind, real: self._names.get(real, kind))

    def _named(self, kind: str, real: str) -> str:
        if real not in self._names:
            self._counts[kind] += 1
            self._names[real] = f"{kind}{self._counts[kind]}"
        return self._names[real]

    @staticmethod
    def _replaced(text: str, name: _Namer) -> str:
        def token(found: re.Match[str]) -> str:
            kind = str(found.lastgroup)
            lead = _LEAD.match(found[0]) if kind == NUMBER else None
            before = lead[0] if lead else ""
            return f"{before}⟦{name(kind, found[0].removeprefix(before))}⟧"

        return _FACTS.sub(token, text.translate(_HARMLESS))


def source_token(ordinal: int) -> str:
    """The token of a source, counted from 1."""
    return f"⟦S{ordinal}⟧"
