"""The inbox: what was said to us, kept until it is answered.

A message is durable and remembered before it is acknowledged; a turn's whole effect is one commit, refused when the
lease was lost. The scripts are `bot/lua/inbox_*.lua`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot import records
from bot.conversation import Conversation
from bot.errors import StaleLease, UnknownVersion
from bot.lane import MOST_ITEMS, Claim, Idle, Lane, parse_claim
from bot.message import Message, Outcome, Text
from bot.store import Store, translated

SEEN_SECONDS = 24 * 3600
"""Longer than any platform retries."""

FAILED_SECONDS = 30 * 86_400
"""How long a failed message waits for an operator."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """A burst is one turn: wait `quiet` seconds after each message, at most `limit` after the first."""

    quiet: float = 1.2
    limit: float = 4.0


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a conversation keeps: at most so many turns, for at most so many days."""

    turns: int = 20
    days: float = 30.0


@dataclass(frozen=True, slots=True)
class Accepted:
    """`duplicate`: seen within 24 h, nothing was changed. `waiting` counts conversations with work, ours included."""

    duplicate: bool
    waiting: int


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed conversation and the messages of its next turn, oldest first. None: a newer program must read them."""

    claim: Claim
    messages: tuple[Message, ...]
    conversation: Conversation
    epoch: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A message that could not be answered, as the operator lists it. `items` are the stored messages."""

    id: str
    conversation: str
    outcome: Outcome
    cause: str
    time: float
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """An entry for a page's own log, written in the same step as the message. `most` entries are kept for `seconds`."""

    key: str
    entry: bytes
    seconds: int
    most: int


class Inbox:
    """The lane of inbound messages. `lease` is in seconds."""

    def __init__(self, store: Store, *, lease: float, gathering: Gathering, keeping: Keeping) -> None:
        self.store = store
        self.lane = Lane(store, "in", lease=lease)
        self._gathering = gathering
        self._keeping = keeping

    async def receive(self, message: Message, log: Log | None = None) -> Accepted:
        """Remember, append, make due, all in one durable step; a repeat changes nothing.

        Raises `StoreUnavailable`; then nothing may be acknowledged, and the same message may be put again.
        """
        gather = self._gathering if _gathers(message) else Gathering(0, 0)
        page = log or Log("", b"", 0, 0)
        new, waiting = await self.store.run_shared(
            "inbox_put",
            self.store.unit,
            message.conversation,
            records.dump(message),
            int(gather.quiet * 1000),
            int(gather.limit * 1000),
            SEEN_SECONDS,
            page.entry,
            page.seconds,
            page.most,
            keys=(self.store.key("seen", message.id), page.key or self.store.key("none")),
        )
        return Accepted(duplicate=not new, waiting=waiting)

    async def take(self) -> Work | Idle:
        """The conversation due first, under lease, with its next turn."""
        answer = await self.store.run("inbox_claim", self.store.unit, self.lane.lease_ms, MOST_ITEMS)
        claim = parse_claim(answer)
        return claim if isinstance(claim, Idle) else _work(claim, answer[6], answer[7])

    async def commit(
        self,
        work: Work,
        *,
        outcome: Outcome,
        conversation: Conversation | None,
        effects: Sequence[bytes] = (),
        failure: Failure | None = None,
        now: float,
    ) -> None:
        """Everything the turn changed, or nothing: raises `StaleLease` when another worker holds the conversation.

        `conversation` None erases what was remembered.
        """
        done = await self.store.run(
            "inbox_commit",
            self.store.unit,
            work.claim.conversation,
            work.claim.lease,
            len(work.messages),
            self._stored(conversation, now),
            int(self._keeping.days * 86_400),
            outcome,
            failure.id if failure else "",
            records.dump(failure) if failure else "",
            FAILED_SECONDS,
            *effects,
        )
        if not done:
            raise StaleLease(work.claim.conversation)

    def _stored(self, conversation: Conversation | None, now: float) -> bytes:
        if conversation is None:
            return b"-"
        return records.pack(conversation.within(turns=self._keeping.turns, days=self._keeping.days, now=now))

    async def failures(self) -> list[Failure]:
        """What waits for an operator, oldest first."""
        with translated():
            ids: list[bytes] = await self.store.redis.zrange(self.store.key("failed"), 0, -1)  # type: ignore[assignment]
            keys = [self.store.key("failed", id_.decode()) for id_ in ids]
            found = await self.store.redis.mget(keys) if keys else []
        return records.load_known(Failure, found)

    async def replay(self, failure: Failure) -> bool:
        """Put its messages back, due at once; False when it is no longer listed (replayed or expired)."""
        args = (self.store.unit, failure.id, failure.conversation, *failure.items)
        return bool(await self.store.run("inbox_replay", *args))


def _gathers(message: Message) -> bool:
    """Typed words may be followed by more; a command or a file means "now"."""
    return all(isinstance(part, Text) for part in message.parts)


def _work(claim: Claim, conversation: bytes, epoch: int) -> Work:
    try:
        stored = records.unpack(Conversation, conversation) if conversation else Conversation(claim.conversation)
    except UnknownVersion:
        return Work(claim, (), Conversation(claim.conversation), epoch)
    return Work(claim, _next_turn(claim), stored, epoch)


def _next_turn(claim: Claim) -> tuple[Message, ...]:
    """The longest run of messages that belong together, from the head. After a failure one at a time, so that one
    message that cannot be answered takes no other with it.
    """
    burst: list[Message] = []
    for item in claim.items:
        try:
            message = records.load(Message, item)
        except UnknownVersion:
            break
        if burst and not (_gathers(message) and _gathers(burst[0])):
            break
        burst.append(message)
        if claim.tries or claim.lost:
            break
    return tuple(burst)


def parse_items(work: Work) -> tuple[str, ...]:
    """The stored form of the turn's messages, for an operator's replay."""
    return tuple(item.decode() for item in work.claim.items[: len(work.messages)])
