"""What the command line says: every sentence it may need is there, and none is there for nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bot.library import Result
from bot.message import Role
from bot.prompts import read_toml
from handlers.words import load_phrases

ROOT = Path(__file__).parents[2]
SOURCES = [path for name in ("bot", "handlers") for path in sorted((ROOT / name).rglob("*.py"))]
FOUND_BY_NAME = {
    "chat": {role.value for role in Role},
    "library": {str(result) for result in Result},
}
"""Sections whose sentences the program also calls by the values of an enumeration."""


def literals() -> set[str]:
    """Every string written in the program, joined ones by their fixed parts."""
    trees = (ast.parse(path.read_text("utf-8")) for path in SOURCES)
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def keys(table: dict[str, object], start: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from keys(value, f"{start}{name}.")
        else:
            yield f"{start}{name}"


def test_every_sentence_for_operators_is_used() -> None:
    """A key stands in the program whole, or its last part does: codes, results, remedies."""
    written = literals()
    for key in keys(read_toml("operator.toml")):
        section, name = key.split(".")
        assert key in written or name in written | FOUND_BY_NAME.get(section, set()), f"nobody says {key}"


def test_every_sentence_the_program_names_is_there() -> None:
    """Whatever is written like the key of a section is one."""
    known = set(keys(read_toml("operator.toml")))
    sections = {key.split(".")[0] for key in known}
    named = {
        node.value
        for path in (ROOT / "bot" / "cli").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z]+\.[a-z_]+", node.value)
    }
    assert {key for key in named if key.split(".")[0] in sections} <= known


def called_with(name: str, position: int, paths: list[Path]) -> set[str]:
    """The strings given to calls of `name` at `position`."""
    calls = (
        node
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name and len(node.args) > position
    )
    return {
        argument.value
        for call in calls
        if isinstance(argument := call.args[position], ast.Constant) and isinstance(argument.value, str)
    }


def test_every_code_has_its_sentence() -> None:
    """Mistakes of configuration, refusals of files, findings of the doctor and remedies: none ends in a LookupError."""
    known = set(keys(read_toml("operator.toml")))
    codes = {f"configuration.{code}" for code in called_with("ConfigurationError", 1, SOURCES)}
    codes |= {f"refused.{code}" for code in called_with("DocumentRefused", 0, SOURCES) | {"no_text", "missing"}}
    codes |= {f"doctor.{code}" for code in called_with("Finding", 2, SOURCES)}
    remedies = re.findall(r'"(wecom_[a-z_]+)"', (ROOT / "bot/platforms/wecom_errors.py").read_text("utf-8"))
    codes |= {f"remedy.{name}" for name in remedies}
    assert len(codes) > 50
    assert codes <= known


def test_replies_and_phrases_have_no_dead_words() -> None:
    """Every sentence for people is called by its key, by its section or by the name of something in the program."""
    written = literals()
    asks = {name for name, _ in load_phrases().asks}
    for key in keys(read_toml("replies.toml")):
        section, _, name = key.rpartition(".")
        by_section = section in written or section in ("outcomes", "menu.resident", "menu.staff")
        by_name = section in ("policy.next", "policy.ask") and name in asks | written
        assert key in written or by_section or by_name, f"nobody says {key}"
