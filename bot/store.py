"""The connection to the store: one client, the scripts, and the durability it must prove before it is trusted."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Self

import redis.asyncio as redis
from redis import DriverInfo
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004 - the name the library gives it
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004
)

from bot.errors import ConfigurationError, StoreUnavailable

ACCEPT_LOSS = "acknowledged messages may be lost"
"""What an operator must write under `redis.accept_loss` to run on a store that is not durable."""

LISTEN_SECONDS = 30.0
AWAY_SECONDS = 0.25
"""How long to wait before looking for a store that is away."""

_CANNOT_WRITE = ("MISCONF", "READONLY", "OOM", "LOADING", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN")


@lru_cache(maxsize=64)
def _script(name: str) -> tuple[str, str]:
    """The text of one script, the lane's functions before it, and its SHA-1."""
    folder = resources.files("bot") / "lua"
    text = (folder / "lane.lua").read_text("utf-8") + (folder / f"{name}.lua").read_text("utf-8")
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@contextmanager
def translated() -> Iterator[None]:
    """Turn the library's errors into ours, cause kept."""
    try:
        yield
    except (RedisError, OSError) as error:
        ours = _ours(error)
        if ours is error:
            raise
        raise ours from error


def _ours(answer: Any) -> Any:
    """An error of the library as ours; anything else as it is."""
    match answer:
        case BusyLoadingError() | ReadOnlyError() | OutOfMemoryError():
            return StoreUnavailable("the store takes no writes right now")
        case ConnectionError() | TimeoutError() | OSError():
            return StoreUnavailable("the store cannot be reached")
        # A script reports the refusal of an inner command in its own words, so the code may stand anywhere.
        case ResponseError() if any(code in str(answer) for code in _CANNOT_WRITE):
            return StoreUnavailable("the store takes no writes right now")
    return answer


class Store:
    """One connection pool and the tenant's key prefix. Close it last."""

    def __init__(self, client: redis.Redis, unit: str) -> None:
        self.redis = client
        self.unit = "{" + unit + "}"
        self._execute: Callable[..., Awaitable[Any]] = client.execute_command
        self._shared: dict[str, _Shared] = {}

    @classmethod
    def at(cls, url: str, unit: str, *, connections: int = 512) -> Self:
        """A store at redis://, rediss://, unix:// or redis+sentinel://host:port,host:port/service. Connects on use."""
        options: dict[str, Any] = {
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            # A script that may have run must not run twice behind our back; the callers know what to repeat.
            "retry": Retry(NoBackoff(), 0),
            # Made once: each connection would read the library's version from disk, a millisecond of the event loop.
            "driver_info": DriverInfo(),
        }
        if url.startswith("redis+sentinel://"):
            return cls(_sentinel(url, {**options, "max_connections": connections}), unit)
        # A crowd waits for a connection instead of being told that the store is away.
        pool = redis.BlockingConnectionPool.from_url(url, max_connections=connections, timeout=10, **options)
        return cls(redis.Redis.from_pool(pool), unit)

    async def run(self, script: str, *args: object, keys: tuple[str, ...] = ()) -> Any:
        """Run one of `bot/lua`. Raises `StoreUnavailable` when it cannot be reached or written."""
        text, sha = _script(script)
        with translated():
            try:
                answer = await self._execute("EVALSHA", sha, len(keys), *keys, *args)
            except NoScriptError:
                answer = await self._execute("EVAL", text, len(keys), *keys, *args)
        _honour_cancellation()
        return answer

    async def run_shared(self, script: str, *args: object, keys: tuple[str, ...] = ()) -> Any:
        """Like `run`, for what many ask at once: those who come while round trips are under way share the next."""
        shared = self._shared.setdefault(script, _Shared(self, script))
        return await shared.run(*args, keys=keys)

    async def run_all(self, script: str, calls: Sequence[tuple[tuple[str, ...], tuple[object, ...]]]) -> list[Any]:
        """Like `run` for each (keys, args), all in one round trip; errors of single calls stand in their places."""
        _, sha = _script(script)
        with translated():
            async with self.redis.pipeline(transaction=False) as pipe:
                for keys, args in calls:
                    pipe.execute_command("EVALSHA", sha, len(keys), *keys, *args)
                answers = await pipe.execute(raise_on_error=False)
        return [
            await self.run(script, *args, keys=keys) if isinstance(answer, NoScriptError) else _ours(answer)
            for (keys, args), answer in zip(calls, answers, strict=True)
        ]

    def key(self, *parts: str) -> str:
        """The one place that knows how keys look: the tenant's hash tag, then the parts."""
        return ":".join((self.unit, *parts))

    async def ping(self) -> None:
        with translated():
            await self.redis.ping()

    async def require_durable(self, accept_loss: str) -> None:
        """Raise `ConfigurationError` unless acknowledged writes survive a power cut, or the operator accepts loss."""
        problem = await self.durability_problem()
        if problem and accept_loss != ACCEPT_LOSS:
            raise ConfigurationError("redis.url", "not_durable", problem=problem, accept=ACCEPT_LOSS)

    async def durability_problem(self) -> str:
        """What is weaker than it must be, or nothing."""
        wanted = {
            "appendonly": "yes",
            "appendfsync": "always",
            "no-appendfsync-on-rewrite": "no",
            "maxmemory-policy": "noeviction",
        }
        with translated():
            try:
                have = await self.redis.config_get(*wanted)
            except ResponseError:
                return "CONFIG GET"
        return "; ".join(f"{key}={have.get(key)} ≠ {value}" for key, value in wanted.items() if have.get(key) != value)

    async def rings(self, channel: str) -> AsyncIterator[str | None]:
        """What is published on this tenant's channel, for ever. None means "look for yourself": at the beginning, and
        whenever the connection was lost and messages may have been missed.
        """
        while True:
            pubsub = self.redis.pubsub(ignore_subscribe_messages=True)
            try:
                with translated():
                    await pubsub.subscribe(self.key(channel))
                _honour_cancellation()
                yield None
                while True:
                    with translated():
                        message = await pubsub.get_message(timeout=LISTEN_SECONDS)
                    _honour_cancellation()
                    if message is not None:
                        yield message["data"].decode()
            except StoreUnavailable:
                await asyncio.sleep(AWAY_SECONDS)
            finally:
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    async def aclose(self) -> None:
        await self.redis.aclose()


