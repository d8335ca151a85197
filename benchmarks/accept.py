"""The accept path against its floor: the same generator, store and event loop, one server at a time, interleaved."""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio as redis

from benchmarks.figures import Figure, at_least, at_most, percentile
from benchmarks.processes import Part, configuration, free_port, role_part, running, valkey, written
from benchmarks.talk import Writer, people
from benchmarks.wire import Answer, Door, closed_loop, open_loop, until_up
from bot.embedded import url_of
from tests.simulators.wecom_caller import AES_KEY

CONNECTIONS = 32
PEOPLE = 250
"""Fewer than the backlog after which people are told to wait: nobody answers here, so all of them would be."""
WARM_UP = 500


@dataclass(frozen=True, slots=True)
class Size:
    runs: int
    peak_posts: int
    steady_seconds: float


FULL = Size(runs=5, peak_posts=6000, steady_seconds=3.0)
SHORT = Size(runs=3, peak_posts=2000, steady_seconds=1.5)


@dataclass(slots=True)
class Contender:
    """One server and what was measured of it, a value a run: posts a second, seconds."""

    name: str
    door: Door
    peaks: list[float]
    p50s: list[float]
    p99s: list[float]

    def median(self, values: Sequence[float]) -> float:
        return statistics.median(values)


async def measure(folder: Path, size: Size) -> list[Figure]:
    async with valkey(folder / "data") as server, _contenders(folder, url_of(folder / "data")) as (floor, ours):
        store = redis.Redis(unix_socket_path=str(server.socket))
        for contender in (floor, ours):
            await _closed(contender, WARM_UP)
        for run in range(size.runs):
            order = (floor, ours) if run % 2 == 0 else (ours, floor)
            for contender in order:
                await store.flushall()
                contender.peaks.append(await _closed(contender, size.peak_posts))
            rate = floor.peaks[-1] / 2
            for contender in order:
                await store.flushall()
                await _half_load(contender, rate, size.steady_seconds)
        await store.aclose()
    return _figures(floor, ours)


def _figures(floor: Contender, ours: Contender) -> list[Figure]:
    peak, base = ours.median(ours.peaks), floor.median(floor.peaks)
    p99, base_p99 = ours.median(ours.p99s) * 1000, floor.median(floor.p99s) * 1000
    return [
        Figure("baseline posts/s", base),
        Figure("accept path posts/s", peak),
        at_least("throughput ratio (goal 0.9)", peak / base, 0.7),
        Figure("baseline p50 at half of its peak", floor.median(floor.p50s) * 1000, "ms"),
        Figure("accept path p50 at the same rate", ours.median(ours.p50s) * 1000, "ms"),
        Figure("baseline p99 at half of its peak", base_p99, "ms"),
        Figure("accept path p99 at the same rate", p99, "ms"),
        at_most("p99 ratio", p99 / base_p99, 2.0),
    ]


async def _closed(contender: Contender, posts: int) -> float:
    """Posts a second with every connection always busy."""
    answers = await closed_loop(contender.door, _requests(posts), CONNECTIONS)
    _require_accepted(contender, answers)
    return len(answers) / max(answer.at for answer in answers)


async def _half_load(contender: Contender, rate: float, seconds: float) -> None:
    requests = _requests(int(rate * seconds))
    answers = await open_loop([(contender.door, data) for data in requests], rate)
    _require_accepted(contender, answers)
    took = [answer.took for answer in answers]
    contender.p50s.append(percentile(took, 50))
    contender.p99s.append(percentile(took, 99))


def _requests(count: int) -> list[bytes]:
    """Signed anew each time: no id twice, no timestamp old."""
    writer, users = Writer(), people(PEOPLE)
    return [writer.ask(users[n % PEOPLE]).data for n in range(count)]


def _require_accepted(contender: Contender, answers: Sequence[Answer]) -> None:
    refused = [answer.status for answer in answers if answer.status != 200]
    if refused:
        raise RuntimeError(f"{contender.name} answered {len(refused)} of {len(answers)} with {set(refused)}")


@asynccontextmanager
async def _contenders(folder: Path, url: str) -> AsyncIterator[tuple[Contender, Contender]]:
    ports = free_port(), free_port()
    baseline = [sys.executable, str(Path(__file__).parent / "baseline.py"), str(ports[0]), url.removeprefix("unix://")]
    floor = Part("baseline", [*baseline, AES_KEY], folder / "baseline.log")
    settings = configuration(
        folder / "data", port=ports[1], wecom_base="http://127.0.0.1:1", redis={"url": url}, log={"level": "warning"}
    )
    ours = role_part("web", ["web"], written(folder / "web.yaml", settings), folder / "web.log")
    async with running([floor, ours]):
        await asyncio.gather(until_up(ports[0]), until_up(ports[1]))
        yield Contender("baseline", Door(ports[0]), [], [], []), Contender("accept path", Door(ports[1]), [], [], [])
