"""`doctor`: what is wrong, and what to do."""

from __future__ import annotations

import json

import typer

from bot import doctor as examination
from bot import settings as configuration
from bot.cli.console import AsJson, Config, out, quiet, run, say, wanted

commands = typer.Typer()


@commands.command()
def doctor(as_json: AsJson = False, config: Config = None) -> None:
    """Check configuration, store, library, model and platforms, and say what to do."""
    settings = quiet(config)
    findings = run(examination.examine(settings, configuration.find(config)))
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
    slots = wanted(key, finding.slots)
    if remedy := slots.get("remedy"):
        slots["remedy"] = say.sentence(f"remedy.{remedy}")
    return say.sentence(key, **slots)


def _part(name: str) -> str:
    """A part has a Chinese name, an account its own."""
    return name if "/" in name else say.sentence(f"doctor.{name}")
