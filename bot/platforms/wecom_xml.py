"""Callback bodies, XML or JSON, read into one shape. Nothing outside a document can be named from inside it."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from bot.errors import Refused

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters no XML may hold, though people paste them."""


def read(text: str) -> Element:
    """The root of a document; its children are the fields. Raises `Refused` for what is neither XML nor a JSON object,
    and for XML that declares a document type or entities.
    """
    return _json(text) if text.lstrip().startswith("{") else _xml(text)


def read_lenient(text: str) -> Element:
    """Like `read`, for text whose seal was found right: a stray control character must not cost a person's message."""
    try:
        return read(text)
    except Refused:
        return read(_ILLEGAL.sub("", text))


def field(root: Element, name: str) -> str:
    """The text of a child, empty when it is missing or empty."""
    return root.findtext(name) or ""


def _xml(text: str) -> Element:
    # Without these words no declaration is possible, and the C parser may have it. With them the slower parser tells
    # a declaration from a person who wrote about one. A string, never bytes: so no encoding can hide them.
    declares = "<!DOCTYPE" in text or "<!ENTITY" in text
    try:
        root: Element = defusedxml.ElementTree.fromstring(text, forbid_dtd=True) if declares else fromstring(text)
    except DefusedXmlException:
        raise Refused(400, "the body declares entities or a document type") from None
    except (ParseError, ValueError):
        raise Refused(400, "the body is not well-formed XML") from None
    return root


def _json(text: str) -> Element:
    root = Element("xml")
    try:
        _fill(root, json.loads(text))
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    return root


def _fill(element: Element, value: Any) -> None:
    """Objects become children, lists repeat the child, the rest is text."""
    if not isinstance(value, dict):
        # A lone surrogate, which JSON can spell, could not be stored.
        element.text = "" if value is None else str(value).encode(errors="replace").decode()
        return
    for name, item in value.items():
        for one in item if isinstance(item, list) else [item]:
            _fill(SubElement(element, name), one)
