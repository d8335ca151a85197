"""What a messenger, its members and bad luck do to a server; each scenario on a fresh store."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, at_least, at_most, exactly, percentile
from benchmarks.processes import Whole, configuration, free_port, written
from benchmarks.stage import Stage, copied, stage
from benchmarks.talk import Question, WatchedWeCom, Writer, answered_ids, judge, people, until
from benchmarks.wire import Door, until_up
from tests.simulators import deepseek, wecom
from tests.simulators.deepseek import DeepSeek, Script
from tests.simulators.wecom import Fault

RETRY_SECONDS = 5.0
"""After so long without an answer the platform posts again."""
DRAIN_SECONDS = 120.0
INSIDE_SECONDS = 1.0
"""A send call, from the platform's receipt to our commit, is over long before."""


@dataclass(frozen=True, slots=True)
class Play:
    """How a scenario is played: where, with which library, and what the command line changed."""

    folder: Path
    library: Path
    short: bool = False
    repeats: int = 3
    api_delay: float = 6.0
    model_delay: float = 0.0
    kills: int = 1
    seed: int = 1

    def count(self, full: int) -> int:
        return max(full // 4, 1) if self.short else full

    def script(self, usual: float) -> Script:
        """A model that thinks for `usual` seconds unless told otherwise."""
        return Script(delay=self.model_delay or usual)

    @asynccontextmanager
    async def stage(self, script: Script, **options: Any) -> AsyncIterator[Stage]:
        """Warmed: every process has answered before anything is measured."""
        async with stage(self.folder, self.library, script=script, **options) as play:
            await _warm(play)
            yield play


Scenario = Callable[[Play], Awaitable[list[Figure]]]


async def steady(play: Play) -> list[Figure]:
    """15 posts a second for 20 seconds, a model that takes a second."""
    count = play.count(300)
    async with play.stage(play.script(1.0)) as on:
        questions = _asked(count, 100)
        web, whole = on.web_cpu(), on.cpu()
        took = await _post_all(on.doors, questions, rate=15.0)
        await _all_answered(on.wecom, questions)
        web, whole = on.web_cpu() - web, on.cpu() - whole
    result = judge(questions, on.wecom.shown)
    return [
        exactly("answered exactly once", result.answered - len(result.twice), count),
        at_most("ack p99", percentile(took, 99) * 1000, 50, "ms"),
        Figure("ack p50", percentile(took, 50) * 1000, "ms"),
        at_most("question to answer p99, quiet gap included", percentile(result.seconds, 99), 3, "s"),
        Figure("question to answer p50", percentile(result.seconds, 50), "s"),
        at_most("CPU per post, web", web / count * 1000, 10, "ms"),
        Figure("CPU per question, everything", whole / count * 1000, "ms"),
    ]


async def repeats(play: Play) -> list[Figure]:
    """Every callback several times at once, half of the copies to a second replica."""
    count = play.count(100)
    async with play.stage(play.script(1.0), webs=2) as on:
        questions = _asked(count, count)
        before = await on.events()
        took = await _post_all(on.doors, questions, rate=15.0, copies=play.repeats)
        await _all_answered(on.wecom, questions)
        after = await on.events()
    result = judge(questions, on.wecom.shown)
    return [
        exactly("answered exactly once", result.answered - len(result.twice), count),
        exactly("answered twice", len(result.twice), 0),
        exactly("repeats recognised", _rise(before, after, "duplicate"), count * (play.repeats - 1)),
        exactly("sends repeated", len(on.wecom.repeats()), 0),
        Figure("ack p99", percentile(took, 99) * 1000, "ms"),
    ]


async def slow(play: Play) -> list[Figure]:
    """A slow platform, no token cached, a slow model; the platform posts everything again after 5 seconds."""
    count = play.count(20)
    others = (("worker",), ("sender",), ("sender",))
    async with stage(play.folder, play.library, script=play.script(12.0), others=others) as on:
        on.wecom.faults += [Fault(call, -1, delay=play.api_delay) for call in ("gettoken", "message/send")]
        questions = _asked(count, count)
        first = asyncio.create_task(_post_all(on.doors, questions, rate=2.0))
        await asyncio.sleep(RETRY_SECONDS)
        again = await _post_all(on.doors, questions, rate=2.0, again=True)
        took = [*await first, *again]
        await _all_answered(on.wecom, questions)
        events = await on.events()
    result = judge(questions, on.wecom.shown)
    return [
        exactly("answered exactly once", result.answered - len(result.twice), count),
        exactly("gettoken calls", on.wecom.counts["gettoken"], 1),
        exactly("sends repeated", len(on.wecom.repeats()), 0),
        exactly("repeats recognised", events["duplicate"], count),
        exactly("model calls", len(on.model.requests), count),
        at_most("ack p99", percentile(took, 99) * 1000, 50, "ms"),
        Figure("question to answer p99", percentile(result.seconds, 99), "s"),
    ]


async def kill(play: Play) -> list[Figure]:
    """20 in flight, SIGKILL to supervisor, parts and store, restart, `kills` times over."""
    count, chance = 20, random.Random(play.seed)
    async with deepseek.running(DeepSeek(usual=play.script(2.0))) as model, wecom.running(WatchedWeCom()) as corp:
        assert isinstance(corp, WatchedWeCom)
        copied(play.library, play.folder)
        port = free_port()
        settings = configuration(play.folder / "data", port=port, wecom_base=corp.base, model_base=model.base)
        whole = Whole(written(play.folder / "whole.yaml", settings), port, play.folder / "whole.log")
        try:
            whole.start()
            await until_up(port)
            questions = _asked(count, count)
            door = Door(port)
            await _post_all((door,), questions, rate=100.0)
            killed = await _kill_and_restart(whole, play.kills, chance)
            await _all_answered(corp, questions, seconds=60)
            door.close()
        finally:
            await asyncio.to_thread(whole.stop)
    result, restarted = judge(questions, corp.shown), killed[-1]
    last = max((shown.time for shown in corp.shown), default=0.0)
    stray = [repeat for repeat in corp.repeats() if not inside_a_send(repeat, killed)]
    return [
        exactly("acknowledged and answered", result.answered, count),
        at_most("last answer after the kill", last - restarted, 60, "s"),
        exactly("seen twice by a person", len(result.twice), 0),
        exactly("sends repeated without a kill inside", len(stray), 0),
        Figure("sends repeated because a kill fell inside", len(corp.repeats()) - len(stray)),
        Figure("kills of everything", len(killed)),
    ]


async def overload(play: Play) -> list[Figure]:
    """Ten times what the model can take: everyone is answered or told to wait, and the counters agree."""
    count, capacity = play.count(600), 20.0
    sections = {"model": {"max_concurrency": 8}, "server": {"backlog": 30}}
    async with play.stage(play.script(8 / capacity), **sections) as on:
        questions = _asked(count, count)
        before, shown = await on.events(), len(on.wecom.shown)
        await _post_all(on.doors, questions, rate=10 * capacity)
        await _all_answered(on.wecom, questions)
        await until(lambda: len(on.wecom.shown) - shown >= count, 1)
        after = await on.events()
    result = judge(questions, on.wecom.shown)
    told = [message for message in on.wecom.shown[shown:] if not answered_ids([message])]
    heard = {message.user for message in on.wecom.shown}
    outcomes = sum(_rise(before, after, name) for name in after if name.startswith("outcome:"))
    return [
        exactly("answered exactly once", result.answered - len(result.twice), count),
        exactly("neither answered nor told to wait", sum(question.user not in heard for question in questions), 0),
        at_least("told to wait", len(told), 1),
        Figure("first word to anybody p99", percentile(_first_words(questions, on), 99), "s"),
        exactly("counter accepted", _rise(before, after, "accepted"), count),
        exactly("counter committed", _rise(before, after, "committed"), count),
        exactly("counter of all outcomes", outcomes, count),
        exactly("counter told_to_wait", _rise(before, after, "told_to_wait"), len(told)),
        exactly("counter sent", _rise(before, after, "sent"), count + len(told)),
    ]


async def people_apart(play: Play) -> list[Figure]:
    """50 people at once, two replicas, two workers: no answer reaches another."""
    count = play.count(400)
    async with play.stage(play.script(0.5), webs=2, others=(("worker",), ("worker", "sender"))) as on:
        questions = _asked(count, 50)
        await _post_all(on.doors, questions, rate=40.0)
        await _all_answered(on.wecom, questions)
    result = judge(questions, on.wecom.shown)
    return [
        exactly("answered exactly once", result.answered - len(result.twice), count),
        exactly("reached another person", len(result.misdirected), 0),
        exactly("out of order", len(result.disordered), 0),
    ]


SCENARIOS: dict[str, Scenario] = {
    "steady": steady,
    "repeats": repeats,
    "slow": slow,
    "kill": kill,
    "overload": overload,
    "people": people_apart,
}


# --- what they share ----------------------------------------------------------------------------


async def _warm(on: Stage) -> None:
    questions = Writer("W").ask_all(f"warm{n}" for n in range(4))
    await _post_all(on.doors, questions, rate=10.0)
    await _all_answered(on.wecom, questions)


def _asked(count: int, users: int) -> list[Question]:
    """`count` questions, the people taking turns."""
    names = people(users)
    return Writer().ask_all(names[n % users] for n in range(count))


async def _post_all(
    doors: Sequence[Door], questions: Sequence[Question], *, rate: float, copies: int = 1, again: bool = False
) -> list[float]:
    """Post open loop, copies side by side to alternating doors; seconds from when each was due to its ack."""
    start = time.time() + 0.05

    async def post(n: int, question: Question, due: float) -> list[float]:
        statuses = [_timed(doors[(n + copy) % len(doors)], question, due) for copy in range(copies)]
        return list(await asyncio.gather(*statuses))

    tasks = []
    for n, question in enumerate(questions):
        due = start + n / rate
        if not again:
            question.posted = due
        await asyncio.sleep(max(due - time.time(), 0))
        tasks.append(asyncio.create_task(post(n, question, due)))
    return [took for some in await asyncio.gather(*tasks) for took in some]


async def _timed(door: Door, question: Question, due: float) -> float:
    """Marks the question as acknowledged when it was. Raises `RuntimeError` for any other answer than 200."""
    status = await door.post(question.data)
    now = time.time()
    if status != 200:
        raise RuntimeError(f"question {question.id} was answered {status}")
    question.acked = question.acked or now
    return now - due


async def _all_answered(corp: WatchedWeCom, questions: Sequence[Question], seconds: float = DRAIN_SECONDS) -> None:
    """Waits until every question has its answer, or the time is over; the judgement tells."""
    wanted = {question.id for question in questions}
    await until(lambda: wanted <= answered_ids(corp.shown), seconds)


async def _kill_and_restart(whole: Whole, times: int, chance: random.Random) -> list[float]:
    """When it was killed, each time."""
    killed = []
    for n in range(times):
        if n:
            await asyncio.sleep(chance.uniform(0.5, 6.0))
        killed.append(time.time())
        whole.kill_all()
        whole.start()
        await until_up(whole.port)
    return killed


def inside_a_send(repeat: tuple[float, float], kills: Sequence[float], span: float = INSIDE_SECONDS) -> bool:
    """Whether a kill came between a send's arrival at the platform and our commit of it, and before its repeat."""
    sent, sent_again = repeat
    return any(sent - span <= killed <= min(sent + span, sent_again) for killed in kills)


def _first_words(questions: Sequence[Question], on: Stage) -> list[float]:
    """Seconds until each person saw anything."""
    first: dict[str, float] = {}
    for message in on.wecom.shown:
        first.setdefault(message.user, message.time)
    return [first[question.user] - question.posted for question in questions if question.user in first]


def _rise(before: dict[str, int], after: dict[str, int], name: str) -> int:
    return after.get(name, 0) - before.get(name, 0)
