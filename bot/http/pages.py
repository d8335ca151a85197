"""The chat page and its files. No external assets, nothing inline."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

_WEB = Path(__file__).parent.parent / "web"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; manifest-src 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def routes() -> list[web.AbstractRouteDef]:
    return [
        web.get("/", _home),
        web.get("/chat", _chat),
        web.get("/openapi.yaml", _openapi),
        web.static("/static", _WEB / "static"),
    ]


async def _home(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/chat")


async def _chat(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(_WEB / "chat.html", headers=_HEADERS)


async def _openapi(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(Path(__file__).parent / "openapi.yaml", headers={"Content-Type": "application/yaml"})


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Static files carry the page's rules too."""
    if request.path.startswith("/static/"):
        response.headers.update(_HEADERS)
