"""The floor of the accept path: decrypt, parse, one durable round trip, answer. Nothing else.

Committed before the server it is measured against and not changed since. It checks no signature, remembers no id and
loses everything after the list; `make bench` reports the real accept path as a ratio to this one, in the same run,
over the same store and with the same event loop.

    python benchmarks/baseline.py PORT UNIX_SOCKET ENCODING_AES_KEY
"""

from __future__ import annotations

import base64
import sys
from xml.etree import ElementTree

import redis.asyncio as redis
import uvloop
from aiohttp import web
from Crypto.Cipher import AES


def decrypt(key: bytes, encrypted: str) -> bytes:
    """The inner XML of one callback body."""
    plain = AES.new(key, AES.MODE_CBC, key[:16]).decrypt(base64.b64decode(encrypted))
    length = int.from_bytes(plain[16:20], "big")
    return plain[20 : 20 + length]


def application(socket: str, encoding_aes_key: str) -> web.Application:
    key = base64.b64decode(encoding_aes_key + "=")
    store = redis.Redis(unix_socket_path=socket)

    async def accept(request: web.Request) -> web.Response:
        outer = ElementTree.fromstring(await request.read())
        inner = ElementTree.fromstring(decrypt(key, outer.findtext("Encrypt", "")))
        await store.rpush("baseline", inner.findtext("Content", ""))
        return web.Response(text="")

    app = web.Application()
    app.router.add_post("/callback/{platform}/{account}", accept)
    return app


def main() -> None:
    port, socket, encoding_aes_key = sys.argv[1:4]
    uvloop.install()
    web.run_app(application(socket, encoding_aes_key), host="127.0.0.1", port=int(port), access_log=None, print=None)


if __name__ == "__main__":
    main()
