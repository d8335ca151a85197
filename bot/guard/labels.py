"""The explicit label of generated text, as 《人工智能生成合成内容标识办法》 and GB 45438 want it worded."""

from __future__ import annotations

_MAKER = ("人工智能", "AI")
_MAKING = ("生成", "合成")


def label_ok(line: str) -> bool:
    """Whether this one line is a label: it names who made the text and that it was generated or synthesised.

    Give it the label line only: an answer that merely talks about AI is not labelled by that.
    """
    return any(word in line for word in _MAKER) and any(word in line for word in _MAKING)
