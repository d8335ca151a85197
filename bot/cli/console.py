"""What every command shares: where it prints, its sentences, its common options."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bot import logs
from bot import settings as configuration
from bot.prompts import load_operator
from bot.settings import Settings

T = TypeVar("T")

# What is printed may hold brackets and colons of its own: file names, titles, model words.
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
say = load_operator()

Config = Annotated[
    Path | None, typer.Option("--config", help="Configuration file; else BANGBAN_CONFIG, ./bangban.yaml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value, for scripts.")]


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, in an event loop of its own."""
    return uvloop.run(work)


def quiet(config: Path | None) -> Settings:
    """The settings, with only warnings in the log: the command's own words are the output."""
    settings = configuration.load(config)
    logs.configure(settings.log.model_copy(update={"level": "warning", "format": "console"}))
    return settings


def table(*columns: str) -> Table:
    table = Table(show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(say.sentence(column), overflow="fold")
    return table


def wanted(key: str, slots: Mapping[str, str]) -> dict[str, str]:
    """Only the slots the sentence has: one mistake may carry more than its sentence says."""
    return {name: value for name, value in slots.items() if name in say.slots(key)}
