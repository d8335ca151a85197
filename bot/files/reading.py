"""One door for every file: by its name to the reader of its kind, within limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from bot.errors import DocumentRefused
from bot.files.html import read_html
from bot.files.plain import Plain
from bot.files.text import read_markdown, read_text
from bot.files.word import read_docx

_LARGEST = 32 * 1024 * 1024
_READERS: Mapping[str, Callable[[bytes], Plain]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_text,
    ".html": read_html,
    ".htm": read_html,
    ".docx": read_docx,
}
SUFFIXES = frozenset(_READERS)
"""What `read_plain` can read, in lower case."""


def read_plain(path: Path) -> Plain:
    """The blocks of a file. Raises `DocumentRefused` whose reason is one of: unsupported_type, unreadable, too_large,
    empty, encoding_unknown, front_matter_damaged, html_damaged, docx_damaged, docx_oversized, docx_entities.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DocumentRefused("unsupported_type")
    plain = reader(_bytes(path))
    if not plain.blocks:
        raise DocumentRefused("empty")
    return plain


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise DocumentRefused("unreadable") from error
    if len(data) > _LARGEST:
        raise DocumentRefused("too_large")
    if not data.strip():
        raise DocumentRefused("empty")
    return data
