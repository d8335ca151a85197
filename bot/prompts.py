"""Everything in `prompts/`: what we say to people and what we ask the model. All of it is checked when it is loaded.

A prompt is one Markdown file: front matter with the model's settings, then a `# system` and a `# user` section in
jinja2, and for answers in JSON a `# repair` section, said once to a model whose JSON could not be read.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Formatter
from typing import Any, Literal

import yaml
from jinja2 import Environment, StrictUndefined, Template, TemplateError, meta
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.errors import ConfigurationError
from bot.message import Outcome, Paragraphs, Reply, Suggestion

PACKAGE = "prompts"
_FRONT = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_SECTION = re.compile(r"^# (\w+)$", re.MULTILINE)
_JINJA = Environment(
    undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
)

Tier = Literal["chat", "reasoner"]


# --- what we say to people -----------------------------------------------------------------------


class Sentences:
    """The sentences of one file by dotted key, with slots like `{name}`. An unknown key and a slot too few or too many
    raise `LookupError`: a half-filled sentence never reaches anybody.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._said = dict(_flat(table))

    def sentence(self, key: str, /, **slots: str) -> str:
        wanted, given = self.slots(key), slots.keys()
        if wanted != given:
            raise LookupError(f"{key} takes the slots {sorted(wanted)}, not {sorted(given)}")
        return self._said[key].format(**slots)

    def slots(self, key: str) -> set[str]:
        """The names of the slots of a sentence."""
        if key not in self._said:
            raise LookupError(f"there is no sentence {key}")
        return {name for _, name, _, _ in Formatter().parse(self._said[key]) if name}

    def section(self, name: str) -> dict[str, str]:
        """The sentences right under a heading, in the order of the file, slots unfilled."""
        start = f"{name}."
        found = {key.removeprefix(start): said for key, said in self._said.items() if key.startswith(start)}
        return {key: said for key, said in found.items() if "." not in key}


class Replies(Sentences):
    """Every fixed sentence a person may read. Each `Outcome` has its own under [outcomes]."""

    def reply(
        self, outcome: Outcome, /, *, number: str = "", suggestions: tuple[Suggestion, ...] = (), **slots: str
    ) -> Reply:
        """The fixed reply of an ending. An ending without words has no parts."""
        said = self.sentence(f"outcomes.{outcome.value}", **slots)
        parts = (Paragraphs(said),) if said else ()
        return Reply(outcome=outcome, parts=parts, suggestions=suggestions, number=number)


def load_replies() -> Replies:
    """Raises `ConfigurationError` unless exactly the known outcomes have sentences."""
    replies = Replies(read_toml("replies.toml"))
    unmatched = replies.section("outcomes").keys() ^ {outcome.value for outcome in Outcome}
    if unmatched:
        raise _mistake("replies.toml", f"outcomes: {', '.join(sorted(unmatched))}")
    return replies


def load_operator() -> Sentences:
    """What the command line says to an operator."""
    return Sentences(read_toml("operator.toml"))


def read_toml(name: str) -> dict[str, Any]:
    """One file of `prompts/`. Raises `ConfigurationError` with the place of the mistake."""
    try:
        return tomllib.loads(_read(name))
    except tomllib.TOMLDecodeError as error:
        raise _mistake(name, str(error)) from None


def _flat(table: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{start}{name}.")
        else:
            yield f"{start}{name}", str(value).strip("\n")


# --- what we ask the model -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prompt:
    """One call, ready to send. `repair` is empty unless the answer is to be JSON. `max_tokens` counts the answer."""

    name: str
    model: Tier
    temperature: float
    max_tokens: int
    system: str
    user: str
    repair: str = ""


class _Head(BaseModel):
    """Front matter. `inputs` names every variable of the text, with a sample that the text is rendered with at load."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Tier
    temperature: float = Field(ge=0, le=2)
    max_tokens: int = Field(gt=0)
    answer: Literal["text", "json"] = "text"
    inputs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Recipe:
    name: str
    head: _Head
    sections: Mapping[str, Template]

    def render(self, inputs: Mapping[str, object]) -> Prompt:
        if inputs.keys() != self.head.inputs.keys():
            raise LookupError(f"{self.name} takes {sorted(self.head.inputs)}, not {sorted(inputs)}")
        said = {name: template.render(inputs).strip() for name, template in self.sections.items()}
        return Prompt(self.name, self.head.model, self.head.temperature, self.head.max_tokens, **said)


class Prompts:
    """Every prompt by its file's name without the ending."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """`texts` is file contents by name. Raises `ConfigurationError` for the first one with a mistake."""
        self._recipes = {name: _recipe(name, text) for name, text in texts.items()}

    def render(self, name: str, **inputs: object) -> Prompt:
        """Raises `LookupError` for an unknown prompt and for inputs too few or too many."""
        if name not in self._recipes:
            raise LookupError(f"there is no prompt {name}")
        return self._recipes[name].render(inputs)


def load_prompts() -> Prompts:
    """Every prompt, each rendered once with its samples. Raises `ConfigurationError` that names the file."""
    found = (file.name for file in files(PACKAGE).iterdir() if file.name.endswith(".md"))
    return Prompts({name.removesuffix(".md"): _read(name) for name in sorted(found)})


def _recipe(name: str, text: str) -> _Recipe:
    file = f"{name}.md"
    try:
        head, sections = _parts(text)
        recipe = _Recipe(name, head, {title: _JINJA.from_string(body) for title, body in sections.items()})
        _require_known_variables(head, sections)
        recipe.render(head.inputs)
    except (ValidationError, yaml.YAMLError, TemplateError, ValueError) as error:
        raise _mistake(file, _detail(error)) from error
    return recipe


def _parts(text: str) -> tuple[_Head, dict[str, str]]:
    front = _FRONT.match(text)
    if not front:
        raise ValueError("front matter between two lines of --- is missing")
    head = _Head.model_validate(yaml.safe_load(front[1]))
    titles_and_bodies = _SECTION.split(front[2])[1:]
    sections = dict(zip(titles_and_bodies[::2], titles_and_bodies[1::2], strict=True))
    wanted = {"system", "user"} | ({"repair"} if head.answer == "json" else set())
    if sections.keys() != wanted:
        raise ValueError(f"the sections must be {sorted(wanted)}, not {sorted(sections)}")
    return head, sections


def _require_known_variables(head: _Head, sections: Mapping[str, str]) -> None:
    """An input nobody reads is as much a mistake as a variable nobody gives."""
    used = {name for body in sections.values() for name in meta.find_undeclared_variables(_JINJA.parse(body))}
    unmatched = used ^ head.inputs.keys()
    if unmatched:
        raise ValueError(f"inputs and variables differ: {', '.join(sorted(unmatched))}")


def _read(name: str) -> str:
    return (files(PACKAGE) / name).read_text("utf-8")


def _detail(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error).splitlines()[0]


def _mistake(name: str, detail: str) -> ConfigurationError:
    return ConfigurationError(f"{PACKAGE}/{name}", "bad_prompt", detail=detail)
