"""Values as they are stored: JSON with a schema version, so that a worker leaves alone what a newer one wrote."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TypeVar

import pydantic_core
from pydantic import TypeAdapter, ValidationError

from bot.errors import UnknownVersion

VERSION = 1
_HEAD = b'{"v":1,"d":'
_PACKED = b"z1"
"""Marks a compressed record of version 1; conversations are mostly Chinese prose and shrink to a third."""

T = TypeVar("T")


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}
"""Building one takes milliseconds; there is one per type of record."""


def _adapter(of: type[Any]) -> TypeAdapter[Any]:
    if of not in _ADAPTERS:
        _ADAPTERS[of] = TypeAdapter(of)
    return _ADAPTERS[of]


def dump(value: object) -> bytes:
    """`value`, a dataclass of our own, with its version in front."""
    return _HEAD + _adapter(type(value)).dump_json(value) + b"}"


def load(of: type[T], raw: bytes) -> T:
    """The value again. Raises `UnknownVersion` for anything this program did not write in this shape."""
    if not raw.startswith(_HEAD):
        raise UnknownVersion(_version(raw))
    try:
        value: T = _adapter(of).validate_json(raw[len(_HEAD) : -1])
    except ValidationError as error:
        raise UnknownVersion(f"version {VERSION} in a shape of its own") from error
    return value


def pack(value: object) -> bytes:
    """Like `dump`, compressed, for what lies still for days."""
    return _PACKED + zlib.compress(dump(value), 6)


def unpack(of: type[T], raw: bytes) -> T:
    """The value of `pack` again. Raises `UnknownVersion` like `load`."""
    if not raw.startswith(_PACKED):
        raise UnknownVersion("a record of another make")
    try:
        plain = zlib.decompress(raw[len(_PACKED) :])
    except zlib.error as error:
        raise UnknownVersion("a record that is damaged") from error
    return load(of, plain)


def load_known(of: type[T], raws: Iterable[object]) -> list[T]:
    """The values this program can read; what is missing or of another version is left out of the list, and alone."""
    found: list[T] = []
    for raw in raws:
        with suppress(UnknownVersion):
            found.extend([load(of, raw)] if isinstance(raw, bytes) else [])
    return found


def _version(raw: bytes) -> str:
    try:
        value: Any = pydantic_core.from_json(raw)
    except ValueError:
        return "not JSON"
    return f"version {value.get('v')}" if isinstance(value, dict) else "no version"
