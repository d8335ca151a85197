"""The connection to the store: one client, the scripts, and the durability it must prove before it is trusted."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from importlib import resources
from typing import Any, Self

import redis.asyncio as redis
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
    except (ConnectionError, TimeoutError, OSError) as error:
        raise StoreUnavailable("the store cannot be reached") from error
    except (BusyLoadingError, ReadOnlyError, OutOfMemoryError) as error:
        raise StoreUnavailable("the store takes no writes right now") from error
    except ResponseError as error:
        # A script reports the refusal of an inner command in its own words, so the code may stand anywhere.
        if any(code in str(error) for code in _CANNOT_WRITE):
            raise StoreUnavailable("the store takes no writes right now") from error
        raise


class Store:
    """One connection pool and the tenant's key prefix. Close it last."""

    def __init__(self, client: redis.Redis, unit: str) -> None:
        self.redis = client
        self.unit = "{" + unit + "}"
        self._execute: Callable[..., Awaitable[Any]] = client.execute_command

    @classmethod
    def at(cls, url: str, unit: str, *, connections: int = 512) -> Self:
        """A store at redis://, rediss://, unix:// or redis+sentinel://host:port,host:port/service. Connects on use."""
        options: dict[str, Any] = {
            "max_connections": connections,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            # A script that may have run must not run twice behind our back; the callers know what to repeat.
            "retry": Retry(NoBackoff(), 0),
        }
        if url.startswith("redis+sentinel://"):
            return cls(_sentinel(url, options), unit)
        return cls(redis.Redis.from_url(url, **options), unit)

    async def run(self, script: str, *args: object, keys: tuple[str, ...] = ()) -> Any:
        """Run one of `bot/lua`. Raises `StoreUnavailable` when it cannot be reached or written."""
        text, sha = _script(script)
        with translated():
            try:
                return await self._execute("EVALSHA", sha, len(keys), *keys, *args)
            except NoScriptError:
                return await self._execute("EVAL", text, len(keys), *keys, *args)

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
        wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
        with translated():
            try:
                have = await self.redis.config_get(*wanted)
            except ResponseError:
                return "CONFIG GET"
        return "; ".join(f"{key}={have.get(key)} ≠ {value}" for key, value in wanted.items() if have.get(key) != value)

    @asynccontextmanager
    async def listening(self, *channels: str) -> AsyncIterator[redis.client.PubSub]:
        """Subscribed to this tenant's channels while inside."""
        pubsub = self.redis.pubsub(ignore_subscribe_messages=True)
        try:
            with translated():
                await pubsub.subscribe(*(self.key(channel) for channel in channels))
            yield pubsub
        finally:
            await pubsub.aclose()

    async def aclose(self) -> None:
        await self.redis.aclose()  # type: ignore[no-untyped-call]


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
