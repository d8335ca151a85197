"""`make bench`: what the accept path costs, how soon words appear, how many may stream, what a conversation occupies.

    python -m benchmarks.bench [--short] [--only NAME …]

Exit code 1 when a bar is missed. `--short` measures less, informs only and leaves results.json alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks import accept, memory, streaming
from benchmarks.figures import Figure, Others, all_met, save, show
from benchmarks.processes import run
from benchmarks.stage import sample_library

Measure = Callable[[Path, Path, bool], Awaitable[list[Figure]]]


async def _accept(folder: Path, _: Path, short: bool) -> list[Figure]:
    return await accept.measure(folder, accept.SHORT if short else accept.FULL)


async def _first_words(folder: Path, library: Path, short: bool) -> list[Figure]:
    return await streaming.first_words(folder, library, 10 if short else 50)


async def _streams(folder: Path, library: Path, short: bool) -> list[Figure]:
    return await streaming.many_streams(folder, library, 60 if short else 300, 4 if short else 12)


async def _memory(folder: Path, library: Path, short: bool) -> list[Figure]:
    return await memory.measure(folder, library, 10 if short else 50)


MEASURES: dict[str, tuple[str, Measure]] = {
    "accept": ("accept path against the bare baseline", _accept),
    "first-words": ("time added to the model's first words", _first_words),
    "streams": ("answers streaming at once on one worker", _streams),
    "memory": ("what an idle conversation occupies", _memory),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="The server's costs, against their bars")
    parser.add_argument("--short", action="store_true", help="fewer and smaller runs; the bars only inform")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bangban-bench-", ignore_cleanup_errors=True) as folder:
        figures = run(_run(given, Path(folder)))
    sys.exit(0 if given.short or all_met(figures) else 1)


async def _run(given: argparse.Namespace, folder: Path) -> list[Figure]:
    library = sample_library(folder)
    figures: list[Figure] = []
    for name in given.only:
        title, measure = MEASURES[name]
        place = folder / name
        place.mkdir()
        others = Others()
        found = [*await measure(place, library, given.short), others.figure()]
        show(title, found)
        if not given.short:
            save(f"bench {name}", found)
        figures += found
    return figures


if __name__ == "__main__":
    main()
