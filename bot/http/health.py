"""Alive, ready, and counted."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from bot.errors import StoreUnavailable
from bot.inbox import Inbox
from bot.outbox import Outbox
from bot.store import translated


class Health:
    """`/healthz` (this process runs), `/readyz` (the store answers), `/metrics` (Prometheus).

    The counts live in the store and change in the same step as what they count, so every replica shows the same and a
    crash loses none.
    """

    def __init__(self, inbox: Inbox, outbox: Outbox) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self._alive),
            web.get("/readyz", self._ready),
            web.get("/metrics", self._metrics),
        ]

    async def _alive(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, _: web.Request) -> web.Response:
        try:
            await self._inbox.store.ping()
        except StoreUnavailable as error:
            return web.Response(status=503, text=f"{error.reason}\n")
        return web.Response(text="ok\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        try:
            counted = _Counted(await self._counts(), await self._waiting())
        except StoreUnavailable as error:
            return web.Response(status=503, text=f"{error.reason}\n")
        registry = CollectorRegistry()
        registry.register(counted)
        text = generate_latest(registry) + generate_latest(self._process)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _counts(self) -> dict[str, int]:
        store = self._inbox.store
        with translated():
            counts: dict[bytes, bytes] = await store.redis.hgetall(store.key("counts"))  # type: ignore[assignment]
        return {name.decode(): int(count) for name, count in counts.items()}

    async def _waiting(self) -> dict[str, int]:
        return {"inbox": await self._inbox.lane.waiting(), "outbox": await self._outbox.lane.waiting()}


class _Counted:
    """One scrape's numbers in Prometheus' words: `a:b` is the count of a with the label b."""

    def __init__(self, counts: dict[str, int], waiting: dict[str, int]) -> None:
        self._counts = counts
        self._waiting = waiting

    def collect(self) -> Iterator[Metric]:
        events = CounterMetricFamily("bangban_events", "What happened, by kind and detail", labels=["kind", "detail"])
        for name, count in sorted(self._counts.items()):
            kind, _, detail = name.partition(":")
            events.add_metric([kind, detail], count)
        yield events
        waiting = GaugeMetricFamily("bangban_waiting", "Conversations with work in them", labels=["lane"])
        for lane, count in self._waiting.items():
            waiting.add_metric([lane], count)
        yield waiting
