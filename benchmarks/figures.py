"""Figures, their bars, the table a person reads and the file a script reads."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results.json"
console = Console(width=120, highlight=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `bar` says in words what is required; without a bar the figure only informs."""

    name: str
    value: float
    unit: str = ""
    bar: str = ""
    met: bool = True

    @property
    def shown(self) -> str:
        number = f"{self.value:,.0f}" if self.value == int(self.value) or self.value >= 1000 else f"{self.value:,.2f}"
        return f"{number} {self.unit}".strip()


def at_most(name: str, value: float, bar: float, unit: str = "") -> Figure:
    return Figure(name, value, unit, f"≤ {bar:g} {unit}".strip(), value <= bar)


def at_least(name: str, value: float, bar: float, unit: str = "") -> Figure:
    return Figure(name, value, unit, f"≥ {bar:g} {unit}".strip(), value >= bar)


def exactly(name: str, value: float, bar: float, unit: str = "") -> Figure:
    return Figure(name, value, unit, f"= {bar:g} {unit}".strip(), value == bar)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that is not below `percent` of them (nearest rank); 0 of nothing."""
    if not values:
        return 0.0
    rank = max(1, math.ceil(len(values) * percent / 100))
    return sorted(values)[rank - 1]


class Others:
    """What share of the machine others used meanwhile: a figure from a machine that was not ours says little. Counts
    our own once they have ended.
    """

    def __init__(self) -> None:
        self._start = _busy(), _own(), time.monotonic()

    def figure(self) -> Figure:
        busy, own, start = self._start
        taken = (_busy() - busy) - (_own() - own)
        share = taken / (time.monotonic() - start) / (os.cpu_count() or 1)
        return Figure("machine used by others meanwhile", max(share, 0) * 100, "%")


def _busy() -> float:
    """Seconds of all processors."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def _own() -> float:
    """Seconds of this process and of its children that were waited for."""
    return sum(os.times()[:4])


def show(title: str, figures: Sequence[Figure]) -> None:
    table = Table("figure", "value", "bar", "", title=title, title_justify="left")
    for figure in figures:
        verdict = "" if not figure.bar else "met" if figure.met else "MISSED"
        table.add_row(figure.name, figure.shown, figure.bar, verdict)
    console.print(table)


def all_met(figures: Sequence[Figure]) -> bool:
    return all(figure.met for figure in figures)


def save(section: str, figures: Sequence[Figure], *, path: Path = RESULTS) -> None:
    """Lay one section over the file; the others stay as they were measured."""
    known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    known["machine"] = machine()
    known[section] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["python", "-m", f"benchmarks.{Path(sys.argv[0]).stem}", *sys.argv[1:]]),
        "figures": {
            figure.name: {"value": round(figure.value, 3), "unit": figure.unit, "bar": figure.bar, "met": figure.met}
            for figure in figures
        },
    }
    path.write_text(json.dumps(known, ensure_ascii=False, indent=2, sort_keys=True) + "\n", "utf-8")


def machine() -> dict[str, object]:
    """What a reader must know about the machine, and not its name."""
    return {
        "processors": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }
