"""What an idle conversation occupies in the store: everything that five answered turns leave behind."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import redis.asyncio as redis

from benchmarks.chat import Visitor
from benchmarks.figures import Figure, at_most
from benchmarks.processes import ROOT, UNIT
from benchmarks.stage import Stage, stage
from benchmarks.streaming import NO_GAP
from benchmarks.talk import Writer, people

TURNS = 5
_SHARED = ("counts", "token", "in:leases", "out:leases", "in:due", "out:due")
"""One of each for the whole tenant."""


async def measure(folder: Path, library: Path, count: int) -> list[Figure]:
    """Without a model, so that the remembered answers are real prose; real questions, each person's different."""
    questions = _questions()
    async with stage(folder, library, conversation=NO_GAP, model={"base_url": "", "api_key": ""}) as on:
        await _members(on, questions, count)
        members = await _occupied(on)
        await _visitors(on, questions, count)
        everything = await _occupied(on)
    visitors = everything - members
    return [
        at_most("bytes per idle WeCom conversation", members.total() / count, 4096, "B"),
        *(Figure(f"  {kind}", size / count, "B") for kind, size in members.most_common()),
        Figure("bytes per idle chat page conversation", visitors.total() / count, "B"),
        *(Figure(f"  page {kind}", size / count, "B") for kind, size in visitors.most_common()),
    ]


def _questions() -> list[str]:
    lines = (ROOT / "deploy" / "sample" / "questions.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines]


async def _members(on: Stage, questions: list[str], count: int) -> None:
    writer = Writer()
    for turn in range(TURNS):
        asked = [writer.say(user, questions[(n + 7 * turn) % len(questions)]) for n, user in enumerate(people(count))]
        await asyncio.gather(*(on.doors[0].post(question.data) for question in asked))
        await on.settled()


async def _visitors(on: Stage, questions: list[str], count: int) -> None:
    visitors = [await Visitor.arrive(on.doors[0]) for _ in range(count)]
    for turn in range(TURNS):
        for n, visitor in enumerate(visitors):
            await visitor.say(questions[(n + 7 * turn) % len(questions)])
        await on.settled()
    for visitor in visitors:
        visitor.stream.close()


async def _occupied(on: Stage) -> Counter[str]:
    """Bytes by kind of key, what all conversations share left out."""
    store = redis.Redis(unix_socket_path=str(on.store.socket))
    found: Counter[str] = Counter()
    async for key in store.scan_iter(match=f"{{{UNIT}}}:*", count=1000):
        name = key.decode().partition(":")[2]
        if not name.startswith(_SHARED):
            found[name.partition(":")[0]] += await store.memory_usage(key, samples=0) or 0
    await store.aclose()
    return found
