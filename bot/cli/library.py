"""`library …`: what the answers rest on."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bot import app as application
from bot.cli.console import AsJson, Config, err, out, quiet, say, table
from bot.library import FileReport, Filters, Library, Result, policy_files

commands = typer.Typer(no_args_is_help=True)


@commands.command("import")
def import_(
    paths: list[Path],
    metadata: Annotated[Path | None, typer.Option(help="CSV that supplies or corrects metadata.")] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Read files and folders into the library; a changed file replaces its old version."""
    if not take_in(application.library_of(quiet(config)), paths, metadata, as_json=as_json):
        raise typer.Exit(1)


@commands.command("list")
def list_(as_json: AsJson = False, config: Config = None) -> None:
    """Every document."""
    documents = application.library_of(quiet(config)).documents()
    if as_json:
        out.print_json(json.dumps([asdict(document) for document in documents], ensure_ascii=False, default=str))
        return
    if not documents:
        out.print(say.sentence("library.empty"))
        return
    listed = table("library.title", "library.number", "library.issuer", "library.status")
    for document in documents:
        listed.add_row(document.title, document.number, document.issuer, document.status)
    out.print(listed)


@commands.command()
def remove(name: str, config: Config = None) -> None:
    """Take a document out, by its title, 文号 or id."""
    removed = application.library_of(quiet(config)).remove(name)
    if not removed:
        err.print(say.sentence("library.not_found", name=name))
        raise typer.Exit(1)
    for document in removed:
        out.print(say.sentence("library.removed", title=document.title))


@commands.command()
def search(
    text: str,
    top: Annotated[int, typer.Option(min=1, max=100)] = 5,
    repealed: Annotated[bool, typer.Option(help="Also what is no longer in force.")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Clauses that answer a question, best first."""
    hits = application.library_of(quiet(config)).search(text, Filters(include_repealed=repealed), top)
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
    listed = table("library.title", "library.clause", "library.status", "library.quote")
    for source in sources:
        listed.add_row(source.document, source.clause, source.status, source.quote)
    out.print(listed)


def take_in(library: Library, paths: list[Path], metadata: Path | None, *, as_json: bool = False) -> bool:
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
