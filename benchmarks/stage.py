"""Everything on one machine: store, parts, platform, model and library, set up for a scenario and cleared away."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.processes import (
    Part,
    configuration,
    cpu_seconds,
    free_port,
    import_samples,
    role_part,
    running,
    valkey,
    written,
)
from benchmarks.talk import WatchedWeCom
from benchmarks.wire import Door, until_up
from bot.embedded import EmbeddedServer, url_of
from tests.simulators import deepseek, wecom
from tests.simulators.deepseek import DeepSeek, Script

AT_ONCE = Script()
_WAITING = re.compile(r"^bangban_waiting\{.*\} (\S+)$", re.MULTILINE)
_EVENT = re.compile(r'^bangban_events_total\{detail="([^"]*)",kind="([^"]*)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything is up. `doors` are the web replicas; `parts` begin with them."""

    wecom: WatchedWeCom
    model: DeepSeek
    doors: tuple[Door, ...]
    parts: tuple[Part, ...]
    store: EmbeddedServer

    async def events(self) -> dict[str, int]:
        """What /metrics counts, `kind` or `kind:detail`."""
        _, text = await self.doors[0].get("/metrics")
        found = _EVENT.findall(text)
        return {f"{kind}:{detail}" if detail else kind: round(float(count)) for detail, kind, count in found}

    async def idle(self) -> bool:
        """Whether nothing waits, neither to be answered nor to be sent."""
        status, text = await self.doors[0].get("/metrics")
        return status == 200 and {float(count) for count in _WAITING.findall(text)} == {0.0}

    async def settled(self, seconds: float = 60.0) -> None:
        """Until nothing waits. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds):
            while not await self.idle():
                await asyncio.sleep(0.05)

    def web_cpu(self) -> float:
        return sum(part.cpu_seconds() for part in self.parts[: len(self.doors)])

    def cpu(self) -> float:
        """Seconds of everything that is ours, the store too."""
        return sum(part.cpu_seconds() for part in self.parts) + cpu_seconds(self.store.pid)


def sample_library(folder: Path) -> Path:
    """A data directory with the sample library in it, to be copied from."""
    config = written(folder / "import.yaml", configuration(folder / "samples", port=0, wecom_base="http://127.0.0.1:1"))
    import_samples(config)
    return folder / "samples" / "library"


def copied(library: Path, folder: Path) -> None:
    """The library where a server with `folder / "data"` looks for it."""
    shutil.copytree(library, folder / "data" / "library")


@asynccontextmanager
async def stage(
    folder: Path,
    library: Path,
    *,
    script: Script = AT_ONCE,
    webs: int = 1,
    others: Sequence[tuple[str, ...]] = (("worker", "sender"),),
    store: Mapping[str, Any] = MappingProxyType({}),
    **sections: dict[str, Any],
) -> AsyncIterator[Stage]:
    """One scenario in `folder`. `store` is what `valkey` is given, `sections` lie over every part's configuration."""
    copied(library, folder)
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(deepseek.running(DeepSeek(usual=script)))
        corp = WatchedWeCom()
        await stack.enter_async_context(wecom.running(corp))
        server = await stack.enter_async_context(valkey(folder / "data", **store))
        sections = {"redis": {"url": url_of(folder / "data")}, **sections}
        ports = [free_port() for _ in range(webs)]
        parts = _parts(folder, ports, others, wecom_base=corp.base, model_base=model.base, **sections)
        await stack.enter_async_context(running(parts))
        await _ready(parts, ports)
        doors = tuple(Door(port) for port in ports)
        yield Stage(corp, model, doors, tuple(parts), server)
        for door in doors:
            door.close()


async def _ready(parts: Sequence[Part], ports: Sequence[int]) -> None:
    await asyncio.gather(*(part.started() for part in parts))
    await asyncio.gather(*(until_up(port) for port in ports))


def _parts(folder: Path, ports: Sequence[int], others: Sequence[tuple[str, ...]], **settings: Any) -> list[Part]:
    """The web replicas, each on a port of its own, then the others."""
    found = []
    for n, (roles, port) in enumerate(
        [*((("web",), port) for port in ports), *((roles, ports[0]) for roles in others)]
    ):
        name = f"{n}-{'-'.join(roles)}"
        config = written(folder / f"{name}.yaml", configuration(folder / "data", port=port, **settings))
        found.append(role_part(name, roles, config, folder / f"{name}.log"))
    return found
