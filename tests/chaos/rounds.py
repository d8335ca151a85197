"""The rounds: plain kills, then power cuts, then a control that must lose something."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, at_least, console, exactly
from benchmarks.scenarios import inside_a_send
from benchmarks.stage import Stage, sample_library, stage
from benchmarks.talk import Writer, answered_ids, judge, people, until
from bot.store import ACCEPT_LOSS
from tests.chaos.killer import Killer
from tests.chaos.plug import Plug
from tests.chaos.traffic import Traffic
from tests.simulators.deepseek import Script
from tests.simulators.wecom import Fault

TALK = {"lease": 3.0, "quiet": 0.3, "gather": 1.0}
SCRIPT = Script(delay=0.1)
SEND_SECONDS = 0.15
"""The platform takes its time, so that some kills fall inside a send."""
OTHERS = (("worker",), ("worker",), ("sender",), ("sender",))
DRAIN_SECONDS = 45.0
STRIKE_SECONDS = 1.6
CUT_SECONDS = 6.0
CONTROL_SECONDS = 9.0
"""About how long one kill, one power cut with its restarts and the whole control take."""


@dataclass(frozen=True, slots=True)
class Round:
    """`strikes` single kills, then `cuts` of the power, while `messages` arrive."""

    messages: int
    strikes: int
    cuts: int

    @property
    def seconds(self) -> float:
        return self.strikes * STRIKE_SECONDS + self.cuts * CUT_SECONDS


@dataclass(frozen=True, slots=True)
class Plan:
    conversations: int
    rounds: tuple[Round, ...]
    control_messages: int


FULL = Plan(200, (Round(600, 13, 0), Round(600, 13, 0), Round(450, 0, 4), Round(450, 0, 4)), 300)
SHORT = Plan(200, (Round(300, 8, 0), Round(220, 0, 3)), 150)


@dataclass(frozen=True, slots=True)
class Report:
    """`claims` must hold and `control` must show a loss; `done` only informs."""

    done: list[Figure]
    control: list[Figure]
    claims: list[Figure]


async def play(plan: Plan, seed: int, folder: Path) -> Report:
    """Raises `NoCompiler` before anything is started."""
    chance = random.Random(seed)
    plugs = [Plug.built(_made(folder / name)) for name in ("main", "control")]
    library = sample_library(folder)
    done, claims = await _main(plan, chance, plugs[0], library)
    control = await _control(plan, chance, plugs[1], library)
    return Report([Figure("seed", seed), *done], control, claims)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _stage(plug: Plug, library: Path, **options: Any) -> Any:
    store = {"environ": plug.environ, **options.pop("store", {})}
    return stage(plug.folder, library, script=SCRIPT, webs=2, store=store, conversation=TALK, **options)


# --- the rounds that must lose nothing ----------------------------------------------------------


async def _main(plan: Plan, chance: random.Random, plug: Plug, library: Path) -> tuple[list[Figure], list[Figure]]:
    async with _stage(plug, library, others=OTHERS) as on:
        on.wecom.faults.append(Fault("message/send", -1, delay=SEND_SECONDS))
        killer = Killer(on, plug, chance)
        traffic = Traffic(on.doors, Writer(), chance)
        async with _kept_up(killer):
            for n, round_ in enumerate(plan.rounds, start=1):
                await _round(n, round_, plan.conversations, killer, traffic)
        idle = await _idle(on)
        claims = _claims(plan, on, killer, traffic, await on.events(), idle=idle)
    return _done(on, killer, traffic, plug), claims


@asynccontextmanager
async def _kept_up(killer: Killer) -> AsyncIterator[None]:
    keeping = asyncio.create_task(killer.keep_up())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _round(n: int, round_: Round, conversations: int, killer: Killer, traffic: Traffic) -> None:
    start = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(traffic.flow(people(conversations), round_.messages, round_.seconds))
        group.create_task(_blows(round_, killer))
    await killer.everything_works()
    wanted = {question.id for question in traffic.asked if question.acked}
    whole = await until(lambda: wanted <= answered_ids(killer.on.wecom.shown), DRAIN_SECONDS, pause=0.2)
    kind = "power cuts" if round_.cuts else "kills"
    missing = len(wanted - answered_ids(killer.on.wecom.shown))
    told = "all answered" if whole else f"{missing} unanswered"
    console.print(f"round {n} ({kind}): {round_.messages} messages, {told}, {time.monotonic() - start:.0f} s")


async def _blows(round_: Round, killer: Killer) -> None:
    await killer.strike(round_.strikes)
    await killer.cut_power(round_.cuts)


async def _idle(on: Stage, seconds: float = DRAIN_SECONDS) -> bool:
    end = time.monotonic() + seconds
    while not await on.idle():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.1)
    return True


def _done(on: Stage, killer: Killer, traffic: Traffic, plug: Plug) -> list[Figure]:
    cut = plug.bytes_cut()
    return [
        Figure("messages", len(traffic.asked)),
        Figure("conversations", len({question.user for question in traffic.asked})),
        Figure("callbacks posted", traffic.posts),
        Figure("blows", killer.moments),
        Figure("processes killed", len(killer.kills)),
        *(Figure(f"  {name}", count) for name, count in _by_kind(killer).items()),
        Figure("processes that fell because the store was away", killer.fallen),
        Figure("power cuts", killer.cuts),
        Figure("power cuts that found unflushed bytes", sum(size > 0 for size in cut)),
        Figure("sends repeated because a kill fell inside", len(on.wecom.repeats())),
        Figure("  hidden by the platform's duplicate check", on.wecom.counts["hidden"]),
    ]


def _by_kind(killer: Killer) -> dict[str, int]:
    kinds = [kill.name.split("-")[-1] for kill in killer.kills]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def _claims(
    plan: Plan, on: Stage, killer: Killer, traffic: Traffic, events: dict[str, int], *, idle: bool
) -> list[Figure]:
    result = judge(traffic.asked, on.wecom.shown)
    count = sum(round_.messages for round_ in plan.rounds)
    blows = sum(round_.strikes + round_.cuts for round_ in plan.rounds)
    stray = [repeat for repeat in on.wecom.repeats() if not inside_a_send(repeat, killer.of_sending())]
    errors = sum(count for name, count in events.items() if name.startswith("outcome:error_"))
    return [
        exactly("callbacks never acknowledged", traffic.refused, 0),
        exactly("messages acknowledged", result.acked, count),
        exactly("acknowledged, not answered", len(result.unanswered), 0),
        exactly("answered twice", len(result.twice), 0),
        exactly("answered out of order", len(result.disordered), 0),
        exactly("answered to another person", len(result.misdirected), 0),
        exactly("counted as accepted", events.get("accepted", 0), count),
        exactly("counted as committed", events.get("committed", 0), count),
        exactly("outcomes error_*", errors, 0),
        exactly("sends repeated without a kill inside", len(stray), 0),
        exactly("dropped by the platform's own limits", on.wecom.counts["dropped"], 0),
        exactly("left waiting at the end", 0 if idle else 1, 0),
        at_least("blows", killer.moments, blows),
    ]


# --- the control --------------------------------------------------------------------------------


async def _control(plan: Plan, chance: random.Random, plug: Plug, library: Path) -> list[Figure]:
    """One power cut in the middle of the traffic, on a store that flushes once a second."""
    async with _stage(plug, library, store={"appendfsync": "everysec"}, redis={"accept_loss": ACCEPT_LOSS}) as on:
        killer, traffic = Killer(on, plug, chance), Traffic(on.doors, Writer(), chance)
        flow = asyncio.create_task(traffic.flow(people(plan.conversations), plan.control_messages, CONTROL_SECONDS))
        await asyncio.sleep(CONTROL_SECONDS / 3)
        async with _kept_up(killer):
            killer.pull([part.name for part in on.parts])
            await flow
            await killer.everything_works()
            await _idle(on)
    result = judge(traffic.asked, on.wecom.shown)
    return [
        Figure("acknowledged", result.acked),
        Figure("acknowledged, not answered", len(result.unanswered)),
        Figure("answered twice", len(result.twice)),
        Figure("bytes cut", sum(plug.bytes_cut())),
        at_least("lost or doubled", len(result.unanswered) + len(result.twice), 1),
    ]
