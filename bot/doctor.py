"""The doctor: looks at every part and says what to do. Each finding names a sentence of prompts/operator.toml."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiohttp

from bot import app
from bot.embedded import socket_path
from bot.errors import ConfigurationError, Unavailable, Undeliverable
from bot.outbox import Dropped
from bot.platforms.tokens import Fetch
from bot.platforms.wecom_client import WeComClient
from bot.platforms.wecom_probe import verification
from bot.settings import EndpointSettings, Settings, WeComAppSettings
from bot.store import Store

Level = Literal["ok", "warning", "problem"]
LOW_GIGABYTES = 1.0
_MODEL_TROUBLES = {
    "http_401": "model_key",
    "http_403": "model_key",
    "http_402": "model_balance",
    "http_400": "model_name",
    "http_404": "model_name",
    "timeout": "model_slow",
}
"""Sentences for the troubles whose cause can be told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`part` is a name of [doctor] or a platform account, `code` a sentence of [doctor], `slots` what fills it."""

    part: str
    level: Level
    code: str
    slots: dict[str, str] = field(default_factory=dict)


async def examine(settings: Settings, config: Path | None) -> list[Finding]:
    """Every finding, in the order an operator mends them."""
    configuration = Finding("configuration", "ok", "configuration_default")
    if config:
        configuration = Finding("configuration", "ok", "configuration_ok", {"path": str(config)})
    return [
        configuration,
        _files(settings),
        *await _store(settings),
        _library(settings),
        *[finding async for finding in _models(settings)],
        *[finding async for finding in _platforms(settings)],
    ]


def _files(settings: Settings) -> Finding:
    folder = settings.data_dir.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError:
        return Finding("files", "problem", "files_denied", {"path": str(folder)})
    free = shutil.disk_usage(folder).free / 1e9
    slots = {"path": str(folder), "free": f"{free:.1f}"}
    return (
        Finding("files", "ok", "files_ok", slots)
        if free > LOW_GIGABYTES
        else Finding("files", "problem", "files_full", slots)
    )


async def _store(settings: Settings) -> list[Finding]:
    """The store, and what waits in it for an operator; an embedded one that does not run is not started for this."""
    if not settings.redis.url and not socket_path(settings.data_dir).exists():
        return [Finding("store", "ok", "store_embedded")]
    try:
        async with app.visited(settings) as core:
            return [await _durability(settings, core.store), *await _left_over(core)]
    except ConfigurationError as error:
        return [Finding("store", "problem", f"configuration.{error.code}", error.slots)]
    except (Unavailable, OSError) as error:
        code = "store_away" if settings.redis.url else "store_silent"
        return [Finding("store", "problem", code, {"reason": _cause(error)})]


async def _durability(settings: Settings, store: Store) -> Finding:
    """A store weaker than it must be is only seen here when the configuration accepts the loss."""
    problem = await store.durability_problem()
    if problem:
        return Finding("store", "warning", "store_accepted", {"problem": problem})
    return Finding("store", "ok", "store_ok" if settings.redis.url else "store_running")


def _cause(error: Unavailable | OSError) -> str:
    return error.reason if isinstance(error, Unavailable) else error.strerror or type(error).__name__


async def _left_over(core: app.Core) -> list[Finding]:
    failures, dropped = await core.inbox.failures(), await core.outbox.dropped()
    failed = Finding("failed", "ok", "failed_none")
    if failures:
        failed = Finding("failed", "warning", "failed_some", {"count": str(len(failures))})
    return [failed, _undelivered([entry for entry in dropped if entry.why == "undeliverable"])]


def _undelivered(dropped: list[Dropped]) -> Finding:
    if not dropped:
        return Finding("undelivered", "ok", "undelivered_none")
    last = dropped[0]
    slots = {"count": str(len(dropped)), "code": str(last.code), "remedy": last.remedy}
    return Finding("undelivered", "warning", "undelivered_some", slots)


def _library(settings: Settings) -> Finding:
    try:
        documents = len(app.library_of(settings).documents())
    except OSError:
        return Finding("library", "problem", "library_away", {"path": str(settings.data_dir.resolve() / "library")})
    if not documents:
        return Finding("library", "warning", "library_empty")
    return Finding("library", "ok", "library_ok", {"documents": str(documents)})


async def _models(settings: Settings) -> AsyncIterator[Finding]:
    """Each endpoint by itself: one that answers must not hide one that does not."""
    model = settings.model
    if not model.configured:
        yield Finding("model", "ok", "model_none")
    for part, endpoint in (("model", model), ("fallback", model.fallback)):
        if endpoint.configured:
            alone = EndpointSettings.model_validate(
                {key: getattr(endpoint, key) for key in EndpointSettings.model_fields}
            )
            only = model.model_copy(update={**dict(alone), "fallback": EndpointSettings()})
            yield await _model(settings.model_copy(update={"model": only}), part)


async def _model(settings: Settings, part: str) -> Finding:
    started = time.monotonic()
    try:
        await app.greet_model(settings)
    except Unavailable as error:
        code = _MODEL_TROUBLES.get(error.reason, "model_away")
        return Finding(part, "problem", code, {"reason": error.reason, "model": settings.model.chat})
    ms = str(round((time.monotonic() - started) * 1000))
    return Finding(part, "ok", "model_ok", {"model": settings.model.chat, "ms": ms})


async def _platforms(settings: Settings) -> AsyncIterator[Finding]:
    async with aiohttp.ClientSession() as session:
        for platform in settings.platforms:
            yield await _credentials(platform, session)
            yield await _callback(settings, platform, session)


class _OwnToken:
    """A token of our own, shared with nobody: the doctor may run while no store does."""

    async def get(self, name: str, fetch: Fetch) -> str:
        return (await fetch()).value

    async def drop(self, name: str, value: str) -> None:
        """Nothing is kept."""


async def _credentials(settings: WeComAppSettings, session: aiohttp.ClientSession) -> Finding:
    part = f"{settings.kind}/{settings.account}"
    try:
        await WeComClient(app.wecom_account(settings), session=session, tokens=_OwnToken()).callback_addresses()
    except (Unavailable, Undeliverable) as error:
        remedy = getattr(error, "remedy", "")
        return Finding(part, "problem", "platform_away", {"reason": error.reason, "remedy": remedy})
    return Finding(part, "ok", "platform_ok")


async def _callback(settings: Settings, platform: WeComAppSettings, session: aiohttp.ClientSession) -> Finding:
    """Ask the public address the way the platform does when its settings page is saved."""
    part = f"{platform.kind}/{platform.account}"
    if not settings.server.public_url:
        return Finding(part, "warning", "callback_unset")
    url = f"{settings.server.public_url.rstrip('/')}/callback/{platform.kind}/{platform.account}"
    query, expected = verification(app.wecom_account(platform), time.time())
    reason = await _asked(session, url, query, expected)
    if not reason:
        return Finding(part, "ok", "callback_ok", {"url": url})
    where = {"host": settings.server.host, "port": str(settings.server.port)}
    return Finding(part, "problem", "callback_away", {"url": url, "reason": reason, **where})


async def _asked(session: aiohttp.ClientSession, url: str, query: dict[str, str], expected: str) -> str:
    """Why the address did not answer as it must, or nothing."""
    try:
        async with session.get(url, params=query, timeout=aiohttp.ClientTimeout(total=5)) as response:
            body = await response.text()
            return "" if (response.status, body) == (200, expected) else f"HTTP {response.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return type(error).__name__
