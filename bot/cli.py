"""The command line: thin. Every command reads the settings, calls one function and prints what it says."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import sys
import threading
import time
import webbrowser
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bot import app as application
from bot import doctor as examination
from bot import logs, sample, terminal
from bot import settings as configuration
from bot.errors import BangbanError, ConfigurationError, DocumentRefused, StoreUnavailable, Unavailable
from bot.inbox import Failure
from bot.library import FileReport, Filters, Library, Result, policy_files
from bot.message import Role
from bot.prompts import load_operator
from bot.settings import Settings
from bot.supervisor import Supervisor

T = TypeVar("T")

cli = typer.Typer(name="bangban", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=True)
library_cli = typer.Typer(no_args_is_help=True)
inbox_cli = typer.Typer(no_args_is_help=True)
cli.add_typer(library_cli, name="library", help="The policy library.")
cli.add_typer(inbox_cli, name="inbox", help="Messages that could not be answered.")

# What is printed may hold brackets and colons of its own: file names, titles, model words.
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
say = load_operator()

PORT_SECONDS = 8.0
"""How long a start waits for its port: longer than a web process takes to leave."""

Config = Annotated[
    Path | None, typer.Option("--config", help="Configuration file; else BANGBAN_CONFIG, ./bangban.yaml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value, for scripts.")]


def main() -> None:
    """Run the command; a known trouble ends as a sentence with its remedy and exit code 1."""
    try:
        sys.exit(cli(standalone_mode=False))
    except typer.Abort:
        sys.exit(130)
    except typer._click.ClickException as mistake:
        err.print(misused(mistake), style="red")
        sys.exit(mistake.exit_code)
    except BangbanError as error:
        err.print(explain(error), style="red")
    except OSError as error:
        err.print(blamed(error), style="red")
    sys.exit(1)


def misused(mistake: typer._click.ClickException) -> str:
    """What was typed wrong, and where to read how it goes."""
    context = getattr(mistake, "ctx", None)
    command = context.command_path if context else "bangban"
    return say.sentence("usage.wrong", detail=mistake.format_message(), command=command)


def explain(error: BangbanError) -> str:
    """The cause and the remedy, in the operator's language."""
    if isinstance(error, ConfigurationError):
        return "\n".join(_mistake_in_configuration(error))
    if isinstance(error, StoreUnavailable):
        return say.sentence("store.unavailable", reason=error.reason)
    if isinstance(error, Unavailable) and error.reason in say.section("unavailable"):
        return say.sentence(f"unavailable.{error.reason}")
    if isinstance(error, DocumentRefused):
        return say.sentence("library.metadata_refused", reason=say.sentence(f"refused.{error.reason}"))
    return say.sentence("failed.other", reason=str(error))


def _mistake_in_configuration(error: ConfigurationError) -> Iterator[str]:
    key = f"configuration.{error.code}"
    yield say.sentence("configuration.heading", key=error.key)
    yield say.sentence(key, **_wanted(key, error.slots))
    if (more := error.slots.get("more", "0")) != "0":
        yield say.sentence("configuration.more", count=more)


def blamed(error: OSError) -> str:
    """What the system refused, by its kind; the system's own words only where we have none."""
    path = str(error.filename or "")
    if error.errno == errno.EADDRINUSE:
        return say.sentence("failed.port_in_use")
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return say.sentence("failed.address_unusable")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return say.sentence("failed.disk_full")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST) and path:
        return say.sentence("failed.path", path=path)
    return say.sentence("failed.other", reason=error.strerror or type(error).__name__)


# --- running ------------------------------------------------------------------------------------


@cli.command()
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
        _run(_serve_roles(settings, role, supervised=supervised))
    else:
        _supervise(settings, configuration.find(config), open_page=False)


@cli.command()
def demo(
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the chat page in a browser.")] = False,
    config: Config = None,
) -> None:
    """`serve` with the sample employee and the sample library."""
    path = config or sample.config()
    settings = configuration.load(path)
    logs.configure(settings.log)
    _import(application.library_of(settings), [sample.library()], sample.metadata())
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
    _run(supervisor.run(ready))
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


def _run(work: Coroutine[Any, Any, T]) -> T:
    return uvloop.run(work)


# --- talking ------------------------------------------------------------------------------------


