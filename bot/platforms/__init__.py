"""What every messenger implements. A platform file translates and sends; it keeps nothing and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.message import Message, Reply


@dataclass(frozen=True, slots=True)
class Callback:
    """One HTTP request from a messenger, as it came."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a callback turned out to be. `message` is None for events we ignore; `response` is the body to answer
    once the message is durable (empty text where the platform wants none).
    """

    message: Message | None
    response: str = ""
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Wire:
    """Exactly one send call: `call` names it in the platform's own file, `body` is its JSON. Rendered when the turn is
    committed, so that a retry repeats the very same words.
    """

    call: str
    body: dict[str, Any]
    paced: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """One `Wire` on its way: to whom, under which idempotency key, with the platform's own data of the message."""

    key: str
    conversation: str
    recipient: str
    wire: Wire
    origin: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `count` paced sends to one recipient in `seconds`."""

    count: int
    seconds: int


class Surface(Protocol):
    """Where a reply can be shown."""

    @property
    def paces(self) -> tuple[Pace, ...]:
        """How often one recipient may be written to; all of them hold."""
        ...

    def render(self, reply: Reply, message: Message) -> tuple[Wire, ...]:
        """Cut a reply into send calls within this surface's limits, in order. Pure: equal input, equal output."""
        ...

    async def send(self, delivery: Delivery) -> None:
        """Make one send call. Raises `Unavailable` (try again) or `Undeliverable` (never will)."""
        ...


class Platform(Surface, Protocol):
    """One account on one messenger: a surface that also calls us."""

    def receive(self, callback: Callback) -> Receipt:
        """Verify, decrypt and parse in one call, without any I/O. Raises `Refused` for what must not be accepted."""
        ...
