"""Logs: what a library chokes on is not repeated."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.logs import Discreet


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /callback/wecom-app/a?msg_signature=my-secret\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer my-secret\x01\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nmy-secret\r\n",
    ],
)
async def test_a_request_that_cannot_be_read_is_not_quoted(request_: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP server's error holds the line it stumbled over; the log says only what kind of error it was."""
    server = TestServer(web.Application())
    await server.start_server()
    try:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(request_)
        await reader.read()
        writer.close()
    finally:
        await server.close()
    assert caplog.records
    lines = [Discreet().format(record) for record in caplog.records]
    assert any("aiohttp.server" in line for line in lines)
    assert not [line for line in lines if "my-secret" in line]


def test_an_error_tells_its_type_and_place() -> None:
    """Enough to find the line, and no value."""
    with pytest.raises(ValueError, match="my secret") as caught:
        int("my secret")
    record = logging.LogRecord("x", logging.ERROR, "", 0, "with my secret", None, caught._excinfo)
    assert Discreet().format(record).startswith(f"ERROR x ValueError at {__name__}:")
