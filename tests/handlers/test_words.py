"""The words we listen for, and how a text is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigurationError
from handlers import words
from handlers.words import Phrases, load_phrases, normal, shortened, titled


@pytest.mark.parametrize(
    ("typed", "heard"),
    [
        ("菜单", "菜单"),
        (" 菜 单！", "菜单"),
        ("ＨＥＬＰ", "help"),
        ("①", "1"),
        ("１.", "1"),
        ("谢谢～👍", "谢谢"),
        ("。", ""),
    ],
)
def test_width_case_and_punctuation_do_not_matter(typed: str, heard: str) -> None:
    """What sounds alike is alike."""
    assert normal(typed) == heard


def test_no_phrase_means_two_things(phrases: Phrases) -> None:
    """A message has one meaning, whatever the order of the routes."""
    lists = [phrase for _, listed in phrases.whole for phrase in listed]
    assert len(lists) == len(set(lists))


@pytest.mark.parametrize(
    "change",
    [
        {"whole": {}},
        {"extra": {}},
        {"history": {"holds": ["旧"], "more": []}},
        {"whole": {"forget": ["忘记 我"], "menu": [], "help": [], "greeting": [], "thanks": []}},
    ],
)
def test_a_mistake_in_the_phrases_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, phrases: Phrases, change: dict[str, object]
) -> None:
    """A list too few, too many, or a phrase that could never match names the file."""
    table = phrases.model_dump() | change
    monkeypatch.setattr(words, "read_toml", lambda name: table)
    with pytest.raises(ConfigurationError) as caught:
        load_phrases()
    assert caught.value.key == "prompts/phrases.toml"


@given(st.text(alphabet="甲乙，。；\n！", max_size=60), st.integers(1, 40))
def test_a_cut_text_is_a_beginning_that_ends_with_a_sentence(text: str, limit: int) -> None:
    """Nothing is changed but the end, and the end is a sentence's, a line's or the text's."""
    cut = shortened(text, limit)
    assert text.startswith(cut)
    rest = text[len(cut) :]
    assert not rest.strip() or cut[-1:] in "。；！" or rest.startswith("\n")


def test_a_title_is_marked_once() -> None:
    """A title inside a title gets the inner marks, so that nobody reads where one ends into the clause behind it."""
    assert titled("高龄津贴办法") == "《高龄津贴办法》"
    assert titled("《高龄津贴办法》") == "《高龄津贴办法》"
    assert titled("《高龄津贴办法》政策解读") == "《〈高龄津贴办法〉政策解读》"
    assert titled("关于修改《高龄津贴办法》的决定") == "《关于修改〈高龄津贴办法〉的决定》"
