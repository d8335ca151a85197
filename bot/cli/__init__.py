"""The command line: thin. Every command reads the settings, calls one function and prints what it says."""

from __future__ import annotations

import sys

import typer

from bot.cli import examining, inbox, library, running, talking
from bot.cli.console import err
from bot.cli.trouble import blamed, explain, misused
from bot.errors import BangbanError

cli = typer.Typer(name="bangban", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=True)
for part in (running, talking):
    cli.add_typer(part.commands)
cli.add_typer(library.commands, name="library", help="The policy library.")
cli.add_typer(inbox.commands, name="inbox", help="Messages that could not be answered.")
cli.add_typer(examining.commands)


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