class _Shared:
    """One script for many callers at once: those who come while `TRIPS` round trips are under way share the next one,
    and so its flush to disk. Each call succeeds or fails by itself, as with `Store.run`.
    """

    TRIPS = 2
    MOST = 128
    """Calls in one round trip."""

    def __init__(self, store: Store, script: str) -> None:
        self._store = store
        self._script = script
        self._waiting: deque[_Call] = deque()
        self._trips: set[asyncio.Task[None]] = set()

    async def run(self, *args: object, keys: tuple[str, ...] = ()) -> Any:
        """Raises `StoreUnavailable` when it cannot be reached or written."""
        call = _Call(keys, args, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if len(self._trips) < self.TRIPS:
            trip = asyncio.create_task(self._travel())
            self._trips.add(trip)
            trip.add_done_callback(self._trips.discard)
        return await call.answer

    async def _travel(self) -> None:
        while self._waiting:
            await self._round_trip([self._waiting.popleft() for _ in range(min(len(self._waiting), self.MOST))])

    async def _round_trip(self, calls: list[_Call]) -> None:
        try:
            answers = await self._store.run_all(self._script, [(call.keys, call.args) for call in calls])
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to those who wait; nobody else hears it
            answers = [error] * len(calls)
        except BaseException:
            for call in calls:
                call.answer.cancel()
            raise
        for call, answer in zip(calls, answers, strict=True):
            call.settle(answer)


@dataclass(frozen=True, slots=True)
class _Call:
    keys: tuple[str, ...]
    args: tuple[object, ...]
    answer: asyncio.Future[Any]

    def settle(self, answer: Any) -> None:
        """Give the waiting caller its answer or its error; one that has hung up needs neither."""
        if self.answer.done():
            return
        if isinstance(answer, BaseException):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)


def _honour_cancellation() -> None:
    """`asyncio.wait_for`, which the client uses to connect, swallows a cancellation that comes together with its result
    before Python 3.12; a loop around it would never end.
    """
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError


def _sentinel(url: str, options: dict[str, Any]) -> redis.Redis:
    hosts, _, service = url.removeprefix("redis+sentinel://").partition("/")
    pairs = [host.rpartition(":") for host in hosts.split(",")]
    if not service or not all(port.isdigit() for _, _, port in pairs):
        raise ConfigurationError("redis.url", "sentinel_address")
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        [(host, int(port)) for host, _, port in pairs], socket_timeout=5
    )
    master: redis.Redis = sentinel.master_for(service, **options)
    return master


__all__ = ["ACCEPT_LOSS", "RedisError", "Store", "translated"]
