"""One access token for every process: fetched once, shared, replaced once."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import StoreUnavailable, Unavailable, Undeliverable
from bot.platforms import tokens
from bot.platforms.tokens import Grant, RedisTokens
from bot.store import Store
from tests.conftest import Eventually

NAME = "wecom/sample/1"


class Source:
    """Counts fetches; each gives another token, once `gate` is open."""

    def __init__(self, *, seconds: float = 7200, error: Exception | None = None) -> None:
        self.fetches = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._seconds = seconds
        self._error = error

    async def __call__(self) -> Grant:
        self.fetches += 1
        await self.gate.wait()
        if self._error:
            raise self._error
        return Grant(f"token-{self.fetches}", self._seconds)


def processes(store: Store, count: int) -> list[RedisTokens]:
    return [RedisTokens(store) for _ in range(count)]


async def test_many_processes_fetch_once(store: Store) -> None:
    """Fifty at the same moment, nothing cached: one fetch, one token."""
    source = Source()
    got = await asyncio.gather(*(cache.get(NAME, source) for cache in processes(store, 50)))
    assert (set(got), source.fetches) == ({"token-1"}, 1)


async def test_a_slow_fetch_is_waited_for(store: Store, eventually: Eventually) -> None:
    """Whoever comes while the platform takes its time waits for that answer instead of asking again."""
    source = Source()
    source.gate.clear()
    waiting = [asyncio.create_task(cache.get(NAME, source)) for cache in processes(store, 10)]

    async def asked() -> bool:
        return source.fetches > 0

    await eventually(asked)
    source.gate.set()
    assert set(await asyncio.gather(*waiting)) == {"token-1"}
    assert source.fetches == 1


async def test_many_who_see_the_same_dead_token_replace_it_once(store: Store) -> None:
    """Each drops what it was refused with; the later ones find the new one and leave it alone."""
    source = Source()
    dead = await RedisTokens(store).get(NAME, source)

    async def refused(cache: RedisTokens) -> str:
        await cache.drop(NAME, dead)
        return await cache.get(NAME, source)

    assert set(await asyncio.gather(*(refused(cache) for cache in processes(store, 30)))) == {"token-2"}
    assert source.fetches == 2


async def test_a_straggler_does_not_drop_the_new_token(store: Store) -> None:
    """The answer 42001 to an old call comes late."""
    source, cache = Source(), RedisTokens(store)
    dead = await cache.get(NAME, source)
    await cache.drop(NAME, dead)
    fresh = await cache.get(NAME, source)
    await cache.drop(NAME, dead)
    assert await cache.get(NAME, source) == fresh


@pytest.mark.parametrize(("seconds", "usable"), [(7200, 6900), (600, 540), (10, 9), (0, 1)])
async def test_a_token_is_renewed_before_its_end(store: Store, seconds: float, usable: float) -> None:
    """Five minutes early, or in the last tenth of a short life, so that a short one is not fetched for every call."""
    await RedisTokens(store).get(NAME, Source(seconds=seconds))
    left = await store.redis.pttl(store.key("token", NAME))
    assert usable * 1000 - 1000 < left <= usable * 1000


@pytest.mark.parametrize(
    "error", [Unavailable("slow", 60.0), Undeliverable("wrong secret", code=40001)], ids=["later", "never"]
)
async def test_after_a_failure_nobody_asks_at_once(store: Store, error: Exception) -> None:
    """One fetch fails for all: the others are told to come back, and the platform is left alone."""
    source = Source(error=error)
    got = await asyncio.gather(*(cache.get(NAME, source) for cache in processes(store, 20)), return_exceptions=True)
    assert source.fetches == 1
    assert error in got
    assert all(isinstance(answer, Unavailable | Undeliverable) for answer in got)
    assert 5_000 < await store.redis.pttl(store.key("token", NAME, "lock")) <= 60_000


async def test_a_fetch_without_end_is_ended(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as failed, and the lock outlives it: so nobody doubles it."""
    monkeypatch.setattr(tokens, "FETCH_SECONDS", 0.02)
    source = Source()
    source.gate.clear()
    with pytest.raises(Unavailable):
        await RedisTokens(store).get(NAME, source)
    assert tokens.LOCK_SECONDS > 20.0


async def test_who_waits_too_long_comes_back_later(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder of the lock was killed: the others wait a bounded time and do not hang on it."""
    monkeypatch.setattr(tokens, "WAIT_SECONDS", 0.2)
    await store.redis.set(store.key("token", NAME, "lock"), "somebody", px=25_000)
    with pytest.raises(Unavailable):
        await RedisTokens(store).get(NAME, Source())


async def test_a_stopped_process_gives_the_lock_back(store: Store, eventually: Eventually) -> None:
    """A graceful stop in the middle of a fetch holds nobody up."""
    source = Source()
    source.gate.clear()
    stopped = asyncio.create_task(RedisTokens(store).get(NAME, source))

    async def asked() -> bool:
        return source.fetches > 0

    await eventually(asked)
    stopped.cancel()
    await asyncio.wait([stopped])
    source.gate.set()
    assert not await store.redis.exists(store.key("token", NAME, "lock"))
    assert await RedisTokens(store).get(NAME, source) == "token-2"


async def test_names_are_apart(store: Store) -> None:
    """Two secrets, two tokens."""
    source, cache = Source(), RedisTokens(store)
    assert await cache.get("a", source) != await cache.get("b", source)


async def test_a_store_that_is_away_is_said_so() -> None:
    """In the words the sender waits on."""
    away = Store.at("unix:///nowhere.sock", "t")
    with pytest.raises(StoreUnavailable):
        await RedisTokens(away).get(NAME, Source())
    await away.aclose()


def test_a_grant_shows_no_token() -> None:
    """Not even by accident, in a traceback or a log."""
    assert "token-1" not in repr(Grant("token-1", 1))