@cli.command()
def ask(
    text: str,
    as_: Annotated[Role, typer.Option("--as")] = Role.RESIDENT,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Ask one question through the same turn that answers in the messengers."""
    settings = _quiet(config)
    asked = _run(terminal.ask(settings, text, as_))
    if as_json:
        out.print_json(json.dumps(asked.as_json(), ensure_ascii=False))
    else:
        _show(asked)


@cli.command()
def chat(as_: Annotated[Role, typer.Option("--as")] = Role.RESIDENT, config: Config = None) -> None:
    """Talk in the terminal, through the same turn."""
    settings = _quiet(config)
    out.print(say.sentence("chat.hello", role=say.sentence(f"chat.{as_.value}")))
    _run(terminal.chat(settings, as_, listen=_listen, show=_show))


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


# --- the library --------------------------------------------------------------------------------


@library_cli.command("import")
def import_(
    paths: list[Path],
    metadata: Annotated[Path | None, typer.Option(help="CSV that supplies or corrects metadata.")] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Read files and folders into the library; a changed file replaces its old version."""
    if not _import(application.library_of(_quiet(config)), paths, metadata, as_json=as_json):
        raise typer.Exit(1)


@library_cli.command("list")
def list_(as_json: AsJson = False, config: Config = None) -> None:
    """Every document."""
    documents = application.library_of(_quiet(config)).documents()
    if as_json:
        out.print_json(json.dumps([asdict(document) for document in documents], ensure_ascii=False, default=str))
        return
    if not documents:
        out.print(say.sentence("library.empty"))
        return
    table = _table("library.title", "library.number", "library.issuer", "library.status")
    for document in documents:
        table.add_row(document.title, document.number, document.issuer, document.status)
    out.print(table)


@library_cli.command()
def remove(name: str, config: Config = None) -> None:
    """Take a document out, by its title, 文号 or id."""
    removed = application.library_of(_quiet(config)).remove(name)
    if not removed:
        err.print(say.sentence("library.not_found", name=name))
        raise typer.Exit(1)
    for document in removed:
        out.print(say.sentence("library.removed", title=document.title))


@library_cli.command()
def search(
    text: str,
    top: Annotated[int, typer.Option(min=1, max=100)] = 5,
    repealed: Annotated[bool, typer.Option(help="Also what is no longer in force.")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Clauses that answer a question, best first."""
    hits = application.library_of(_quiet(config)).search(text, Filters(include_repealed=repealed), top)
    sources = [hit.source() for hit in hits]
    if as_json:
        found = [
            asdict(source) | {"score": hit.score, "evidence": hit.evidence}
            for source, hit in zip(sources, hits, strict=True)
        ]
        out.print_json(json.dumps(found, ensure_ascii=False))
        return
    if not sources:
        out.print(say.sentence("library.nothing_found"))
        return
    table = _table("library.title", "library.clause", "library.status", "library.quote")
    for source in sources:
        table.add_row(source.document, source.clause, source.status, source.quote)
    out.print(table)


def _import(library: Library, paths: list[Path], metadata: Path | None, *, as_json: bool = False) -> bool:
    """Whether every file was taken. Progress and refusals go to standard error, the summary to standard output."""
    reports = []
    with _progress() as progress:
        task = progress.add_task(say.sentence("library.reading"), total=len(policy_files(paths)))
        for report in library.import_paths(paths, metadata=metadata):
            reports.append(report)
            progress.update(task, advance=1)
            if report.result == Result.REFUSED and not as_json:
                progress.console.print(_refusal(report))
    if as_json:
        out.print_json(json.dumps([asdict(report) for report in reports], ensure_ascii=False, default=str))
    else:
        counts = Counter(str(report.result) for report in reports)
        slots = {str(result): str(counts[result]) for result in Result}
        out.print(say.sentence("library.summary", total=str(len(reports)), **slots))
    return not any(report.result == Result.REFUSED for report in reports)


def _progress() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _refusal(report: FileReport) -> str:
    reason = report.reason if os.path.lexists(report.path) else "missing"
    return say.sentence("library.refused", path=str(report.path), reason=say.sentence(f"refused.{reason}"))


# --- failed messages ----------------------------------------------------------------------------


@inbox_cli.command("failed")
def failed(as_json: AsJson = False, config: Config = None) -> None:
    """Messages that ended as an apology, oldest first."""
    failures = _run(_failures(_quiet(config)))
    if as_json:
        listed = [{**asdict(failure), "items": len(failure.items)} for failure in failures]
        out.print_json(json.dumps(listed, ensure_ascii=False))
        return
    if not failures:
        out.print(say.sentence("inbox.none"))
        return
    table = _table("inbox.id", "inbox.when", "inbox.conversation", "inbox.outcome", "inbox.cause", "inbox.messages")
    for failure in failures:
        when = datetime.fromtimestamp(failure.time).astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(failure.id, when, failure.conversation, failure.outcome, failure.cause, str(len(failure.items)))
    out.print(table)


@inbox_cli.command()
def replay(id_: Annotated[str, typer.Argument(metavar="ID")], config: Config = None) -> None:
    """Put a failed message back into its mailbox."""
    if not _run(_replay(_quiet(config), id_)):
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


# --- the doctor ---------------------------------------------------------------------------------


@cli.command()
def doctor(as_json: AsJson = False, config: Config = None) -> None:
    """Check configuration, store, library, model and platforms, and say what to do."""
    settings = _quiet(config)
    findings = _run(examination.examine(settings, configuration.find(config)))
    said = [(finding, _diagnosis(finding)) for finding in findings]
    if as_json:
        listed = [{"part": f.part, "level": f.level, "code": f.code, "message": words} for f, words in said]
        out.print_json(json.dumps(listed, ensure_ascii=False))
    else:
        colours = {"ok": "green", "warning": "yellow", "problem": "red"}
        for finding, words in said:
            level = say.sentence(f"doctor.{finding.level}")
            out.print(level, style=colours[finding.level], end=" ")
            out.print(f"{_part(finding.part)}：{words}")
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(1)


def _diagnosis(finding: examination.Finding) -> str:
    """A finding of [doctor], or a mistake the settings have sentences for."""
    key = finding.code if "." in finding.code else f"doctor.{finding.code}"
    slots = _wanted(key, finding.slots)
    if remedy := slots.get("remedy"):
        slots["remedy"] = say.sentence(f"remedy.{remedy}")
    return say.sentence(key, **slots)


def _part(name: str) -> str:
    """A part has a Chinese name, an account its own."""
    return name if "/" in name else say.sentence(f"doctor.{name}")


def _quiet(config: Path | None) -> Settings:
    """The settings, with only warnings in the log: the command's own words are the output."""
    settings = configuration.load(config)
    logs.configure(settings.log.model_copy(update={"level": "warning", "format": "console"}))
    return settings


def _table(*columns: str) -> Table:
    table = Table(show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(say.sentence(column), overflow="fold")
    return table


def _wanted(key: str, slots: Mapping[str, str]) -> dict[str, str]:
    """Only the slots the sentence has: one mistake may carry more than its sentence says."""
    return {name: value for name, value in slots.items() if name in say.slots(key)}
