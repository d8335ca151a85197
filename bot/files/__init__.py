"""Reading files people hand us: each kind becomes the same neutral list of blocks."""

from bot.files.plain import Block, Heading, Paragraph, Plain, Row
from bot.files.reading import SUFFIXES, read_plain

__all__ = ["SUFFIXES", "Block", "Heading", "Paragraph", "Plain", "Row", "read_plain"]
