"""The nouns: what is said to us and what we say back. Standard library only.

Every type is a frozen value. Unions carry a literal `kind`, so that stored values can be read back without guessing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """Who is speaking, as far as an answer must know."""

    RESIDENT = "resident"
    STAFF = "staff"


# --- what is said to us ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Command:
    """A button, a menu entry or a typed event: a name that code chose, never a model or a person."""

    name: str
    argument: str = ""
    kind: Literal["command"] = "command"


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, voice, video or file the platform holds for us. `transcript` is its own speech recognition, if any."""

    type: Literal["image", "voice", "video", "file"]
    media_id: str
    name: str = ""
    format: str = ""
    transcript: str = ""
    kind: Literal["media"] = "media"


@dataclass(frozen=True, slots=True)
class Location:
    latitude: float
    longitude: float
    label: str = ""
    kind: Literal["location"] = "location"


@dataclass(frozen=True, slots=True)
class Link:
    title: str
    description: str
    url: str
    kind: Literal["link"] = "link"


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Something the person sent that we cannot use; `type` is the platform's own word for it."""

    type: str
    kind: Literal["unsupported"] = "unsupported"


Part = Text | Command | Media | Location | Link | Unsupported


@dataclass(frozen=True, slots=True)
class Message:
    """One verified inbound utterance.

    `id` is unique over all platforms and accounts and is the key by which repeats are recognised. `origin` is what the
    platform needs to answer this very message (a response code, a session webhook); only the platform reads it.
    `time` is the platform's, in seconds since the epoch.
    """

    id: str
    platform: str
    account: str
    conversation: str
    sender: str
    parts: tuple[Part, ...]
    time: float
    role: Role = Role.RESIDENT
    origin: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What the person said, in the order said: texts and transcripts, one per line."""
        spoken = (part.text if isinstance(part, Text) else getattr(part, "transcript", "") for part in self.parts)
        return "\n".join(filter(None, spoken))

    @property
    def command(self) -> Command | None:
        return next((part for part in self.parts if isinstance(part, Command)), None)


# --- what we say back --------------------------------------------------------------------------


class Outcome(StrEnum):
    """The named ending of a turn. Every one has its sentence in prompts/replies.toml."""

    ANSWERED = "answered"
    ANSWERED_BY_QUOTATION = "answered_by_quotation"
    ANSWERED_HELP = "answered_help"
    ANSWERED_GREETING = "answered_greeting"
    ANSWERED_THANKS = "answered_thanks"
    ANSWERED_MENU = "answered_menu"
    ANSWERED_WELCOME = "answered_welcome"
    ANSWERED_FORGOTTEN = "answered_forgotten"
    CLARIFY = "clarify"
    CLARIFY_EMPTY = "clarify_empty"
    CLARIFY_TOO_LONG = "clarify_too_long"
    UNANSWERABLE_NO_SOURCE = "unanswerable_no_source"
    UNANSWERABLE_MEDIA = "unanswerable_media"
    UNANSWERABLE_VOICE = "unanswerable_voice"
    ERROR_HANDLER = "error_handler"
    ERROR_INTERRUPTED = "error_interrupted"
    NOTICE_WAIT = "notice_wait"
    NONE = "none"
    """A turn that ends without a word, such as an event nobody waits on."""


@dataclass(frozen=True, slots=True)
class Source:
    """A clause a reply rests on. `quote` is verbatim; `status` is 有效, 已修改, 已废止 or 失效; `date` is ISO 8601."""

    document: str
    number: str
    issuer: str
    date: str
    status: str
    clause: str
    quote: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A next step the person can take with one tap."""

    label: str
    command: Command


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """Plain text; `[1]` marks refer to the reply's sources in order, from 1."""

    text: str
    kind: Literal["paragraphs"] = "paragraphs"


@dataclass(frozen=True, slots=True)
class Card:
    """A titled box with a link; platforms without cards show it as text."""

    title: str
    body: str
    url: str = ""
    kind: Literal["card"] = "card"


@dataclass(frozen=True, slots=True)
class File:
    """A file for the person. `path` is readable by the sender process until the reply has left."""

    name: str
    path: str
    kind: Literal["file"] = "file"


@dataclass(frozen=True, slots=True)
class Image:
    name: str
    path: str
    kind: Literal["image"] = "image"


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` are as wide as `headers`; platforms that cannot draw tables show one line a row."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    kind: Literal["table"] = "table"


ReplyPart = Paragraphs | Card | File | Image | Table


@dataclass(frozen=True, slots=True)
class Reply:
    """What we answer, platform-neutral. `label` is the AI line, empty for fixed sentences; `number` the short reply
    number that makes two replies with equal words differ (it is set when the turn is committed). `asked` is what was
    taken for the question when a tap or a number stood for it, so that a follow-up has something to lean on.
    """

    outcome: Outcome
    parts: tuple[ReplyPart, ...] = ()
    sources: tuple[Source, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    label: str = ""
    number: str = ""
    asked: str = ""

    @property
    def text(self) -> str:
        """All words of the reply, for logs of length, history and the terminal."""
        return "\n\n".join(filter(None, (_words(part) for part in self.parts)))


def _words(part: ReplyPart) -> str:
    match part:
        case Paragraphs(text):
            return text
        case Card(title, body):
            return f"{title}\n{body}"
        case File(name) | Image(name):
            return name
        case Table(headers, rows, title):
            return "\n".join(filter(None, [title, "\t".join(headers), *("\t".join(row) for row in rows)]))
