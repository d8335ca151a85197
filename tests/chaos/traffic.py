"""What the platform does meanwhile: callbacks in parallel to both replicas, repeated until one is acknowledged, and
sometimes once more long after.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.talk import Question, Writer
from benchmarks.wire import Door

PATIENCE_SECONDS = 60.0
"""How long a callback is repeated before the run counts it as refused."""


@dataclass(slots=True)
class Traffic:
    """`asked` is in the order the people wrote; per person a message begins after the one before was acknowledged."""

    doors: Sequence[Door]
    writer: Writer
    chance: random.Random
    asked: list[Question] = field(default_factory=list)
    posts: int = 0
    refused: int = 0
    stopped: bool = False
    _late: set[asyncio.Task[None]] = field(default_factory=set)

    async def flow(self, people: Sequence[str], messages: int, seconds: float) -> None:
        """`messages` shared out among `people` over about `seconds`, some in bursts and some far apart."""
        shares = {person: messages // len(people) for person in people}
        for person in self.chance.sample(list(people), messages % len(people)):
            shares[person] += 1
        await asyncio.gather(*(self._person(person, count, seconds) for person, count in shares.items()))
        await asyncio.gather(*self._late)

    async def _person(self, person: str, count: int, seconds: float) -> None:
        await asyncio.sleep(self.chance.uniform(0, seconds * 0.7))
        for _ in range(count):
            if self.stopped:
                return
            question = self.writer.ask(person)
            self.asked.append(question)
            await self._deliver(question)
            burst = self.chance.random() < 0.5
            await asyncio.sleep(self.chance.uniform(0, 0.1) if burst else self.chance.uniform(0.5, seconds * 0.3))

    async def _deliver(self, question: Question) -> None:
        question.posted = time.time()
        end = time.monotonic() + PATIENCE_SECONDS
        while not await self._post(question, copies=self.chance.choice((1, 2, 2, 3))):
            if self.stopped or time.monotonic() > end:
                self.refused += not self.stopped
                return
            await asyncio.sleep(self.chance.uniform(0.5, 1.0))
        question.acked = time.time()
        if self.chance.random() < 0.2:
            task = asyncio.create_task(self._repeat(question))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    async def _repeat(self, question: Question) -> None:
        await asyncio.sleep(self.chance.uniform(1, 4))
        await self._post(question, copies=1)

    async def _post(self, question: Question, copies: int) -> bool:
        """Side by side to the replicas in turn; whether any was acknowledged."""
        first = self.chance.randrange(len(self.doors))
        doors = (self.doors[(first + copy) % len(self.doors)] for copy in range(copies))
        statuses = await asyncio.gather(*(door.post(question.data) for door in doors))
        self.posts += copies
        return 200 in statuses
