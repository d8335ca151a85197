"""One command, several processes: the web and the worker apart, so that searching never delays an acknowledgement.

Children hang on a lifeline, the pipe that is their standard input: when it closes, because we stop or because we were
killed, they finish what they are doing and leave. The embedded store is stopped last.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import structlog

from bot.embedded import EmbeddedServer
from bot.settings import Settings

log = structlog.get_logger("supervisor")

GRACE_SECONDS = 60.0
"""Longer than a worker's grace and a sender's after it, so that they can hand back what they could not finish."""

DEFAULT_PROCESSES: tuple[tuple[str, ...], ...] = (("web",), ("worker", "sender"))


@dataclass
class _Child:
    roles: tuple[str, ...]
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    back_at: float = field(default=0.0)

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE)

    def dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def cut(self) -> None:
        """Close the lifeline: the child finishes and leaves."""
        if self.process and self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.close()

    def wait(self) -> None:
        if self.process:
            self.process.wait()

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Supervisor:
    """Keeps the store and the children running until told to stop. `say` hears what the store has to tell."""

    def __init__(
        self,
        settings: Settings,
        config: Path | None,
        *,
        say: Callable[[str], None],
        processes: Sequence[tuple[str, ...]] = DEFAULT_PROCESSES,
    ) -> None:
        self._settings = settings
        self._children = [_Child(roles, _command(roles, config)) for roles in processes]
        self._store = None if settings.redis.url else EmbeddedServer(settings.data_dir, say=say)
        self._stop = asyncio.Event()

    async def run(self, ready: Callable[[], None]) -> None:
        """Until SIGINT or SIGTERM. Calls `ready` once, when the pages can be opened."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        if self._store:
            await self._store.start()
        try:
            await self._watch(ready)
        finally:
            await self._stop_children()
            if self._store:
                await self._store.stop()

    async def _watch(self, ready: Callable[[], None]) -> None:
        told = False
        while not self._stop.is_set():
            for child in self._children:
                self._keep(child)
            if not told and await self._serves():
                told = True
                ready()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self._stop.wait()

    def _keep(self, child: _Child) -> None:
        """Start what is not running; one that dies again and again is given longer pauses."""
        now = asyncio.get_running_loop().time()
        if not child.dead() or now < child.back_at:
            return
        if child.process:
            child.deaths += 1
            log.error("process ended", roles=child.roles, code=child.process.returncode)
        child.back_at = now + min(0.5 * 2**child.deaths, 10.0)
        child.start()

    async def _serves(self) -> bool:
        server = self._settings.server
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as session,
                session.get(f"http://{server.host}:{server.port}/readyz") as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _stop_children(self) -> None:
        for child in self._children:
            child.cut()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                for child in self._children:
                    await asyncio.to_thread(child.wait)
        for child in self._children:
            child.kill()


def _command(roles: Sequence[str], config: Path | None) -> list[str]:
    command = [sys.executable, "-m", "bot", "serve", "--supervised"]
    if config:
        command += ["--config", str(config)]
    for role in roles:
        command += ["--role", role]
    return command
