"""A DeepSeek that runs on loopback: an OpenAI-compatible server that says what its script says.

In a test: `async with running(DeepSeek()) as model`, then `model.base` is the base URL and `model.then(Script(...))`
queues what the next requests meet. Without a script it answers like a good model: it repeats the 编号 of the question
and marks its sentence with the first source. For benchmarks:

    python -m tests.simulators.deepseek --port 9200 --delay 1.0 --tokens-per-second 50

prints its address; GET /_control/counts tells how many requests came and how many are under way.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

Json = dict[str, Any]

_ID = re.compile(r"编号\s*([A-Za-z0-9_-]+)")
_SOURCE = re.compile(r"⟦S\d+⟧")
_QUESTION = re.compile(r"<(?:问题|追问)>\s*(.*?)\s*</(?:问题|追问)>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Script:
    """What one request meets. `said` are the deltas; None is the good answer. `delay` is seconds before the first
    event, `rate` tokens a second (0: at once). `reasoning` comes before as reasoning_content.

    `status` answers with an error instead; `hang` never answers; `cut_after` hangs up after so many deltas; `finish`
    is the finish reason, empty for none; `raw` is sent as it stands instead of events.
    """

    said: tuple[str, ...] | None = None
    reasoning: tuple[str, ...] = ()
    delay: float = 0.0
    rate: float = 0.0
    status: int = 200
    retry_after: str = ""
    hang: bool = False
    cut_after: int = -1
    finish: str = "stop"
    raw: bytes = b""


@dataclass(slots=True)
class DeepSeek:
    """`usual` is met by every request for which no script is queued."""

    usual: Script = Script()
    requests: list[Json] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    base: str = ""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    _scripts: deque[Script] = field(default_factory=deque)
    _leaving: asyncio.Event = field(default_factory=asyncio.Event)

    def then(self, *scripts: Script) -> None:
        self._scripts.extend(scripts)

    def application(self) -> web.Application:
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/_control/counts", self._counts)
        return app

    def leave(self) -> None:
        """Let go of everybody who hangs."""
        self._leaving.set()

    async def _counts(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {"requests": len(self.requests), "running": self.running, "most_running": self.most_running}
        )

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body: Json = await request.json()
        self.requests.append(body)
        self.asked.set()
        self.keys.append(request.headers.get("Authorization", ""))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            return await self._play(self._scripts.popleft() if self._scripts else self.usual, body, request)
        except ConnectionError:
            return web.Response()  # the caller has hung up
        finally:
            self.running -= 1

    async def _play(self, script: Script, body: Json, request: web.Request) -> web.StreamResponse:
        if script.hang:
            await self._leaving.wait()
            return web.Response(status=503)
        if script.status != 200:
            headers = {"Retry-After": script.retry_after} if script.retry_after else {}
            return web.json_response({"error": {"message": "scripted"}}, status=script.status, headers=headers)
        await asyncio.sleep(script.delay)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if script.raw:
            await response.write(script.raw)
            return response
        return await self._speak(script, body, response, request)

    async def _speak(
        self, script: Script, body: Json, response: web.StreamResponse, request: web.Request
    ) -> web.StreamResponse:
        await response.write(_event(body, {"role": "assistant", "content": ""}))
        for thought in script.reasoning:
            await response.write(_event(body, {"reasoning_content": thought}))
        said = script.said if script.said is not None else good_answer(body)
        for n, delta in enumerate(said):
            if n == script.cut_after:
                _hang_up(request)
                return response
            await asyncio.sleep(1 / script.rate if script.rate else 0)
            await response.write(_event(body, {"content": delta}))
        if script.finish:
            await response.write(_event(body, {}, finish=script.finish, tokens=len(said)))
        await response.write(b"data: [DONE]\n\n")
        return response


def good_answer(body: Json) -> tuple[str, ...]:
    """What a well-behaved model says, two characters a token: JSON if asked for it, else a sentence with its source."""
    user = body["messages"][1]["content"]
    question = (_QUESTION.findall(user) or [user])[-1]
    if body.get("response_format", {}).get("type") == "json_object":
        return _tokens(json.dumps({"question": question}, ensure_ascii=False))
    ids = "、".join(f"编号{found}" for found in _ID.findall(question))
    source = (_SOURCE.findall(user) or ["⟦无⟧"])[0]
    return _tokens(f"{ids + '：' if ids else ''}按照政策文件，符合条件的可以申请{source}。")


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(text[at : at + 2] for at in range(0, len(text), 2))


def _event(body: Json, delta: Json, *, finish: str | None = None, tokens: int = 0) -> bytes:
    event: Json = {
        "id": "chatcmpl-sample",
        "object": "chat.completion.chunk",
        "created": 1767225600,
        "model": body["model"],
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    if tokens:
        event["usage"] = {"prompt_tokens": 100, "completion_tokens": tokens, "total_tokens": 100 + tokens}
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def _hang_up(request: web.Request) -> None:
    if request.transport:
        request.transport.abort()


@asynccontextmanager
async def running(model: DeepSeek, port: int = 0) -> AsyncIterator[DeepSeek]:
    """`model`, listening on loopback while inside."""
    runner = web.AppRunner(model.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    model.base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield model
    finally:
        model.leave()
        await runner.cleanup()


async def _main() -> None:
    parser = argparse.ArgumentParser(description="A DeepSeek that runs on loopback")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before the first word")
    parser.add_argument("--tokens-per-second", type=float, default=0.0, help="0 says everything at once")
    given = parser.parse_args()
    model = DeepSeek(usual=replace(Script(), delay=given.delay, rate=given.tokens_per_second))
    async with running(model, given.port):
        print(json.dumps({"base": model.base}), flush=True)  # noqa: T201 - the address is what it is started for
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
