"""A real Chromium before a real demo server. `make browser` runs these; they leave pictures in `pictures/`."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

import pytest

from tests.browser.wire import Wire

if TYPE_CHECKING:
    from playwright.async_api import Browser

collect_ignore_glob = ["test_*.py"] if find_spec("playwright") is None else []
"""Without the dependency group `browser` there is nothing to collect here."""
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
PATIENCE = 60.0


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a demo server with a folder of its own, which is stopped at the end as by Ctrl-C."""
    folder = tmp_path_factory.mktemp("demo")
    port = free_port()
    environment = os.environ | {"BANGBAN_DATA_DIR": str(folder / "data"), "BANGBAN_PORT": str(port)}
    environment.pop("DEEPSEEK_API_KEY", None)
    environment.pop("BANGBAN_CONFIG", None)
    command = [sys.executable, "-m", "bot", "demo"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            wait_until_ready(port, process)
            yield port
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended before it was ready"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    pytest.fail("the server was not ready in time")


@pytest.fixture
async def wire(server: int) -> AsyncIterator[Wire]:
    wire = Wire(server)
    yield wire
    await wire.close()


@pytest.fixture
async def address(wire: Wire) -> str:
    return await wire.start()


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    from playwright.async_api import async_playwright

    if not CHROMIUM:
        pytest.skip("no Chromium; make browser installs it")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def pictures() -> Path:
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    return folder
