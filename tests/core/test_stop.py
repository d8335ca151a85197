"""A graceful stop of one process with several parts: from the outside in."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest

import handlers
from bot import app
from bot.http.feed import Feed
from bot.inbox import Gathering, Inbox, Keeping
from bot.message import Command, Message, Outcome, Paragraphs, Reply
from bot.router import Route, Turn
from bot.settings import parse
from bot.store import Store
from tests.conftest import Eventually


def ask(person: str) -> Message:
    return Message(f"web/chat/{person}/1", "web", "chat", f"web/chat/{person}", person, (Command("x"),), 0.0)


async def test_what_running_turns_answer_is_still_sent(
    valkey: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    """While a stop waits for one turn, the answer of another that finished meanwhile reaches its reader."""
    started: set[str] = set()
    go: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def waits(turn: Turn) -> Reply:
        person = turn.messages[0].sender
        started.add(person)
        await go[person].wait()
        return Reply(Outcome.ANSWERED, (Paragraphs("好"),))

    monkeypatch.setattr(handlers, "routes", lambda **_: [Route("all", lambda _: True, waits)])
    unit = store.unit.strip("{}")
    settings = parse({"data_dir": str(tmp_path), "redis": {"url": valkey}, "units": [{"id": unit, "name": "x"}]}, {})
    inbox = Inbox(store, lease=5, gathering=Gathering(0, 0), keeping=Keeping())
    for person in ("early", "late"):
        await inbox.receive(ask(person))
    stop = asyncio.Event()
    serving = asyncio.create_task(app.serve(settings, ("worker", "sender"), stop))

    async def both_run() -> bool:
        return started == {"early", "late"}

    async def early_reads() -> bool:
        return bool((await Feed(store).history("web/chat/early"))[0])

    async with asyncio.timeout(30):
        await eventually(both_run)
        stop.set()
        go["early"].set()
        await eventually(early_reads)
        assert not serving.done()
        go["late"].set()
        await serving
    assert not await inbox.lane.waiting()
