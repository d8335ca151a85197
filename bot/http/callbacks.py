"""The messengers' door: verify and parse, make durable, acknowledge. Nothing else happens before the answer."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from aiohttp import web

from bot.errors import Refused, StoreUnavailable
from bot.platforms import Callback, Platform
from bot.reception import Reception

log = structlog.get_logger("callback")

MOST_BYTES = 1 << 20
"""No platform's callback comes near; a larger body is refused before it is read."""


class Callbacks:
    """`GET|POST /callback/{platform}/{account}`."""

    def __init__(self, platforms: Mapping[tuple[str, str], Platform], reception: Reception) -> None:
        self._platforms = platforms
        self._reception = reception

    async def handle(self, request: web.Request) -> web.Response:
        """200 once the message is durable; 503 when it cannot be, so that the platform retries."""
        kind, account = request.match_info["platform"], request.match_info["account"]
        platform = self._platforms.get((kind, account))
        if platform is None:
            return web.Response(status=404)
        try:
            return await self._accept(platform, request)
        except Refused as error:
            log.warning("refused", account=account, status=error.status, reason=error.reason)
            return web.Response(status=error.status)
        except StoreUnavailable as error:
            log.error("not accepted", account=account, reason=error.reason)
            return web.Response(status=503, headers={"Retry-After": "1"})

    async def _accept(self, platform: Platform, request: web.Request) -> web.Response:
        if (request.content_length or 0) > MOST_BYTES:
            raise Refused(413, "body over 1 MiB")
        callback = Callback(request.method, request.query, request.headers, await _body(request))
        receipt = platform.receive(callback)
        if receipt.message is not None:
            await self._reception.accept(receipt.message)
        return web.Response(text=receipt.response, content_type=receipt.content_type)


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise Refused(413, "body over 1 MiB") from error
    except web.RequestPayloadError:
        raise Refused(400, "the body cannot be read") from None
