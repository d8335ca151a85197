"""First words and many streams, as the chat page's readers see them."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chat import Visitor
from benchmarks.figures import Figure, at_most, exactly, percentile
from benchmarks.processes import cpu_seconds
from benchmarks.stage import Stage, stage
from benchmarks.talk import QUESTIONS
from tests.simulators.deepseek import Script

THINKING = Script(delay=0.3, rate=20.0)
MODEL_SECONDS = THINKING.delay + 1 / THINKING.rate
"""Before the scripted model's first word."""
NO_GAP = {"quiet": 0, "gather": 0}
SENTENCE = "按照政策文件的规定，符合条件的人员可以向户籍所在地的街道提出申请⟦S1⟧。"
ARRIVALS = 50.0
"""People a second."""
ANSWER_SECONDS = 60.0


async def first_words(folder: Path, library: Path, samples: int) -> list[Figure]:
    """One question at a time on a warm server, the quiet gap switched off."""
    async with stage(folder, library, script=THINKING, conversation=NO_GAP) as on:
        added = [await _first_word(on, n) - MODEL_SECONDS for n in range(samples + 5)][5:]
    return [
        at_most("time added to first words p50", percentile(added, 50) * 1000, 50, "ms"),
        Figure("time added to first words p99", percentile(added, 99) * 1000, "ms"),
    ]


async def _first_word(on: Stage, n: int) -> float:
    """Seconds from the post to the first visible word."""
    visitor = await Visitor.arrive(on.doors[0])
    await visitor.say(QUESTIONS[n % len(QUESTIONS)])
    at = await visitor.stream.first("delta", visitor.posted, ANSWER_SECONDS)
    await visitor.stream.first("reply", visitor.posted, ANSWER_SECONDS)
    visitor.stream.close()
    return at - visitor.posted


async def many_streams(folder: Path, library: Path, count: int, sentences: int) -> list[Figure]:
    """`count` people ask one after the other while every answer goes on; one worker writes them all, about thirty
    characters a second each.
    """
    said = _tokens(SENTENCE * sentences, 6)
    script = Script(said=said, delay=1.0, rate=5.0)
    async with stage(folder, library, script=script, model={"max_concurrency": count}) as on:
        visitors = [await Visitor.arrive(on.doors[0]) for _ in range(count)]
        before = _cpu(on)
        for n, visitor in enumerate(visitors):
            await visitor.say(QUESTIONS[n % len(QUESTIONS)])
            await asyncio.sleep(1 / ARRIVALS)
        await asyncio.gather(*(v.stream.first("reply", v.posted, 2 * ANSWER_SECONDS) for v in visitors))
        spent = {name: seconds - before[name] for name, seconds in _cpu(on).items()}
        most = on.model.most_running
    gaps = [max(_gaps(visitor)) for visitor in visitors]
    waits = [visitor.stream.times("delta")[0] - visitor.posted for visitor in visitors]
    length = max(v.stream.times("reply")[0] for v in visitors) - visitors[0].posted
    return [
        exactly("answers streaming at once", most, count),
        exactly("streams that ended in a reply", sum(bool(v.stream.times("reply")) for v in visitors), count),
        at_most("longest stall", max(gaps), 1, "s"),
        Figure("longest stall of the median stream", percentile(gaps, 50), "s"),
        Figure("first words p99, quiet gap and model included", percentile(waits, 99), "s"),
        *(Figure(f"CPU of the {name} while streaming", seconds / length * 100, "%") for name, seconds in spent.items()),
    ]


def _cpu(on: Stage) -> dict[str, float]:
    """Seconds so far; the harness plays the model and the readers."""
    web, worker = (part.cpu_seconds() for part in on.parts)
    return {"web": web, "worker": worker, "store": cpu_seconds(on.store.pid), "harness": cpu_seconds(os.getpid())}


def _gaps(visitor: Visitor) -> Sequence[float]:
    """Seconds between what the reader saw of the answer, from its first word to the reply."""
    seen = visitor.stream.times("delta", "reply")
    return [later - earlier for earlier, later in itertools.pairwise(seen)] or [0.0]


def _tokens(text: str, size: int) -> tuple[str, ...]:
    return tuple(text[at : at + size] for at in range(0, len(text), size))
