"""The embedded store: started, attached to, restarted, never shared by two owners, never trusted when weak."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
import redis.asyncio as redis

from bot.embedded import EmbeddedServer, socket_path, url_of
from bot.errors import ConfigurationError, StoreUnavailable
from bot.inbox import Gathering, Inbox, Keeping
from bot.message import Message, Text
from bot.store import ACCEPT_LOSS, Store
from tests.conftest import Eventually


def message(id_: str) -> Message:
    return Message(id_, "p", "a", "p/a/x", "x", (Text("hello"),), 0.0)


def inbox_at(folder: Path) -> Inbox:
    return Inbox(Store.at(url_of(folder), "u"), lease=5, gathering=Gathering(0, 0), keeping=Keeping())


@pytest.mark.parametrize("name", ["with space", "数据目录", "x" * 200, "quote\"'s"])
async def test_any_data_dir_works(tmp_path: Path, name: str) -> None:
    """Spaces, Chinese, 200 characters: the socket's path is short whatever the directory is called."""
    server = EmbeddedServer(tmp_path / name)
    await server.start()
    try:
        store = Store.at(url_of(tmp_path / name), "u")
        await store.require_durable("")
        assert len(os.fsencode(socket_path(tmp_path / name))) < 100
        await store.aclose()
    finally:
        await server.stop()
    assert not _alive(server.pid)


async def test_two_servers_never_open_one_store(tmp_path: Path) -> None:
    """The second owner is refused with the key and the path, and the first goes on."""
    first, second = EmbeddedServer(tmp_path), EmbeddedServer(tmp_path)
    await first.start()
    try:
        with pytest.raises(ConfigurationError) as refused:
            await second.start()
        assert (refused.value.key, refused.value.code) == ("data_dir", "in_use")
        assert _alive(first.pid)
    finally:
        await first.stop()


async def test_the_next_owner_attaches_to_a_store_that_outlived_its_parent(tmp_path: Path) -> None:
    """SIGKILL of the server leaves Valkey running with everything acknowledged in it; nothing is started twice."""
    program = (
        "import asyncio, sys; from pathlib import Path; from bot.embedded import EmbeddedServer\n"
        "async def main():\n"
        "    server = EmbeddedServer(Path(sys.argv[1])); await server.start()\n"
        "    print(server.pid, flush=True); await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    server = EmbeddedServer(tmp_path)
    await server.start()
    assert server.pid == pid
    await server.stop()
    assert not _alive(pid)


async def test_a_dead_store_is_started_again_with_everything_acknowledged(
    tmp_path: Path, eventually: Eventually
) -> None:
    """SIGKILL of Valkey loses nothing that was acknowledged."""
    server = EmbeddedServer(tmp_path)
    await server.start()
    inbox = inbox_at(tmp_path)
    await inbox.receive(message("m1"))
    old = server.pid
    os.kill(old, signal.SIGKILL)

    async def back() -> bool:
        try:
            return (await inbox.receive(message("m1"))).duplicate
        except StoreUnavailable:
            return False

    assert await eventually(back)
    assert server.pid != old
    await inbox.store.aclose()
    await server.stop()


async def test_a_slow_start_is_waited_for(tmp_path: Path, eventually: Eventually) -> None:
    """A file that takes long to load is waited for, however often it is asked, and the operator hears of it once."""
    await fill(tmp_path, eventually)
    said: list[str] = []
    slow = EmbeddedServer(tmp_path, say=said.append, settings=SLOW)
    await slow.start()
    client = redis.Redis.from_url(url_of(tmp_path))
    assert await client.dbsize() == 2000
    await client.aclose()
    await slow.stop()
    assert said == ["loading"]


async def test_the_next_owner_waits_for_a_store_that_is_still_loading(tmp_path: Path, eventually: Eventually) -> None:
    """An owner killed while Valkey loads leaves one Valkey; the next owner takes that one and starts no second."""
    await fill(tmp_path, eventually)
    impatient = EmbeddedServer(tmp_path, settings=SLOW)
    starting = asyncio.create_task(impatient.start())
    await eventually(lambda: loading(tmp_path))
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    said: list[str] = []
    server = EmbeddedServer(tmp_path, say=said.append)
    await server.start()
    assert server.pid == impatient.pid
    assert said == ["attached", "loading"]
    assert impatient._process
    await asyncio.gather(server.stop(), asyncio.to_thread(impatient._process.wait))


async def test_a_store_that_cannot_be_asked_is_not_doubled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket is gone, its files are still open: the next owner is told instead of opening them a second time."""
    first = EmbeddedServer(tmp_path / "data")
    await first.start()
    monkeypatch.setattr("bot.embedded.START_SECONDS", 0.2)
    other = EmbeddedServer(tmp_path / "data")
    other.socket = socket_path(tmp_path / "elsewhere")
    other.folder = first.folder
    with pytest.raises(StoreUnavailable):
        await other._up()
    await first.stop()


SLOW = {"key-load-delay": "1000", "loading-process-events-interval-bytes": "1024"}


async def fill(folder: Path, eventually: Eventually) -> None:
    """Leave a store of 2,000 keys behind."""
    server = EmbeddedServer(folder)
    await server.start()
    client = redis.Redis.from_url(url_of(folder))
    async with client.pipeline(transaction=False) as pipe:
        for n in range(2000):
            pipe.set(f"k{n}", n)
        await pipe.execute()
    await client.bgrewriteaof()

    async def rewritten() -> bool:
        state = await client.info("persistence")
        return not (state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"])

    await eventually(rewritten)
    await client.aclose()
    await server.stop()


async def loading(folder: Path) -> bool:
    client = redis.Redis.from_url(url_of(folder))
    try:
        return bool((await client.info("persistence"))["loading"])
    except redis.RedisError:
        return False
    finally:
        await client.aclose()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("appendfsync", "everysec"),
        ("maxmemory-policy", "allkeys-lru"),
        ("no-appendfsync-on-rewrite", "yes"),
    ],
)
async def test_a_weak_store_is_refused_unless_the_loss_is_accepted(tmp_path: Path, key: str, value: str) -> None:
    """Anything that may lose an acknowledged message needs the operator's own words."""
    server = EmbeddedServer(tmp_path)
    await server.start()
    store = Store.at(url_of(tmp_path), "u")
    try:
        await store.redis.config_set(key, value)
        with pytest.raises(ConfigurationError) as refused:
            await store.require_durable("yes")
        assert refused.value.code == "not_durable"
        assert key in refused.value.slots["problem"]
        await store.require_durable(ACCEPT_LOSS)
    finally:
        await store.aclose()
        await server.stop()


async def test_a_store_that_cannot_write_says_so(tmp_path: Path) -> None:
    """Out of memory, a replica that is read-only, a store that is away: each is `StoreUnavailable`, nothing is kept."""
    server = EmbeddedServer(tmp_path)
    await server.start()
    inbox = inbox_at(tmp_path)
    client = inbox.store.redis
    try:
        await client.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable):
            await inbox.receive(message("m1"))
        await client.config_set("maxmemory", 0)
        await client.replicaof("127.0.0.1", "1")
        with pytest.raises(StoreUnavailable):
            await inbox.receive(message("m1"))
        await client.replicaof("NO", "ONE")
        assert not (await inbox.receive(message("m1"))).duplicate
    finally:
        await inbox.store.aclose()
        await server.stop()
    away = inbox_at(tmp_path)
    with pytest.raises(StoreUnavailable):
        await away.receive(message("m2"))
    await away.store.aclose()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
