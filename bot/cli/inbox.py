"""`inbox …`: messages that could not be answered."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from bot import app as application
from bot.cli.console import AsJson, Config, err, out, quiet, run, say, table
from bot.inbox import Failure
from bot.settings import Settings

commands = typer.Typer(no_args_is_help=True)


@commands.command("failed")
def failed(as_json: AsJson = False, config: Config = None) -> None:
    """Messages that ended as an apology, oldest first."""
    failures = run(_failures(quiet(config)))
    if as_json:
        listed = [{**asdict(failure), "items": len(failure.items)} for failure in failures]
        out.print_json(json.dumps(listed, ensure_ascii=False))
        return
    if not failures:
        out.print(say.sentence("inbox.none"))
        return
    shown = table("inbox.id", "inbox.when", "inbox.conversation", "inbox.outcome", "inbox.cause", "inbox.messages")
    for failure in failures:
        when = datetime.fromtimestamp(failure.time).astimezone().strftime("%Y-%m-%d %H:%M")
        shown.add_row(failure.id, when, failure.conversation, failure.outcome, failure.cause, str(len(failure.items)))
    out.print(shown)


@commands.command()
def replay(id_: Annotated[str, typer.Argument(metavar="ID")], config: Config = None) -> None:
    """Put a failed message back into its mailbox."""
    if not run(_replay(quiet(config), id_)):
        err.print(say.sentence("inbox.unknown", id=id_))
        raise typer.Exit(1)
    out.print(say.sentence("inbox.replayed", id=id_))


async def _failures(settings: Settings) -> list[Failure]:
    async with application.visited(settings) as core:
        return await core.inbox.failures()


async def _replay(settings: Settings, id_: str) -> bool:
    async with application.visited(settings) as core:
        found = [failure for failure in await core.inbox.failures() if failure.id == id_]
        return bool(found) and await core.inbox.replay(found[0])
