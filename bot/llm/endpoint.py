"""One endpoint: its tries, its patience, and its errors put into our words."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic

import openai
from openai.types.chat import ChatCompletionMessageParam
from pydantic import TypeAdapter

from bot.llm.thoughts import Thoughts
from bot.prompts import Prompt, Tier

PAUSES = (0.3, 1.0)
"""Seconds before the second and the third try; there is no fourth."""
LONGEST_PAUSE = 5.0
"""A server that asks for more patience than this is left for the next endpoint."""
FAILURES = 5
REST_SECONDS = 30.0
"""After so many failures in a row an endpoint is left alone for so long, so that nobody waits for a dead server."""
_AGAIN = {408, 409, 425, 429}
_QUESTION = {400, 413, 422}
"""Refusals of one question; they say nothing about the health of the server."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model answers, and what it calls its models. `tls_ca` is the file of an authority of one's own."""

    base_url: str
    api_key: str = field(repr=False)
    chat: str
    reasoner: str
    proxy: str = field(default="", repr=False)
    tls_ca: str = ""

    def model(self, tier: Tier) -> str:
        return self.reasoner if tier == "reasoner" else self.chat


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect; to the first event, which also bounds the wait for a free place; between two events; and
    for the whole call with all its tries.
    """

    connect: float = 5.0
    first_token: float = 30.0
    idle: float = 20.0
    total: float = 150.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one endpoint, safe to log. `outcome` is done, timeout, connection, http_<status>, nonsense, cut,
    empty or abandoned; `tokens` is what the server counted, 0 when it did not say.
    """

    prompt: str
    model: str
    outcome: str
    ms: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Request:
    """`whole` answers are given in one piece, so that one that breaks off can be tried again. `refused` is an earlier
    answer that could not be read.
    """

    prompt: Prompt
    whole: bool = False
    refused: str = ""

    @property
    def messages(self) -> list[ChatCompletionMessageParam]:
        """The fixed text first: what calls have in common at their beginning, the server remembers."""
        said: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": self.prompt.system},
            {"role": "user", "content": self.prompt.user},
        ]
        if self.refused:
            said += [{"role": "assistant", "content": self.refused}, {"role": "user", "content": self.prompt.repair}]
        return said


class Failed(Exception):
    """A try failed. `begun`: words were given away already. `again`: the same endpoint may be asked once more, after
    `wait` seconds.
    """

    def __init__(self, outcome: str, *, again: bool = False, wait: float = 0.0) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.again = again and wait <= LONGEST_PAUSE
        self.wait = wait
        self.begun = False


