"""The parts tests share: one real Valkey a test process, and a tenant of its own for every test."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from bot.embedded import EmbeddedServer, url_of
from bot.store import Store

OWNED = (
    r":counts$",  # fixed fields, one hash a tenant
    r":(in|out):(leases)$",  # one counter a lane
    r":(in|out):(due|box:.*|state:.*)$",  # removed by the commit of the last item
)
"""Keys without a TTL and who removes them."""


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that lives as long as this test process."""
    folder = tmp_path_factory.mktemp("valkey")
    server = EmbeddedServer(folder)

    asyncio.run(server.start())
    yield url_of(folder)
    asyncio.run(server.stop())


@pytest.fixture
async def store(valkey: str) -> AsyncIterator[Store]:
    """An empty tenant; at the end every key of it must have an expiry or an owner."""
    store = Store.at(valkey, f"t{secrets.token_hex(6)}")
    yield store
    await assert_no_leaks(store)
    await store.aclose()


async def assert_no_leaks(store: Store) -> None:
    async for key in store.redis.scan_iter(match=f"{store.unit}*", count=1000):
        name = key.decode()
        if await store.redis.ttl(key) == -1 and not any(re.search(pattern, name) for pattern in OWNED):
            pytest.fail(f"{name} has neither an expiry nor an owner")


Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[object]]


@pytest.fixture
def eventually() -> Eventually:
    """Waits for a fact, not for a time: asks again until the answer is true, and fails after 20 s."""

    async def wait(ask: Callable[[], Awaitable[object]]) -> object:
        async with asyncio.timeout(20):
            while not (answer := await ask()):
                await asyncio.sleep(0.01)
            return answer

    return wait
