"""`ask` and `chat`: the same turn as in the messengers."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bot import terminal
from bot.cli.console import AsJson, Config, out, quiet, run, say
from bot.message import Role

commands = typer.Typer()


@commands.command()
def ask(
    text: str,
    as_: Annotated[Role, typer.Option("--as")] = Role.RESIDENT,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Ask one question through the same turn that answers in the messengers."""
    settings = quiet(config)
    asked = run(terminal.ask(settings, text, as_))
    if as_json:
        out.print_json(json.dumps(asked.as_json(), ensure_ascii=False))
    else:
        _show(asked)


@commands.command()
def chat(as_: Annotated[Role, typer.Option("--as")] = Role.RESIDENT, config: Config = None) -> None:
    """Talk in the terminal, through the same turn."""
    settings = quiet(config)
    out.print(say.sentence("chat.hello", role=say.sentence(f"chat.{as_.value}")))
    run(terminal.chat(settings, as_, listen=_listen, show=_show))


def _listen() -> str:
    try:
        return input(f"{say.sentence('chat.prompt')}> ").strip()
    except EOFError:
        return ""


def _show(asked: terminal.Asked) -> None:
    """The reply, what it rests on, and what one may choose by its number."""
    reply = asked.reply
    out.print(reply.text)
    if reply.sources:
        out.print(f"\n{say.sentence('chat.sources')}", style="dim")
    for n, source in enumerate(reply.sources, start=1):
        parts = filter(None, (source.number, source.date, source.status, source.clause))
        out.print(f"[{n}] {source.document}（{'，'.join(parts)}）", style="dim")
    if reply.suggestions:
        out.print(f"\n{say.sentence('chat.next')}")
    for n, suggestion in enumerate(reply.suggestions, start=1):
        out.print(f"  {n}. {suggestion.label}")
    if reply.label:
        out.print(f"\n{reply.label}", style="dim")