class Client:
    """One connection pool, and whether it is worth asking."""

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts, record: Callable[[Call], None]) -> None:
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._record = record
        self._failures = 0
        self._rests_until = 0.0
        # Silence is bounded event by event below; what the library bounds is the connecting.
        patience = openai.Timeout(None, connect=timeouts.connect)
        self._api = openai.AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            max_retries=0,
            timeout=patience,
            http_client=openai.DefaultAsyncHttpxClient(
                timeout=patience,
                proxy=endpoint.proxy or None,
                verify=ssl.create_default_context(cafile=endpoint.tls_ca) if endpoint.tls_ca else True,
                trust_env=False,
            ),
        )

    async def aclose(self) -> None:
        await self._api.close()

    async def answer(self, request: Request, deadline: float) -> AsyncGenerator[str, None]:
        """The visible words, tried again while none was given away. Raises `Failed`."""
        for pause in (*PAUSES, None):
            try:
                async with aclosing(self._recorded(request, deadline)) as deltas:
                    async for delta in deltas:
                        yield delta
            except Failed as failed:
                if failed.begun or not failed.again or pause is None:
                    raise
                wait = max(pause, failed.wait)
            else:
                return
            await asyncio.sleep(wait)

    async def _recorded(self, request: Request, deadline: float) -> AsyncGenerator[str, None]:
        """One try, recorded however it ends."""
        if _now() < self._rests_until:
            raise Failed("resting")
        started, spoken, outcome = monotonic(), _Spoken(), "abandoned"
        try:
            async with aclosing(self._visible(request, deadline, spoken)) as texts:
                if request.whole:
                    yield "".join([text async for text in texts])
                else:
                    async for text in texts:
                        yield text
            outcome = "done"
            self._failures = 0
        except Failed as failed:
            outcome = failed.outcome
            failed.begun = spoken.begun and not request.whole
            raise
        finally:
            ms = round((monotonic() - started) * 1000)
            model = self._endpoint.model(request.prompt.model)
            self._record(Call(request.prompt.name, model, outcome, ms, spoken.tokens))

    async def _visible(self, request: Request, deadline: float, spoken: _Spoken) -> AsyncGenerator[str, None]:
        """The words a person may see. The library's errors become ours here, without what they quote."""
        try:
            async with aclosing(self._events(request, deadline)) as events:
                async for event in events:
                    if text := spoken.take(event):
                        yield text
            if text := spoken.end():
                yield text
        except (TimeoutError, openai.APITimeoutError):
            # A server that hangs is not asked again: the person has waited long enough.
            raise self._unwell("timeout") from None
        except openai.APIStatusError as error:
            raise self._refused(error) from None
        except openai.APIConnectionError:
            raise self._unwell("connection", again=True) from None
        except (openai.APIError, ValueError):
            raise Failed("nonsense", again=True) from None

    async def _events(self, request: Request, deadline: float) -> AsyncGenerator[_Chunk, None]:
        # Plain objects, read by ourselves: building the library's own takes most of a worker with 300 answers at once.
        limits, stream = self._timeouts, None
        try:
            async with asyncio.timeout_at(min(_now() + limits.first_token, deadline)):
                stream = await self._api.post(
                    "/chat/completions",
                    cast_to=object,
                    body=self._body(request),
                    stream=True,
                    stream_cls=openai.AsyncStream[object],
                )
                event = await anext(stream, None)
            while event is not None:
                yield _CHUNK.validate_python(event)
                async with asyncio.timeout_at(min(_now() + limits.idle, deadline)):
                    event = await anext(stream, None)
        finally:
            if stream is not None:
                await stream.close()

    def _body(self, request: Request) -> dict[str, object]:
        prompt = request.prompt
        return {
            "model": self._endpoint.model(prompt.model),
            "messages": request.messages,
            "temperature": prompt.temperature,
            "max_tokens": prompt.max_tokens,
            **({"response_format": {"type": "json_object"}} if prompt.repair else {}),
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def _refused(self, error: openai.APIStatusError) -> Failed:
        status = error.status_code
        outcome = f"http_{status}"
        if status in _QUESTION:
            return Failed(outcome)
        return self._unwell(outcome, again=status in _AGAIN or status >= 500, wait=_retry_after(error))

    def _unwell(self, outcome: str, *, again: bool = False, wait: float = 0.0) -> Failed:
        """A failure that speaks against the whole endpoint; too many in a row and it rests."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._failures = 0
            self._rests_until = _now() + REST_SECONDS
        return Failed(outcome, again=again, wait=wait)


@dataclass(frozen=True, slots=True)
class _Delta:
    content: str | None = None


@dataclass(frozen=True, slots=True)
class _Choice:
    delta: _Delta = _Delta()
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Usage:
    total_tokens: int = 0


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What we read of one event; servers add fields of their own."""

    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None


_CHUNK = TypeAdapter(_Chunk)


class _Spoken:
    """What one answer has said so far."""

    def __init__(self) -> None:
        self.tokens = 0
        self.begun = False
        self._thoughts = Thoughts()
        self._finish = ""

    def take(self, event: _Chunk) -> str:
        if event.usage:
            self.tokens = event.usage.total_tokens
        if not event.choices:
            return ""
        choice = event.choices[0]
        self._finish = choice.finish_reason or self._finish
        return self._visible(self._thoughts.feed(choice.delta.content or ""))

    def end(self) -> str:
        """The last words. Raises `Failed` for an answer that is not whole: half a rule may be the wrong half."""
        last = self._visible(self._thoughts.flush())
        if self._finish != "stop":
            raise Failed("cut", again=True)
        if not self.begun:
            raise Failed("empty", again=True)
        return last

    def _visible(self, text: str) -> str:
        text = text if self.begun else text.lstrip()
        self.begun = self.begun or bool(text)
        return text


def _retry_after(error: openai.APIStatusError) -> float:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return 0.0


def _now() -> float:
    return asyncio.get_running_loop().time()
