"""From text to search words, and from a question to what it speaks of."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

from bot.library.numerals import number

_RUN = re.compile(r"[\u3400-\u9fff]+|[a-z0-9]+(?:[.-][0-9]+)*")
_SPELT_NUMBER = re.compile(r"[一二三四五六七八九十百千]{2,}")
_HAN = "\u3400"


@lru_cache(maxsize=8192)
def plain(text: str) -> str:
    """Full-width letters and figures made ordinary, capitals made small."""
    return unicodedata.normalize("NFKC", text).lower()


def tokens(text: str) -> Iterator[str]:
    """Single characters and pairs of Chinese, Latin words and figures whole, spelt numbers also as figures."""
    for run in _RUN.findall(plain(text)):
        if run[0] < _HAN:
            yield run
            continue
        yield from run
        yield from map("".join, pairwise(run))
        yield from (str(number(spelt)) for spelt in _SPELT_NUMBER.findall(run))


@lru_cache(maxsize=4096)
def token_set(text: str) -> frozenset[str]:
    return frozenset(tokens(text))


def is_character(token: str) -> bool:
    """Whether a token is one Chinese character, which alone says little."""
    return len(token) == 1 and token >= _HAN


@dataclass(frozen=True, slots=True)
class Ask:
    """What a question wants to know: headings that announce it and a pattern its answer shows."""

    phrases: tuple[str, ...]
    headings: tuple[str, ...]
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing a question speaks of: its own tokens, and those of the words documents use for it."""

    own: tuple[str, ...]
    others: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """`glue` are the pairs that touch a function character: they count only where the library knows them."""

    concepts: tuple[Concept, ...]
    characters: tuple[str, ...]
    glue: tuple[str, ...]
    asks: tuple[Ask, ...]

    @property
    def says_anything(self) -> bool:
        return bool(self.concepts or self.characters or self.glue)


@dataclass(frozen=True, slots=True)
class _Words:
    empty: re.Pattern[str]
    function: frozenset[str]
    everyday: dict[str, tuple[str, ...]]
    asks: tuple[Ask, ...]


@cache
def _words() -> _Words:
    data = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
    everyday = {word: tuple(others) for word, others in data["everyday"].items()}
    asks = (Ask(tuple(a["phrases"]), tuple(a["headings"]), re.compile(a["pattern"])) for a in data["ask"])
    return _Words(
        empty=_longest_first(data["empty"]),
        function=frozenset(data["function"]),
        everyday=everyday,
        asks=tuple(asks),
    )


def _longest_first(phrases: list[str] | dict[str, tuple[str, ...]]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(phrases, key=len, reverse=True))))


def understand(text: str) -> Question:
    """What a question in everyday words speaks of and wants to know."""
    words = _words()
    said = plain(text)
    spoken = dict.fromkeys(tokens(words.empty.sub(" ", said)))
    everyday = tuple(_everyday(word, words, spoken) for word in dict.fromkeys(_everyday_words(said, words)))
    taken = {token for concept in everyday for token in concept.own}
    rest = [token for token in spoken if token not in taken]
    pairs = [token for token in rest if not is_character(token)]
    glue = {token for token in pairs if token >= _HAN and words.function & set(token)}
    return Question(
        concepts=(*everyday, *(Concept((token,)) for token in pairs if token not in glue)),
        characters=tuple(token for token in rest if is_character(token) and token not in words.function),
        glue=tuple(token for token in pairs if token in glue),
        asks=tuple(ask for ask in words.asks if any(phrase in said for phrase in ask.phrases)),
    )


def _everyday_words(said: str, words: _Words) -> Iterator[str]:
    """The everyday words of a question, longest first so that 吃低保 is not also 低保."""
    for word in sorted(words.everyday, key=len, reverse=True):
        if word in said:
            said = said.replace(word, " ")
            yield word


def _everyday(word: str, words: _Words, spoken: dict[str, None]) -> Concept:
    own = tuple(token for token in dict.fromkeys(tokens(word)) if token in spoken and token not in words.function)
    return Concept(own, tuple(_pairs(other) for other in words.everyday[word]))


def _pairs(word: str) -> tuple[str, ...]:
    """The tokens of an official word: its pairs, or the character it consists of."""
    all_tokens = tuple(dict.fromkeys(tokens(word)))
    return tuple(token for token in all_tokens if not is_character(token)) or all_tokens
