"""Access tokens shared by every process: fetched once, by whoever needs it first, while the others wait.

Never used where an acknowledgement waits: a token may take as long as the platform's slowest answer.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from bot.errors import BangbanError, Unavailable
from bot.store import Store, translated

FETCH_SECONDS = 20.0
"""How long one fetch may take."""
LOCK_SECONDS = 25.0
"""Longer than any fetch, so that a slow one is never doubled; also how long a killed fetcher holds the others up."""
WAIT_SECONDS = 30.0
POLL_SECONDS = 0.1
COOLING_SECONDS = 5.0
"""After a failed fetch nobody asks for so long: platforms block addresses that ask too often."""
EARLY_SECONDS = 300.0
"""A token is renewed this long before its end, or in the last tenth of a short life."""

_ASK = """
local token = redis.call('GET', KEYS[1])
if token then return {'token', token} end
local holder = redis.call('GET', KEYS[2])
if holder then return {holder == 'cooling' and 'cooling' or 'wait'} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {'fetch'}
"""
_KEEP = """
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
"""
_COOL = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], 'cooling', 'PX', ARGV[2]) end
"""
_DELETE_IF = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """A token as the platform gave it; `seconds` is its life from now."""

    value: str = field(repr=False)
    seconds: float


Fetch = Callable[[], Awaitable[Grant]]


class TokenCache(Protocol):
    async def get(self, name: str, fetch: Fetch) -> str:
        """The token called `name`, fetched if there is none. Raises what `fetch` raises, or `Unavailable` when somebody
        else's fetch failed or does not end.
        """
        ...

    async def drop(self, name: str, value: str) -> None:
        """The platform refused `value`: forget it, unless another has taken its place already."""
        ...


class RedisTokens:
    """The cache in the store. A token's key lives as long as the token may be used, its lock as long as a fetch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ask = store.redis.register_script(_ASK)
        self._keep = store.redis.register_script(_KEEP)
        self._cool = store.redis.register_script(_COOL)
        self._delete_if = store.redis.register_script(_DELETE_IF)

    async def get(self, name: str, fetch: Fetch) -> str:
        mine = secrets.token_hex(8)
        for _ in range(round(WAIT_SECONDS / POLL_SECONDS)):
            with translated():
                answer, *held = await self._ask(keys=self._keys(name), args=[mine, _ms(LOCK_SECONDS)])
            if answer == b"token":
                return str(held[0], "ascii")
            if answer == b"fetch":
                return await self._fetched(name, mine, fetch)
            if answer == b"cooling":
                raise Unavailable("the last attempt to get an access token failed", COOLING_SECONDS)
            await asyncio.sleep(POLL_SECONDS)
        raise Unavailable("no access token in time", COOLING_SECONDS)

    async def drop(self, name: str, value: str) -> None:
        with translated():
            await self._delete_if(keys=self._keys(name)[:1], args=[value])

    def _keys(self, name: str) -> list[str]:
        return [self._store.key("token", name), self._store.key("token", name, "lock")]

    async def _fetched(self, name: str, mine: str, fetch: Fetch) -> str:
        """Fetch under the lock, keep the token and give the lock back, or leave it to cool after a failure."""
        token_key, lock = self._keys(name)
        try:
            grant = await _in_time(fetch)
        except BangbanError as error:
            with translated():
                await self._cool(keys=[lock], args=[mine, _ms(_cooling(error))])
            raise
        except BaseException:
            with translated():
                await self._delete_if(keys=[lock], args=[mine])
            raise
        with translated():
            await self._keep(keys=[token_key, lock], args=[mine, grant.value, _ms(_usable(grant.seconds))])
        return grant.value


async def _in_time(fetch: Fetch) -> Grant:
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            return await fetch()
    except TimeoutError:
        raise Unavailable("fetching an access token took too long", COOLING_SECONDS) from None


def _cooling(error: BangbanError) -> float:
    """What cannot be mended by asking again is asked for once a minute."""
    return max(COOLING_SECONDS, error.retry_after) if isinstance(error, Unavailable) else 60.0


def _usable(seconds: float) -> float:
    return max(1.0, seconds - min(EARLY_SECONDS, seconds / 10))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
