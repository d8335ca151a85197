"""A load generator that costs little: prepared requests over kept connections, answers read for status and length only.

Latency in an open loop counts from the moment a request was due, so that a server that stalls cannot hide it by
slowing its own load down.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlencode

from tests.simulators.wecom_caller import Envelope

HOST = "127.0.0.1"
ANSWER_SECONDS = 30.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """Times in seconds: `at` since the start of the run, `took` since the request was due. Status 0: hung up."""

    status: int
    at: float
    took: float


def request(path: str, envelope: Envelope) -> bytes:
    """One callback as it goes over the wire."""
    head = (
        f"POST {path}?{urlencode(envelope.query)} HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Content-Type: text/xml\r\nContent-Length: {len(envelope.body)}\r\n\r\n"
    )
    return head.encode() + envelope.body


class _Connection(asyncio.Protocol):
    """One kept connection with at most one request under way."""

    def __init__(self) -> None:
        self.open = True
        self._transport: asyncio.Transport | None = None
        self._read = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is another

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, rest = self._read.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or len(rest) < (size := int(length[1]) if length else 0):
            return
        self._read = b""
        if self._answer and not self._answer.done():
            self._answer.set_result((int(head[9:12]), rest[:size]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionResetError())

    async def ask(self, data: bytes) -> tuple[int, bytes]:
        if not self.open or self._transport is None:
            raise ConnectionResetError
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return await self._answer

    def close(self) -> None:
        if self._transport:
            self._transport.close()


class Door:
    """One server's listener and the connections kept to it. Close it when done."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._idle: list[_Connection] = []

    async def ask(self, data: bytes) -> tuple[int, bytes]:
        """Status and body; (0, b"") when nothing listens, it hangs up or it takes longer than half a minute."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = await self._free()
                answer = await connection.ask(data)
        except (OSError, TimeoutError):
            return 0, b""
        self._idle.append(connection)
        return answer

    async def post(self, data: bytes) -> int:
        status, _ = await self.ask(data)
        return status

    async def get(self, path: str) -> tuple[int, str]:
        status, body = await self.ask(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        return status, body.decode()

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _free(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, HOST, self.port)
        return connection


async def closed_loop(door: Door, requests: Sequence[bytes], connections: int) -> list[Answer]:
    """All of them, `connections` at a time, as fast as the server lets us."""
    start, waiting, answers = time.perf_counter(), iter(requests), list[Answer]()

    async def caller() -> None:
        for data in waiting:
            asked = time.perf_counter()
            status = await door.post(data)
            now = time.perf_counter()
            answers.append(Answer(status, now - start, now - asked))

    await asyncio.gather(*(caller() for _ in range(connections)))
    return answers


async def open_loop(calls: Sequence[tuple[Door, bytes]], rate: float) -> list[Answer]:
    """One every 1/`rate` seconds whatever the server does; the answers in the order of the calls."""
    loop_start = time.perf_counter()

    async def call(door: Door, data: bytes, due: float) -> Answer:
        status = await door.post(data)
        now = time.perf_counter()
        return Answer(status, now - loop_start, now - due)

    tasks = []
    for n, (door, data) in enumerate(calls):
        due = loop_start + n / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(call(door, data, due)))
    return list(await asyncio.gather(*tasks))


async def until_up(port: int, path: str = "/readyz", seconds: float = 60.0) -> None:
    """Raises `TimeoutError` unless 200 (404 for a server without that page) comes in time."""
    door = Door(port)
    async with asyncio.timeout(seconds):
        while (await door.get(path))[0] not in {200, 404}:
            await asyncio.sleep(0.05)
    with suppress(OSError):
        door.close()
