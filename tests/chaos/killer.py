"""Kills what the harness itself has started, at moments a seed decides, and starts it again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from benchmarks.stage import Stage
from benchmarks.talk import until
from tests.chaos.plug import Plug

STORE = "valkey"
READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Kill:
    """One process that got SIGKILL. Seconds since the epoch."""

    time: float
    name: str


@dataclass(slots=True)
class Killer:
    """`moments` counts the blows, `kills` the processes they hit; a power cut hits several at one moment. `fallen` are
    those that ended by themselves, as they do when they start while the store is away.
    """

    on: Stage
    plug: Plug
    chance: random.Random
    kills: list[Kill] = field(default_factory=list)
    moments: int = 0
    cuts: int = 0
    fallen: int = 0

    async def strike(self, times: int) -> None:
        """One process at a time, each kind in its turn, each only once it works again."""
        for name in self._victims(times):
            await asyncio.sleep(self.chance.uniform(0.3, 1.5))
            await self._until_works(name)
            self.moments += 1
            self._kill([name])

    async def cut_power(self, times: int) -> None:
        """The store with its unflushed bytes, and with it everything or whatever shared its socket."""
        for _ in range(times):
            for name in self._names():
                await self._until_works(name)
            await asyncio.sleep(self.chance.uniform(0.5, 2.5))
            others = [part.name for part in self.on.parts]
            self.pull(others if self.chance.random() < 0.5 else self.chance.sample(others, 2))

    def pull(self, others: Sequence[str]) -> None:
        """The plug of the store's machine, which carries `others` as well."""
        self.moments += 1
        self.cuts += 1
        self.plug.pull()
        self._kill([STORE, *others])

    async def keep_up(self) -> None:
        """Until cancelled: start again what fell, as the supervisor would."""
        while True:
            await asyncio.sleep(0.3)
            for part in self.on.parts:
                if not part.alive:
                    self.fallen += 1
                    part.start()

    async def everything_works(self) -> None:
        for name in self._names():
            await self._until_works(name)

    def of_sending(self) -> list[float]:
        """When something was killed that may break a send call: its sender, or the store before the commit."""
        return [kill.time for kill in self.kills if kill.name == STORE or "sender" in kill.name]

    def _victims(self, times: int) -> Iterator[str]:
        """Every name once, in random order, and again."""
        bag: list[str] = []
        for _ in range(times):
            if not bag:
                bag = self.chance.sample(self._names(), len(self._names()))
            yield bag.pop()

    def _names(self) -> list[str]:
        return [*(part.name for part in self.on.parts), STORE]

    def _kill(self, names: Sequence[str]) -> None:
        """All of them first, then up again: nobody sees the others' end and lives. The store's owner restarts it."""
        parts = [part for part in self.on.parts if part.name in names]
        if STORE in names:
            self._kill_store()
        for part in parts:
            part.kill()
            self.kills.append(Kill(time.time(), part.name))
        for part in parts:
            part.start()

    def _kill_store(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.on.store.pid, signal.SIGKILL)
            self.kills.append(Kill(time.time(), STORE))

    async def _until_works(self, name: str) -> None:
        """Raises `RuntimeError` when it does not within half a minute."""
        if name == STORE:
            works = await self._store_works()
        else:
            part = next(part for part in self.on.parts if part.name == name)
            works = await until(lambda: part.ready and part.alive, READY_SECONDS)
        if not works:
            raise RuntimeError(f"{name} did not come back within {READY_SECONDS:g} s")

    async def _store_works(self) -> bool:
        """Until a web replica can read from it."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            for door in self.on.doors:
                if (await door.get("/readyz"))[0] == 200:
                    return True
            await asyncio.sleep(0.05)
        return False
