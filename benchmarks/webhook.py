"""`make bench-webhook`: the server under the load, the repeats, the delays and the kills of real messengers.

    python -m benchmarks.webhook [--scenario NAME …] [--short] [--repeats N] [--api-delay S] [--model-delay S]
                                 [--kills N]

Open loop, signed callbacks; every question carries an id that the scripted model repeats. Exit code 1 when a bar is
missed. `--short` asks a quarter of the questions and leaves results.json alone; then the bars on times only inform,
since a short run on a busy machine says little about them, and those on counts still decide.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Figure, Others, all_met, save, show
from benchmarks.processes import run
from benchmarks.scenarios import SCENARIOS, Play
from benchmarks.stage import sample_library


def main() -> None:
    given = _arguments()
    with tempfile.TemporaryDirectory(prefix="bangban-bench-", ignore_cleanup_errors=True) as folder:
        figures = run(_run(given, Path(folder)))
    deciding = [figure for figure in figures if not (given.short and figure.unit)]
    sys.exit(0 if all_met(deciding) else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The server under the load of real messengers")
    parser.add_argument("--scenario", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--short", action="store_true", help="a quarter of the questions")
    parser.add_argument("--repeats", type=int, default=3, help="copies of each callback (repeats)")
    parser.add_argument("--api-delay", type=float, default=6.0, help="seconds WeCom takes to answer (slow)")
    parser.add_argument("--model-delay", type=float, default=0.0, help="seconds the model thinks, instead of its own")
    parser.add_argument("--kills", type=int, default=1, help="kills of everything, one after the other (kill)")
    return parser.parse_args()


async def _run(given: argparse.Namespace, folder: Path) -> list[Figure]:
    play = Play(
        folder,
        sample_library(folder),
        short=given.short,
        repeats=given.repeats,
        api_delay=given.api_delay,
        model_delay=given.model_delay,
        kills=given.kills,
    )
    figures: list[Figure] = []
    for name in given.scenario:
        place = folder / name
        place.mkdir()
        others = Others()
        found = [*await SCENARIOS[name](replace(play, folder=place)), others.figure()]
        show(f"{name}: {SCENARIOS[name].__doc__}", found)
        if not given.short:
            save(f"webhook {name}", found)
        figures += found
    return figures


if __name__ == "__main__":
    main()
