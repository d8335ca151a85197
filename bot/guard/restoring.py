"""From the model's words back to words a person may read, while they are still coming."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping

from bot.guard.tokens import HALF, NOTHING, OWN_WORDS

_TOKEN_LENGTH = 24
_FOUND = re.compile(
    f"⟦(?P<token>[^⟦⟧\n]{{0,{_TOKEN_LENGTH}}})⟧"
    "|[\\[【［][ \t]*(?P<source>S[0-9]{1,2})[ \t]*[\\]】］]"
    "|[\\[［【][ \t]*[0-9]{1,2}[ \t]*[\\]］】]"  # looks like our marks, but is not
    "|\\]\\([!-~]*?\\)"  # the address of a Markdown link
    f"|{OWN_WORDS}"
    "|\\*\\*|[⟦⟧\\[\\]]"
)
_EMPTIED = re.compile("[（(][ \t]*[)）]")
_RUN = string.ascii_letters + string.digits + string.punctuation + " \t（）〔〕［］【】﹝﹞－—–‐第令转⟦⟧"
"""Everything that may stand inside or right before a match of `_FOUND`, but for the words in a token and a last 号."""
_SEPARATORS = re.compile("[,、;/ \t]+")
_SOURCE = re.compile("S([0-9]{1,2})", re.IGNORECASE)


class Restorer:
    """Puts real words where tokens stand, and drops unknown tokens and what the model wrote by itself.

    Source tokens become marks like [1], numbered by first use, so that the sources listed are the sources cited. Any
    split of a text into deltas gives the same words.
    """

    def __init__(self, values: Mapping[str, str], *, sources: int) -> None:
        self._values = values
        self._sources = sources
        self._held = ""
        self._cited: list[int] = []
        self.declined = False
        """Whether the model said that the evidence holds no answer."""

    @property
    def cited(self) -> tuple[int, ...]:
        """The sources by the order of their marks, counted from 1 as the model saw them."""
        return tuple(self._cited)

    def feed(self, delta: str) -> str:
        """What is safe to show now; a tail that may still become something else waits."""
        self._held += delta.translate(HALF)
        cut = _settled(self._held)
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._restored(ready)

    def flush(self) -> str:
        """The rest, at the end."""
        ready, self._held = self._held, ""
        return self._restored(ready)

    def _restored(self, text: str) -> str:
        return _EMPTIED.sub("", _FOUND.sub(self._real, text))

    def _real(self, found: re.Match[str]) -> str:
        names = found["token"] or found["source"] or ""
        normal = unicodedata.normalize("NFKC", names).strip()
        return "".join(self._value(name) for name in _SEPARATORS.split(normal))

    def _value(self, name: str) -> str:
        if name == NOTHING:
            self.declined = True
        source = _SOURCE.fullmatch(name)
        return self._mark(int(source[1])) if source else self._values.get(name, "")

    def _mark(self, source: int) -> str:
        if not 1 <= source <= self._sources:
            return ""
        if source not in self._cited:
            self._cited.append(source)
        return f"[{self._cited.index(source) + 1}]"


def _settled(text: str) -> int:
    """How much of a growing text no later word can change."""
    cut = _before_open_token(text)
    while True:
        cut = len(text[:cut].rstrip(_RUN))
        spanning = next((m.start() for m in _FOUND.finditer(text) if m.start() < cut < m.end()), cut)
        if spanning == cut:
            return cut
        cut = spanning


def _before_open_token(text: str) -> int:
    """Where a token begins that has not ended yet, else the end of the text."""
    at = text.rfind("⟦")
    tail = text[at + 1 :]
    open_ = at >= 0 and len(tail) <= _TOKEN_LENGTH and "⟧" not in tail and "\n" not in tail
    return at if open_ else len(text)
