"""The processes under test: their configuration, their start, their end, and what they cost.

A part hangs on a lifeline, the pipe that is its standard input, so that none outlives the run whatever ends it. Only
processes started here are ever signalled.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import uvloop
import yaml

from benchmarks.wire import HOST
from bot.embedded import EmbeddedServer
from tests.simulators.wecom import WeCom
from tests.simulators.wecom_caller import AES_KEY, TOKEN

T = TypeVar("T")

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "deploy" / "sample" / "library"
ACCOUNT = "banshi"
UNIT = "bench"
CALLBACK = f"/callback/wecom-app/{ACCOUNT}"
START_SECONDS = 60.0


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end. Ctrl-C and SIGTERM clear everything away and end the program."""

    async def until_told() -> T:
        task = asyncio.current_task()
        assert task
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return uvloop.run(until_told())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def configuration(
    data_dir: Path, *, port: int, wecom_base: str, model_base: str = "", **sections: Any
) -> dict[str, Any]:
    """One server: one WeCom account, one employee, a model if `model_base` is given. `sections` lie on top."""
    base: dict[str, Any] = {
        "data_dir": str(data_dir),
        "demo": True,
        "server": {"port": port},
        "model": {"base_url": model_base, "api_key": "none", "chat": "scripted"} if model_base else {},
        "platforms": [_account(wecom_base)],
        "employees": [{"id": "xiaofu", "name": "小福"}],
        "units": [{"id": UNIT, "name": "示例区政务服务和数据管理局"}],
    }
    for name, section in sections.items():
        base[name] = {**base.get(name, {}), **section}
    return base


def _account(api_base: str) -> dict[str, Any]:
    corp = WeCom()
    return {
        "kind": "wecom-app",
        "account": ACCOUNT,
        "corp_id": corp.corp_id,
        "agent_id": corp.agent_id,
        "secret": corp.secret,
        "token": TOKEN,
        "aes_key": AES_KEY,
        "api_base": api_base,
        "employee": "xiaofu",
    }


def written(path: Path, settings: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")
    return path


def import_samples(config: Path) -> None:
    """The sample library, read as an operator would. Raises `CalledProcessError` with the command's own words."""
    command = [sys.executable, "-m", "bot", "library", "import", str(SAMPLES), "--config", str(config)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@dataclass(slots=True)
class Part:
    """One process. `kill` and `stop` may be called in any state. What it logs goes to `log`, over all its lives."""

    name: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    _said: int = field(default=0)

    def start(self) -> None:
        self._said = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log)

    async def started(self) -> None:
        """Until this life's log says so. Raises `TimeoutError`, or `RuntimeError` when it ended instead."""
        async with asyncio.timeout(START_SECONDS):
            while not self.ready:
                if not self.alive:
                    raise RuntimeError(f"{self.name} ended at its start; see {self.log}")
                await asyncio.sleep(0.05)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL, and gone when this returns."""
        if self.process and self.alive:
            self.process.kill()
            self.process.wait()

    def stop(self, seconds: float = 15.0) -> None:
        """Cut the lifeline and wait; killed when that takes too long."""
        if self.process and self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        self.kill()

    def cpu_seconds(self) -> float:
        """User and system time of this life so far."""
        assert self.process
        return cpu_seconds(self.process.pid)

    @property
    def ready(self) -> bool:
        """Whether this life has said that it started."""
        with self.log.open("rb") as log:
            log.seek(self._said)
            return b'"event": "started"' in log.read()


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def role_part(name: str, roles: Sequence[str], config: Path, log: Path) -> Part:
    """One process with these roles, as the supervisor would start it."""
    command = [sys.executable, "-m", "bot", "serve", "--supervised", "--config", str(config)]
    return Part(name, [*command, *(word for role in roles for word in ("--role", role))], log)


@asynccontextmanager
async def running(parts: Sequence[Part]) -> AsyncIterator[None]:
    """All of them started, not yet ready, while inside; stopped side by side afterwards."""
    try:
        for part in parts:
            part.start()
        yield
    finally:
        await asyncio.gather(*(asyncio.to_thread(part.stop) for part in parts))


@asynccontextmanager
async def valkey(
    data_dir: Path, environ: dict[str, str] | None = None, **settings: str
) -> AsyncIterator[EmbeddedServer]:
    """A store of its own while inside; it listens at `url_of(data_dir)`."""
    server = EmbeddedServer(data_dir, settings=settings, environ=environ)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@dataclass(slots=True)
class Whole:
    """`bangban serve` as one installs it: supervisor, children and store; killed as a whole."""

    config: Path
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "bot", "serve", "--config", str(self.config)]
            self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill_all(self) -> int:
        """SIGKILL to the supervisor and everything below it, the store too; how many processes that were."""
        if self.process is None or self.process.poll() is not None:
            return 0
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.send_signal(signal.SIGKILL)
        psutil.wait_procs(family, timeout=10)
        self.process.wait()
        return len(family)

    def stop(self) -> None:
        """As Ctrl-C would; killed when that takes longer than a minute."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill_all()
