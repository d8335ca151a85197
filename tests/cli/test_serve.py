"""The server as an operator runs it: started, killed, stopped, and what is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import pytest

from bot.embedded import socket_path
from tests.conftest import Eventually

QUESTION = "残疾人自主创业有什么补贴"


@dataclass
class Demo:
    process: asyncio.subprocess.Process
    base: str
    data_dir: Path

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@asynccontextmanager
async def demo(data_dir: Path) -> AsyncIterator[Demo]:
    """`bangban demo` on a free port, ready when this is entered; killed on leaving if it still runs."""
    port = free_port()
    environ = {k: v for k, v in os.environ.items() if k != "DEEPSEEK_API_KEY"}
    environ |= {"BANGBAN_DATA_DIR": str(data_dir), "BANGBAN_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "demo", "--no-open", stdout=asyncio.subprocess.PIPE, env=environ
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            async for line in process.stdout:
                if f"http://127.0.0.1:{port}/chat" in line.decode():
                    break
        yield Demo(process, f"http://127.0.0.1:{port}", data_dir)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def answer(base: str, question: str) -> dict[str, object]:
    """Ask on the page's API and poll for the reply."""
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{base}/api/v1/sessions", json={}) as response:
            headers = {"Authorization": f"Bearer {(await response.json())['token']}", "Accept": "application/json"}
        body = {"id": "0b5f6c1e-6a57-4d1e-9a36-5f1f3f1b8a10", "text": question}
        async with session.post(f"{base}/api/v1/messages", json=body, headers=headers) as response:
            assert response.status == 202
        after = ""
        async with asyncio.timeout(30):
            while True:
                url = f"{base}/api/v1/events"
                async with session.get(url, params={"after": after}, headers=headers) as response:
                    found = await response.json()
                for event in found["events"]:
                    if event["event"] == "reply":
                        return dict(event["data"])
                after = found["cursor"]


async def test_the_demo_answers_with_the_right_clause_and_stops_cleanly(tmp_path: Path) -> None:
    """Out of the box: the sample library is loaded, the clause is cited, Ctrl-C leaves no process behind."""
    async with demo(tmp_path / "data") as running:
        reply = await answer(running.base, QUESTION)
        assert reply["outcome"] == "answered_by_quotation"
        assert "示例区残疾人就业创业扶持办法" in json.dumps(reply["sources"], ensure_ascii=False)
        family = running.family()
        assert len(family) == 3
        running.process.send_signal(signal.SIGINT)
        assert await running.process.wait() == 0
        assert not any(process.is_running() for process in family)
    assert not socket_path(tmp_path / "data").exists()


async def test_after_sigkill_of_the_supervisor_the_next_start_attaches(tmp_path: Path, eventually: Eventually) -> None:
    """The parts leave by themselves, Valkey lives on, and the next start finds it with everything in it."""
    async with demo(tmp_path) as first:
        parts = first.family()
        store = next(process for process in parts if "valkey" in process.name())
        first.process.kill()
        await first.process.wait()
        others = [process for process in parts if process != store]

        async def gone() -> bool:
            return not any(process.is_running() for process in others)

        await eventually(gone)
        assert store.is_running()
    async with demo(tmp_path) as second:
        assert store.is_running()
        assert (await answer(second.base, QUESTION))["sources"]
    assert not store.is_running()


async def test_a_killed_part_is_started_again(tmp_path: Path, eventually: Eventually) -> None:
    """Web, worker and store each come back; a question asked afterwards is answered."""
    async with demo(tmp_path) as running:
        for process in running.family():
            process.kill()

        async def ready() -> bool:
            try:
                async with aiohttp.ClientSession() as session, session.get(f"{running.base}/readyz") as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        await eventually(ready)
        assert (await answer(running.base, QUESTION))["sources"]


async def test_a_second_server_on_the_same_data_is_refused_with_a_remedy(tmp_path: Path) -> None:
    """Two servers never open one store; the second says which directory and what to do."""
    async with demo(tmp_path) as running:
        environ = os.environ | {"BANGBAN_DATA_DIR": str(tmp_path), "BANGBAN_PORT": str(free_port())}
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "demo", "--no-open", stderr=asyncio.subprocess.PIPE, env=environ
        )
        _, said = await second.communicate()
        assert second.returncode == 1
        assert str(tmp_path) in re.sub(r"\s", "", said.decode())
        assert running.process.returncode is None


@pytest.mark.parametrize("role", ["worker", "web"])
async def test_a_missing_store_is_explained(tmp_path: Path, role: str) -> None:
    """A part without a store to attach to names the key and the remedy instead of hanging for ever."""
    config = tmp_path / "bangban.yaml"
    config.write_text(f"data_dir: {tmp_path}\nredis: {{url: 'unix:///nowhere.sock'}}\n", "utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "serve", "--role", role, "--config", str(config), stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert "存储" in said.decode()
