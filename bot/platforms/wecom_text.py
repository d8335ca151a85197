"""Words cut to the size of one message, in UTF-8 bytes, where a reader would breathe."""

from __future__ import annotations

import re
from collections.abc import Callable

_ENDS = re.compile(r"[。！？；…]+[”’」』）】》]*|[.!?;](?=\s)|\n+")
"""Where a sentence ends. Latin marks count before a space only: addresses and numbers are full of them."""
_BREATHS = re.compile(r"[，、：,]|\s+")
_WHOLE = re.compile(r"<a\s[^<>]*>[^<]*</a>|\[[^\[\]\n]*\]\([^()\s]*\)")
"""Links, which are of no use in halves."""
_LONGEST_LINK = 1024
_JOINED = re.compile("[\u0300-\u036f\u200d\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
"""Characters that belong to the one before them."""


def size(text: str) -> int:
    """Bytes in UTF-8, the unit of every limit here."""
    return len(text.encode())


def split(text: str, limit: int) -> list[str]:
    """`text` in order, in stripped pieces of at most `limit` bytes: cut at sentence ends, else at a breath, else
    between characters. Nothing but white space at the cuts is lost. `limit` is at least 64.
    """
    pieces = []
    rest = text.strip()
    while size(rest) > limit:
        at = _cut(rest, _fitting(rest, limit))
        pieces.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return [piece for piece in (*pieces, rest) if piece]


def numbered(text: str, limit: int, mark: Callable[[int, int], str]) -> list[str]:
    """Like `split`; when there are several pieces each begins with its `mark(n, of)`, which counts against `limit`."""
    if size(text.strip()) <= limit:
        return split(text, limit)
    pieces = split(text, limit - size(mark(999, 999)) - 1)
    return [f"{mark(n, len(pieces))}\n{piece}" for n, piece in enumerate(pieces, start=1)]


def _fitting(text: str, limit: int) -> int:
    """How many characters fit into `limit` bytes."""
    return len(text[:limit].encode()[:limit].decode(errors="ignore"))


def _cut(text: str, room: int) -> int:
    """The best place to cut, at most `room`. A sentence end in the first third would waste a message."""
    links = [match.span() for match in _WHOLE.finditer(text, 0, room + _LONGEST_LINK)]
    for breaks, least in ((_ENDS, room // 3), (_BREATHS, room * 2 // 3)):
        ends = (match.end() for match in breaks.finditer(text, 0, room))
        at = max((end for end in ends if _before_link(end, links) == end), default=0)
        if at > least:
            return at
    return _between_characters(text, _before_link(room, links)) or room


def _before_link(at: int, links: list[tuple[int, int]]) -> int:
    """`at`, or the start of the link it falls into."""
    return next((start for start, end in links if start < at < end), at)


def _between_characters(text: str, at: int) -> int:
    while 0 < at < len(text) and (_JOINED.match(text[at]) or text[at - 1] == "\u200d"):
        at -= 1
    return at
