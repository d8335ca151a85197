"""What is asked and what comes back: every question carries an id that its answer repeats, so nothing is guessed."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from benchmarks.processes import CALLBACK
from benchmarks.wire import request
from tests.simulators.wecom import Shown, WeCom
from tests.simulators.wecom_caller import Caller

QUESTIONS = (
    "残疾人自主创业有什么补贴",
    "高龄津贴发放标准是什么",
    "公共租赁住房的申请条件是什么",
    "最低生活保障申请要什么材料",
    "既有住宅加装电梯怎么申请补助资金",
)
"""The sample library answers each, also several times in one turn."""
_ID = re.compile(r"编号([A-Z]\d{4})")


@dataclass(slots=True)
class Question:
    """One message of one person. Times are seconds since the epoch; `acked` is 0 until a 200 came."""

    id: str
    user: str
    data: bytes
    posted: float = 0.0
    acked: float = 0.0


class Writer:
    """Makes questions, signed and ready for the wire; a person keeps to one topic, so that a burst of theirs can be one
    question. No id twice from one writer; ids begin at `letter`.
    """

    def __init__(self, letter: str = "A") -> None:
        self._letter = letter
        self._caller = Caller()
        self._numbers = itertools.count(1)

    def ask(self, user: str) -> Question:
        n = next(self._numbers)
        id_ = f"{chr(ord(self._letter) + n // 10_000)}{n % 10_000:04d}"
        return self.say(user, f"{QUESTIONS[sum(user.encode()) % len(QUESTIONS)]}？编号{id_}", id_)

    def say(self, user: str, text: str, id_: str = "") -> Question:
        """A message in one's own words; without an id nobody can tell its answer."""
        return Question(id_, user, request(CALLBACK, self._caller.text(user, text)))

    def ask_all(self, users: Iterable[str]) -> list[Question]:
        return [self.ask(user) for user in users]


def people(count: int) -> list[str]:
    return [f"person{n:03d}" for n in range(count)]


@dataclass(frozen=True, slots=True)
class Send:
    """One request to message/send as it reached the platform; `digest` is equal for identical words to one member."""

    digest: str
    arrived: float


@dataclass(slots=True)
class WatchedWeCom(WeCom):
    """The simulated platform, with a record of every send request, the hidden repeats too."""

    sends: list[Send] = field(default_factory=list)

    def application(self) -> web.Application:
        app = WeCom.application(self)
        app.middlewares.append(self._watch())
        return app

    def _watch(self) -> Middleware:
        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.endswith("/message/send"):
                self.note(await request.read(), self.clock())
            return await handler(request)

        return watch

    def note(self, body: bytes, arrived: float) -> None:
        self.sends.append(Send(hashlib.blake2b(body, digest_size=12).hexdigest(), arrived))

    def repeats(self) -> list[tuple[float, float]]:
        """For every repeated send the arrivals of the one before and of the repeat."""
        last: dict[str, float] = {}
        found = []
        for send in self.sends:
            if send.digest in last:
                found.append((last[send.digest], send.arrived))
            last[send.digest] = send.arrived
        return found


def ids_in(message: Shown) -> list[str]:
    """The ids a shown message answers, in its order, each once."""
    return list(dict.fromkeys(_ID.findall(str(message.content.get("content", "")))))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the questions that were acknowledged."""

    asked: int
    acked: int
    unanswered: list[str]
    twice: list[str]
    misdirected: list[str]
    disordered: list[str]
    seconds: list[float]
    """From the first post to the answer, per answered question."""

    @property
    def answered(self) -> int:
        return self.acked - len(self.unanswered)


def judge(questions: Sequence[Question], shown: Sequence[Shown]) -> Judgement:
    """`questions` in the order they were asked; `shown` in the order the members saw it."""
    owner = {question.id: question for question in questions}
    first: dict[str, float] = {}
    times, misdirected = Counter[str](), []
    for id_, message in _answers(shown):
        times[id_] += 1
        first.setdefault(id_, message.time)
        if id_ in owner and owner[id_].user != message.user:
            misdirected.append(id_)
    acked = [question for question in questions if question.acked]
    return Judgement(
        asked=len(questions),
        acked=len(acked),
        unanswered=[question.id for question in acked if question.id not in first],
        twice=[id_ for id_, count in times.items() if count > 1],
        misdirected=misdirected,
        disordered=disorder(questions, shown),
        seconds=[first[question.id] - question.posted for question in acked if question.id in first],
    )


def disorder(questions: Sequence[Question], shown: Sequence[Shown]) -> list[str]:
    """Ids whose first answer came after the answer of a later question of the same person."""
    place = {question.id: n for n, question in enumerate(questions)}
    latest: defaultdict[str, int] = defaultdict(lambda: -1)
    seen, found = set[str](), []
    for id_, message in _answers(shown):
        if id_ in seen or id_ not in place:
            continue
        seen.add(id_)
        if place[id_] < latest[message.user]:
            found.append(id_)
        latest[message.user] = max(latest[message.user], place[id_])
    return found


def _answers(shown: Sequence[Shown]) -> Iterator[tuple[str, Shown]]:
    return ((id_, message) for message in shown for id_ in ids_in(message))


async def until(fact: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(pause)
    return True


def answered_ids(shown: Sequence[Shown]) -> set[str]:
    return {id_ for id_, _ in _answers(shown)}
