"""The words we listen for, from `prompts/phrases.toml`, and how a message is compared with them."""

from __future__ import annotations

import re
import unicodedata

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.errors import ConfigurationError
from bot.prompts import read_toml

_FILE = "phrases.toml"
_SENTENCE_ENDS = re.compile(r"[。；！？!?\n]+[”’」』）】》]*")


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Whole(_Words):
    """Messages that consist of one of these and nothing else."""

    forget: frozenset[str]
    menu: frozenset[str]
    help: frozenset[str]
    greeting: frozenset[str]
    thanks: frozenset[str]


class FollowUp(_Words):
    """What makes a question lean on the one before."""

    starts: tuple[str, ...]
    holds: tuple[str, ...]
    asking: tuple[str, ...]


class History(_Words):
    """What asks for rules that no longer hold."""

    holds: tuple[str, ...]


class Asks(_Words):
    """What a question asks for already."""

    materials: tuple[str, ...]
    steps: tuple[str, ...]
    conditions: tuple[str, ...]


class Phrases(_Words):
    whole: Whole
    follow_up: FollowUp
    history: History
    asks: Asks


def load_phrases() -> Phrases:
    """Raises `ConfigurationError` for a list too few or too many, and for a phrase that could never match."""
    try:
        phrases = Phrases.model_validate(read_toml(_FILE))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ConfigurationError(f"prompts/{_FILE}", "bad_prompt", detail=where) from error
    for phrase in frozenset().union(*(words for _, words in phrases.whole)):
        if phrase != normal(phrase):
            raise ConfigurationError(f"prompts/{_FILE}", "bad_prompt", detail=phrase)
    return phrases


def normal(text: str) -> str:
    """Without width, case, punctuation, symbols and spaces: 「ＨＥＬＬＯ！」 is hello and ① is 1."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if unicodedata.category(char)[0] in "LN")


def shortened(text: str, limit: int) -> str:
    """`text`, or its beginning of about `limit` characters, cut only where a sentence or a line ends."""
    ends = [match.end() for match in _SENTENCE_ENDS.finditer(text)]
    within = [end for end in ends if end <= limit]
    cut = within[-1] if within else next(iter(ends), len(text))
    return text if len(text) <= limit else text[:cut].rstrip()


def titled(document: str) -> str:
    """A title in title marks; titles inside it get the inner ones."""
    if document.startswith("《") and document.find("》") == len(document) - 1:
        return document
    return f"《{document.replace('《', '〈').replace('》', '〉')}》"
