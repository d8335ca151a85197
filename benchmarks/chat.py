"""A reader of the chat page's API that costs little: one raw connection a stream, every event with its time."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import cast

from benchmarks.wire import HOST, Door


class Stream(asyncio.Protocol):
    """One event stream. `events` are (seconds of the monotonic clock, name) in the order they came."""

    def __init__(self, token: str) -> None:
        self.events: list[tuple[float, str]] = []
        self.changed = asyncio.Event()
        self._token = token
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(_get("/api/v1/events", self._token))

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        *blocks, self._rest = (self._rest + data).split(b"\n\n")
        for block in blocks:
            _, found, named = block.partition(b"event: ")
            if found:
                self.events.append((now, named.partition(b"\n")[0].decode()))
        self.changed.set()

    async def first(self, name: str, after: float, seconds: float) -> float:
        """When the first `name` after `after` came. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds):
            while True:
                self.changed.clear()
                for at, event in self.events:
                    if event == name and at > after:
                        return at
                await self.changed.wait()

    def times(self, *names: str) -> list[float]:
        return [at for at, event in self.events if event in names]

    def close(self) -> None:
        if self._transport:
            self._transport.close()


@dataclass(slots=True)
class Visitor:
    """One person at the page: a session, its stream, and the door for what they write."""

    door: Door
    token: str
    stream: Stream
    posted: float = field(default=0.0)

    @classmethod
    async def arrive(cls, door: Door) -> Visitor:
        _, body = await door.ask(_post("/api/v1/sessions", "{}"))
        token: str = json.loads(body)["token"]
        _, stream = await asyncio.get_running_loop().create_connection(lambda: Stream(token), HOST, door.port)
        return cls(door, token, stream)

    async def say(self, text: str) -> None:
        """Raises `RuntimeError` unless it is accepted."""
        message = json.dumps({"id": str(uuid.uuid4()), "text": text})
        self.posted = time.perf_counter()
        status, _ = await self.door.ask(_post("/api/v1/messages", message, self.token))
        if status != 202:
            raise RuntimeError(f"the page's message was answered {status}")


def _post(path: str, body: str, token: str = "") -> bytes:
    data = body.encode()
    return f"POST {path} HTTP/1.1\r\n{_head(token)}Content-Length: {len(data)}\r\n\r\n".encode() + data


def _get(path: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\n{_head(token)}Accept: text/event-stream\r\n\r\n".encode()


def _head(token: str) -> str:
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"Host: {HOST}\r\nContent-Type: application/json\r\n{authorization}"
