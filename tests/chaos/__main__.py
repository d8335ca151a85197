"""`make chaos`: SIGKILL and power cuts at random moments; nothing acknowledged may be lost, doubled or out of order.

    python -m tests.chaos [--short] [--seed N]

Only processes started here are killed; everything is cleared away at the end, also after Ctrl-C.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import console, show
from benchmarks.processes import run
from tests.chaos.plug import NoCompiler
from tests.chaos.rounds import FULL, SHORT, Report, play


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill everything at random moments and count what was lost")
    parser.add_argument("--short", action="store_true", help="fewer messages and kills")
    parser.add_argument("--seed", type=int, default=20260101, help="decides what is killed when")
    given = parser.parse_args()
    # The simulators' server tells of every caller that is killed while it speaks.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="bangban-chaos-", ignore_cleanup_errors=True) as folder:
        try:
            report = run(play(SHORT if given.short else FULL, given.seed, Path(folder)))
        except NoCompiler as error:
            sys.exit(str(error))
    sys.exit(_told(report))


def _told(report: Report) -> int:
    show("what was done", report.done)
    show("control: the same with appendfsync everysec, to see that a loss would be seen", report.control)
    show("what must hold", report.claims)
    failed = sum(not claim.met for claim in (*report.claims, *report.control))
    passed = len(report.claims) + len(report.control) - failed
    console.print(f"chaos: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    main()
