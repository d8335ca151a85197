"""Reasoning that self-hosted servers leave in the text."""

from __future__ import annotations


class Thoughts:
    """Takes `<think>…</think>` out of a text that comes in pieces, wherever it is cut into pieces."""

    OPEN, CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False

    def feed(self, delta: str) -> str:
        """The part of it that is no thought. Raises `ValueError` when what was shown turns out to have been one."""
        self._held += delta
        shown = ""
        while True:
            before, mark, after = self._held.partition(self.CLOSE if self._thinking else self.OPEN)
            if not self._thinking and self.CLOSE in before:
                raise ValueError("thoughts without a beginning")
            if not mark:
                return shown + self._all_but_a_begun_mark()
            shown += "" if self._thinking else before
            self._thinking = not self._thinking
            self._held = after

    def flush(self) -> str:
        """What was held back at the end; thoughts that never ended stay unsaid."""
        return "" if self._thinking else self._held

    def _all_but_a_begun_mark(self) -> str:
        text = self._held
        at = text.rfind("<", -len(self.CLOSE) + 1)
        begun = at >= 0 and any(mark.startswith(text[at:]) for mark in (self.OPEN, self.CLOSE))
        cut = at if begun else len(text)
        self._held = text[cut:]
        return "" if self._thinking else text[:cut]
