"""`/api/v1`: the door of the chat page and the mini-program. `openapi.yaml` beside this file is the contract."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.errors import StoreUnavailable
from bot.http.feed import Cursor, Feed
from bot.http.sessions import Session, Sessions
from bot.message import Command, Reply, Role
from bot.people import Employee
from bot.platforms.web import WebPage, message_of, said_of
from bot.prompts import Replies
from bot.reception import Reception

log = structlog.get_logger("api")

MOST_BYTES = 600 * 1024
"""100 kB of text, each byte escaped in JSON, and the rest of the request."""
BEAT_SECONDS = 15.0
POLL_SECONDS = 20.0
FRAME_SECONDS = 0.1
"""A stream looks again at most this often, so that many streams share one process."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Body = TypeVar("Body", bound=BaseModel)
_STATUS = {"bad_request": 400, "unauthorized": 401, "forbidden": 403, "too_large": 413, "unavailable": 503}


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SessionRequest(_Request):
    role: Annotated[Literal["resident", "staff"], Field(alias="as")] = "resident"


class CommandRequest(_Request):
    name: str = Field(pattern=r"^[a-z0-9_.-]{1,64}$")
    argument: str = Field("", max_length=2000)


class MessageRequest(_Request):
    id: UUID
    text: str = Field("", max_length=102_400)
    command: CommandRequest | None = None

    @model_validator(mode="after")
    def _says_something(self) -> MessageRequest:
        if not self.text and self.command is None:
            raise ValueError("text or command is needed")
        return self


class ApiError(Exception):
    """Ends a request with one of the contract's errors."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Api:
    """Every handler answers as the contract says, whatever happens behind it."""

    def __init__(
        self,
        *,
        reception: Reception,
        page: WebPage,
        sessions: Sessions,
        feed: Feed,
        replies: Replies,
        employee: Employee,
        greet: Callable[[Role], Reply],
        demo: bool,
    ) -> None:
        self._reception = reception
        self._page = page
        self._sessions = sessions
        self._feed = feed
        self._replies = replies
        self._employee = employee
        self._greet = greet
        self._demo = demo
        self._closing = False

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/v1/sessions", self._guarded(self._create_session)),
            web.post("/api/v1/messages", self._guarded(self._post_message)),
            web.get("/api/v1/events", self._guarded(self._follow_events)),
            web.get("/api/v1/history", self._guarded(self._read_history)),
        ]

    def close(self) -> None:
        """End every stream; their readers come back elsewhere or later."""
        self._closing = True
        self._feed.wake_all()

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except ApiError as error:
                return self._error(error.error)
            except StoreUnavailable as error:
                log.error("store unavailable", path=request.path, reason=error.reason)
                return self._error("unavailable")

        return guarded

    def _error(self, error: str) -> web.Response:
        headers = {"Retry-After": "2"} if error == "unavailable" else {}
        said = {"error": error, "message": self._replies.sentence(f"web.{error}")}
        return _json(said, status=_STATUS[error], headers=headers)

    async def _create_session(self, request: web.Request) -> web.Response:
        wanted = await _parsed(SessionRequest, request)
        role = Role(wanted.role)
        if role is Role.STAFF and not self._demo:
            raise ApiError("forbidden")
        said = {
            "token": await self._sessions.create(role),
            "as": role.value,
            "employee": {"name": self._employee.name, "unit": self._employee.unit},
            "greeting": said_of(self._greet(role)),
            "label": self._replies.sentence("web.label"),
            "demo": self._demo,
        }
        return _json(said, status=201)

    async def _post_message(self, request: web.Request) -> web.Response:
        session = await self._session(request)
        posted = await _parsed(MessageRequest, request)
        command = Command(posted.command.name, posted.command.argument) if posted.command else None
        message = message_of(
            conversation=session.conversation,
            client_id=str(posted.id),
            text=posted.text,
            command=command,
            role=session.role,
            now=round(time.time(), 3),
        )
        accepted = await self._reception.accept(message, self._page.log_of(message, str(posted.id)))
        return _json({"id": str(posted.id), "duplicate": accepted.duplicate}, status=202)

    async def _read_history(self, request: web.Request) -> web.Response:
        session = await self._session(request)
        events, cursor = await self._feed.history(session.conversation)
        return _json({"events": [event.as_json() for event in events], "cursor": str(cursor)})

    async def _follow_events(self, request: web.Request) -> web.StreamResponse:
        session = await self._session(request)
        cursor = Cursor.parse(request.headers.get("Last-Event-ID") or request.query.get("after", ""))
        if "application/json" in request.headers.get("Accept", ""):
            return await self._poll(session, cursor)
        return await self._stream(request, session, cursor)

    async def _poll(self, session: Session, cursor: Cursor) -> web.Response:
        end = time.monotonic() + POLL_SECONDS
        async with self._feed.watching(session.conversation) as changed:
            while True:
                changed.clear()
                events = await self._feed.events(session.conversation, cursor)
                if events or time.monotonic() >= end or self._closing:
                    break
                await _until(changed, end - time.monotonic())
        after = events[-1].cursor if events else cursor
        return _json({"events": [event.as_json() for event in events], "cursor": str(after)})

    async def _stream(self, request: web.Request, session: Session, cursor: Cursor) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        await response.write(b": \n\n")
        try:
            async with self._feed.watching(session.conversation) as changed:
                await self._write_events(response, session, cursor, changed)
        except (StoreUnavailable, ConnectionResetError):
            pass  # the reader comes back after its last cursor
        return response

    async def _write_events(
        self, response: web.StreamResponse, session: Session, cursor: Cursor, changed: asyncio.Event
    ) -> None:
        while not self._closing:
            changed.clear()
            events = await self._feed.events(session.conversation, cursor)
            if events:
                cursor = events[-1].cursor
                await response.write(b"".join(event.as_block() for event in events))
                await asyncio.sleep(FRAME_SECONDS)
            if not await _until(changed, BEAT_SECONDS):
                await response.write(b": \n\n")

    async def _session(self, request: web.Request) -> Session:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        session = await self._sessions.find(token) if scheme.lower() == "bearer" and token else None
        if session is None:
            raise ApiError("unauthorized")
        return session


async def _parsed(of: type[Body], request: web.Request) -> Body:
    """The request's JSON body as the contract has it; an empty one counts as an empty object."""
    if (request.content_length or 0) > MOST_BYTES:
        raise ApiError("too_large")
    try:
        return of.model_validate_json(await request.read() or b"{}")
    except web.RequestPayloadError as error:
        raise ApiError("bad_request") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise ApiError("too_large") from error
    except ValidationError as error:
        too_long = any(mistake["type"] == "string_too_long" for mistake in error.errors())
        raise ApiError("too_large" if too_long else "bad_request") from None


async def _until(changed: asyncio.Event, seconds: float) -> bool:
    """Whether it was set in time."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            return await changed.wait()
    except TimeoutError:
        return False


def _json(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return web.json_response(text=text, status=status, headers={"Cache-Control": "no-store", **(headers or {})})
