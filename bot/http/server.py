"""The web process: every door on one listener."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from bot.http import pages
from bot.http.api import MOST_BYTES, Api
from bot.http.callbacks import Callbacks
from bot.http.health import Health
from bot.platforms import Platform
from bot.reception import Reception

log = structlog.get_logger("web")


def application(
    *, platforms: Mapping[tuple[str, str], Platform], reception: Reception, api: Api, health: Health
) -> web.Application:
    app = web.Application(client_max_size=max(MOST_BYTES, 1 << 20))
    callbacks = Callbacks(platforms, reception)
    app.add_routes(
        [
            web.get("/callback/{platform}/{account}", callbacks.handle),
            web.post("/callback/{platform}/{account}", callbacks.handle),
            *api.routes(),
            *pages.routes(),
            *health.routes(),
        ]
    )
    app.on_response_prepare.append(pages.add_headers)
    return app


@asynccontextmanager
async def listening(app: web.Application, api: Api, *, host: str, port: int) -> AsyncIterator[None]:
    """Serves while inside. Leaving ends the streams, lets requests under way finish and closes the listener."""
    # Access lines would carry query strings, which carry signatures and cursors.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        log.info("listening", host=host, port=port)
        yield
    finally:
        api.close()
        await runner.cleanup()
