"""Prompts and sentences are checked when they are loaded, so that a typo meets the operator and nobody else."""

from __future__ import annotations

import re

import pytest

from bot import prompts as module
from bot.errors import ConfigurationError
from bot.guard.labels import label_ok
from bot.message import Outcome, Paragraphs
from bot.prompts import Prompts, Replies, Sentences, load_prompts, load_replies, read_toml

GOOD = """---
model: chat
temperature: 0.2
max_tokens: 100
inputs: {question: 低保}
---
# system
规则
# user
{{ question }}
"""


# --- prompts ---------------------------------------------------------------------------------------


def test_every_prompt_of_the_product_renders() -> None:
    """Loading renders each once with its samples."""
    assert load_prompts().render("rewrite_question", exchanges=[], question="那材料呢？").repair


def test_a_prompt_carries_its_settings() -> None:
    """Front matter and text arrive together."""
    prompt = Prompts({"ask": GOOD}).render("ask", question="高龄津贴")
    assert (prompt.name, prompt.model, prompt.temperature, prompt.max_tokens) == ("ask", "chat", 0.2, 100)
    assert (prompt.system, prompt.user, prompt.repair) == ("规则", "高龄津贴", "")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("model: chat", "model: gpt"),
        ("temperature: 0.2", "temperatur: 0.2"),
        ("temperature: 0.2\n", ""),
        ("temperature: 0.2", "temperature: 3"),
        ("max_tokens: 100", "max_tokens: 0"),
        ("{{ question }}", "{{ qestion }}"),
        ("{{ question }}", "{{ question.text.more }}"),
        ("{{ question }}", "{{ question"),
        ("{{ question }}", "问题"),
        ("# user", "# person"),
        ("# user", "user"),
        ("inputs: {", "answer: json\ninputs: {"),
        ("inputs: {question: 低保}", "inputs: [question"),
        ("---\nmodel", "model"),
    ],
)
def test_a_mistake_in_a_prompt_stops_the_start(wrong: str, right: str) -> None:
    """Unknown and missing fields, unknown, unused and broken variables, missing sections: all name the file."""
    with pytest.raises(ConfigurationError) as caught:
        Prompts({"ask": GOOD.replace(wrong, right, 1)})
    assert caught.value.key == "prompts/ask.md"
    assert caught.value.slots["detail"]


@pytest.mark.parametrize("inputs", [{}, {"question": "a", "more": "b"}, {"other": "a"}])
def test_a_prompt_takes_exactly_its_inputs(inputs: dict[str, str]) -> None:
    """Too few, too many or others are a programmer's mistake."""
    with pytest.raises(LookupError):
        Prompts({"ask": GOOD}).render("ask", **inputs)


def test_an_unknown_prompt_is_an_error() -> None:
    """By its name."""
    with pytest.raises(LookupError, match="nowhere"):
        Prompts({"ask": GOOD}).render("nowhere")


def test_what_is_quoted_is_not_a_template() -> None:
    """Braces in a question stay braces."""
    assert Prompts({"ask": GOOD}).render("ask", question="{{ 1 + 1 }}{% if %}").user == "{{ 1 + 1 }}{% if %}"


# --- sentences -------------------------------------------------------------------------------------


def test_every_outcome_has_its_sentence_and_every_sentence_its_outcome() -> None:
    """Both ways: no ending without words, no words without an ending."""
    assert load_replies().section("outcomes").keys() == {outcome.value for outcome in Outcome}


@pytest.mark.parametrize("change", [{"gone": "没有"}, {"none": None}])
def test_an_outcome_without_its_sentence_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str | None]
) -> None:
    """One too many or too few is named."""
    table = read_toml("replies.toml")
    outcomes = {name: said for name, said in (table["outcomes"] | change).items() if said is not None}
    monkeypatch.setattr(module, "read_toml", lambda name: table | {"outcomes": outcomes})
    with pytest.raises(ConfigurationError, match=next(iter(change))):
        load_replies()


def test_only_silence_has_no_words() -> None:
    """Every other ending says something, and it is Chinese."""
    said = load_replies().section("outcomes")
    assert [name for name, sentence in said.items() if not re.search("[一-鿿]", sentence)] == ["none"]


def test_every_label_names_the_maker_and_the_making() -> None:
    """Generated text, excerpts and the page carry a label that the rules accept."""
    replies = load_replies()
    labels = [*replies.section("label").values(), replies.sentence("web.label")]
    assert all(map(label_ok, labels))


def test_a_reply_is_its_sentence() -> None:
    """Filled, with its number and its next steps."""
    reply = load_replies().reply(Outcome.NOTICE_WAIT, number="AB12", ahead="3")
    assert (reply.outcome, reply.number, reply.label) == (Outcome.NOTICE_WAIT, "AB12", "")
    assert "前面还有 3 位" in reply.text
    assert isinstance(reply.parts[0], Paragraphs)


def test_silence_has_no_parts() -> None:
    """An ending without words is nothing to send."""
    assert load_replies().reply(Outcome.NONE).parts == ()


@pytest.mark.parametrize(
    ("key", "slots"),
    [("a.hello", {}), ("a.hello", {"name": "小福", "more": "x"}), ("a.bye", {}), ("a", {}), ("a.plain", {"name": "x"})],
)
def test_a_half_filled_sentence_never_leaves(key: str, slots: dict[str, str]) -> None:
    """Unknown keys, missing slots and unknown slots are errors."""
    with pytest.raises(LookupError):
        Sentences({"a": {"hello": "您好，{name}", "plain": "您好"}}).sentence(key, **slots)


def test_sections_hold_what_is_right_under_them() -> None:
    """In the order of the file, nested headings left out."""
    sentences = Sentences({"a": {"z": "1", "b": {"c": "2"}, "y": "3"}})
    assert list(sentences.section("a")) == ["z", "y"]
    assert sentences.section("a.b") == {"c": "2"}
    assert sentences.slots("a.z") == set()


@pytest.mark.parametrize("file", ["replies.toml", "operator.toml"])
def test_every_sentence_can_be_filled(file: str) -> None:
    """No braces are left open, and every slot has a name."""
    table = read_toml(file)
    sentences = Sentences(table)
    for key, said in module._flat(table):
        filled = sentences.sentence(key, **dict.fromkeys(sentences.slots(key), "某"))
        assert filled.count("某") >= len(sentences.slots(key)), said


def test_broken_toml_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the place of the mistake."""
    monkeypatch.setattr(module, "_read", lambda name: "a = 一\n")
    with pytest.raises(ConfigurationError) as caught:
        read_toml("replies.toml")
    assert caught.value.key == "prompts/replies.toml"
    assert "line 1" in caught.value.slots["detail"]


def test_replies_are_sentences() -> None:
    """The web and WeCom take their words from the same file."""
    assert issubclass(Replies, Sentences)
    assert load_replies().section("wecom")["chosen"] == "已选择"
