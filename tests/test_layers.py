"""Imports run one way, so that the core never learns a messenger's or a framework's name."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
LAYERS = (
    ("bot.message", "bot.errors"),
    ("bot.conversation", "bot.people", "bot.records", "bot.store", "bot.embedded"),
    ("bot.lane",),
    (
        "bot.inbox",
        "bot.outbox",
        "bot.live",
        "bot.llm",
        "bot.prompts",
        "bot.files",
        "bot.guard",
        "bot.platforms",
        "bot.router",
    ),
    ("bot.library",),
    ("handlers", "bot.turn", "bot.reception", "bot.worker", "bot.sender", "bot.http"),
    ("bot.app", "bot.settings", "bot.logs", "bot.supervisor", "bot.sample"),
    ("bot.cli", "bot.doctor", "bot.terminal", "bot.__main__"),
)
FORBIDDEN = (
    ("handlers", "bot.platforms"),
    ("handlers", "bot.http"),
    ("handlers", "bot.settings"),
    ("bot.guard", "bot.library"),
    ("bot.platforms", "handlers"),
    ("bot.http", "handlers"),
)


def layer_of(module: str) -> int | None:
    for rank, layer in enumerate(LAYERS):
        if any(module == name or module.startswith(f"{name}.") for name in layer):
            return rank
    return None


def imports() -> list[tuple[str, str]]:
    """Every (module, module it imports) of the product."""
    found: list[tuple[str, str]] = []
    for package in ("bot", "handlers", "prompts"):
        for path in (ROOT / package).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module:
                    found += [(module, f"{node.module}.{alias.name}") for alias in node.names]
                elif isinstance(node, ast.Import):
                    found += [(module, alias.name) for alias in node.names]
    return found


def test_every_module_has_a_room() -> None:
    """A new module is given its layer on purpose."""
    homeless = {module for module, _ in imports() if layer_of(module) is None and module not in {"bot", "prompts"}}
    assert not homeless


def test_nothing_imports_upwards() -> None:
    """A lower layer never knows a higher one."""
    wrong = [
        (module, imported)
        for module, imported in imports()
        if (low := layer_of(module)) is not None and (high := layer_of(imported)) is not None and high > low
    ]
    assert not wrong


def test_rooms_that_must_not_know_each_other_do_not() -> None:
    """Handlers know no messenger, no HTTP and no settings; the guard knows no library; platforms know no handlers."""
    wrong = [
        (module, imported)
        for module, imported in imports()
        for who, whom in FORBIDDEN
        if f"{module}.".startswith(f"{who}.") and f"{imported}.".startswith(f"{whom}.")
    ]
    assert not wrong


def test_messengers_never_import_each_other() -> None:
    """A messenger is the file or files of one vendor; vendors share the protocol and the token cache, nothing else."""
    wrong = [
        (module, imported)
        for module, imported in imports()
        if (ours := vendor(module)) and (theirs := vendor(imported)) and theirs not in {ours, "tokens"}
    ]
    assert not wrong


def vendor(module: str) -> str:
    """The vendor whose file this is: wecom for bot.platforms.wecom_render, nothing for the protocol itself."""
    names = module.split(".")
    if names[:2] != ["bot", "platforms"] or len(names) < 3 or not names[2].islower():
        return ""
    return names[2].split("_")[0]
