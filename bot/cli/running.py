"""`serve` and `demo`: the server, whole or in parts."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
import threading
import time
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from bot import app as application
from bot import logs, sample
from bot import settings as configuration
from bot.cli.console import Config, out, run, say
from bot.cli.library import take_in
from bot.settings import Settings
from bot.supervisor import Supervisor

commands = typer.Typer()


PORT_SECONDS = 8.0
"""How long a start waits for its port: longer than a web process takes to leave."""


@commands.command()
def serve(
    config: Config = None,
    role: Annotated[
        list[str] | None, typer.Option(help="Run only this part: web, worker or sender. Repeatable.")
    ] = None,
    supervised: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """The server: a web and a worker process under one supervisor, or one part with --role."""
    settings = configuration.load(config)
    logs.configure(settings.log)
    if role:
        unknown = set(role) - set(application.ROLES)
        if unknown:
            raise typer.BadParameter(", ".join(sorted(unknown)), param_hint="--role")
        run(_serve_roles(settings, role, supervised=supervised))
    else:
        _supervise(settings, configuration.find(config), open_page=False)


@commands.command()
def demo(
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the chat page in a browser.")] = False,
    config: Config = None,
) -> None:
    """`serve` with the sample employee and the sample library."""
    path = config or sample.config()
    settings = configuration.load(path)
    logs.configure(settings.log)
    take_in(application.library_of(settings), [sample.library()], sample.metadata())
    _supervise(settings, path, open_page=open_page)


async def _serve_roles(settings: Settings, roles: list[str], *, supervised: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    # Ctrl-C reaches the whole process group; a supervised part waits for its supervisor to cut the lifeline.
    loop.add_signal_handler(signal.SIGINT, (lambda: None) if supervised else stop.set)
    if supervised:
        threading.Thread(target=_until_cut, args=(loop, stop), daemon=True).start()
    await application.serve(settings, roles, stop)


def _until_cut(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Blocks on the lifeline until the supervisor closes it or dies."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    loop.call_soon_threadsafe(stop.set)


def _supervise(settings: Settings, config: Path | None, *, open_page: bool) -> None:
    url = f"http://{settings.server.host}:{settings.server.port}/chat"

    def ready() -> None:
        out.print(say.sentence("serve.ready", url=url))
        if not settings.model.configured:
            out.print(say.sentence("serve.model_free"))
        out.print(say.sentence("serve.stopping"))
        if open_page:
            webbrowser.open(url)

    _until_port_is_free(settings.server.host, settings.server.port)
    supervisor = Supervisor(settings, config, say=lambda what: out.print(say.sentence(f"store.{what}")))
    run(supervisor.run(ready))
    out.print(say.sentence("serve.stopped"))


def _until_port_is_free(host: str, port: int) -> None:
    """The parts of a server that was just killed leave within moments; anybody else stays and raises `OSError`."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    until = time.monotonic() + PORT_SECONDS
    while True:
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                return probe.bind(address)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                    raise
        time.sleep(0.2)
