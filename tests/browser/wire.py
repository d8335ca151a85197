"""The line between a browser and the server, which a test may cut."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Wire:
    """Forwards TCP to `port` on loopback. While it is down, connections are refused as by a network that is gone."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._cue = b""
        self.down = False
        self.was_cut = asyncio.Event()

    async def start(self) -> str:
        """The address to open in the browser."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        self.cut()
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    def cut(self) -> None:
        """Tear every connection down, in the middle of whatever it carries, and take no more."""
        self.down = True
        for end in self._ends:
            end.transport.abort()
        self.was_cut.set()

    def cut_at(self, cue: bytes) -> None:
        """Cut as soon as these bytes have come from the server and gone to the browser."""
        self._cue = cue
        self.was_cut.clear()

    def mend(self) -> None:
        self.down = False

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.transport.abort()
            return
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)
        ends = {writer, up_writer}
        self._ends |= ends
        try:
            await asyncio.gather(self._pump(reader, up_writer), self._pump(up_reader, writer, watched=True))
        finally:
            self._ends -= ends

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, watched: bool = False) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
                if watched and self._cue and self._cue in data:
                    self._cue = b""
                    await asyncio.sleep(0)
                    self.cut()
        writer.close()
