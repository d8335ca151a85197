"""A WeCom that runs on loopback: the documented API of a self-built app, and everything its members get to see.

In a test: `async with running(WeCom()) as wecom`, then `wecom.base` is the API base. For other processes:

    python -m tests.simulators.wecom --port 9100

prints its address and is steered over HTTP: GET /_control/shown[?user=&since=], GET /_control/counts,
POST /_control/faults (one object or a list, fields of `Fault`), and POST /_control/end-token, code or reset.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import mimetypes
import secrets
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

from tests.simulators.wecom_rules import MEDIA_LIMITS, cut, problem_of

Answer = dict[str, Any]


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next `times` requests to `call` (every request when negative).

    `delay` comes before anything is done. `lost` carries the request out and hangs up without an answer. `answer` is
    laid over the right answer.
    """

    call: str
    times: int = 1
    delay: float = 0.0
    errcode: int = 0
    status: int = 0
    broken: bool = False
    lost: bool = False
    answer: Answer = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """One message as its member sees it."""

    user: str
    type: str
    content: Answer
    msgid: str
    time: float


@dataclass(slots=True)
class WeCom:
    """One corp with one app. Everybody is a member unless `members` is given. `clock` is in seconds."""

    corp_id: str = "wwsample0000000001"
    secret: str = "sample-secret"
    agent_id: int = 1000002
    token_seconds: int = 7200
    members: frozenset[str] | None = None
    clock: Callable[[], float] = time.time
    base: str = ""
    shown: list[Shown] = field(default_factory=list)
    updates: list[Answer] = field(default_factory=list)
    recalled: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    media: dict[str, tuple[str, str, bytes]] = field(default_factory=dict)
    """By media id: type, name, bytes."""
    _token: str = ""
    _token_end: float = 0.0
    _codes: set[str] = field(default_factory=set)
    _recent: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _seen: dict[str, float] = field(default_factory=dict)

    def seen_by(self, user: str) -> list[Shown]:
        return [message for message in self.shown if message.user == user]

    def texts(self, user: str) -> list[str]:
        """The words of the text and markdown messages a member sees, in order."""
        return [message.content["content"] for message in self.seen_by(user) if "content" in message.content]

    def end_token(self) -> None:
        """The platform ends the token early: whoever still uses it is told 42001."""
        self._token_end = 0.0

    def response_code(self) -> str:
        """What a tap on a card brings along: good for one update of that card."""
        code = f"code-{secrets.token_hex(8)}"
        self._codes.add(code)
        return code

    def reset(self) -> None:
        for record in (self.shown, self.updates, self.faults):
            record.clear()
        for state in (self.counts, self._recent, self._seen, self.recalled):
            state.clear()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=32 << 20)
        app.router.add_route("*", "/cgi-bin/{call:.+}", self._serve)
        app.router.add_get("/_control/shown", self._control_shown)
        app.router.add_get("/_control/counts", self._control_counts)
        app.router.add_post("/_control/{what}", self._control)
        return app

    # --- the door --------------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        call = request.match_info["call"]
        self.counts[call] += 1
        fault = self._fault(call)
        await asyncio.sleep(fault.delay)
        if fault.status:
            return web.Response(status=fault.status, text="<html>bad gateway</html>")
        if fault.broken:
            return web.Response(text='{"errcode": 0, "errm', content_type="application/json")
        if fault.errcode:
            return web.json_response(_error(fault.errcode))
        response = await self._answer(call, request, fault.answer)
        if fault.lost and request.transport:
            request.transport.close()
        return response

    def _fault(self, call: str) -> Fault:
        for fault in self.faults:
            if fault.call == call and fault.times:
                fault.times -= 1
                return fault
        return Fault(call)

    async def _answer(self, call: str, request: web.Request, over: Answer) -> web.StreamResponse:
        if call == "gettoken":
            return web.json_response(self._gettoken(request) | over)
        if problem := self._token_problem(request):
            return web.json_response(_error(problem))
        if call == "media/get":
            return self._media_get(request)
        if call == "media/upload":
            return web.json_response(await self._media_upload(request) | over)
        body = await request.json() if request.method == "POST" else {}
        handler = {
            "message/send": self._send,
            "message/update_template_card": self._update,
            "message/recall": self._recall,
            "getcallbackip": self._addresses,
        }.get(call)
        return web.json_response((handler(body) if handler else _error(40058)) | over)

    # --- tokens ----------------------------------------------------------------------------------

    def _gettoken(self, request: web.Request) -> Answer:
        if request.query.get("corpid") != self.corp_id:
            return _error(40013)
        if request.query.get("corpsecret") != self.secret:
            return _error(40001)
        if self.clock() >= self._token_end:
            self._token = secrets.token_urlsafe(120)
            self._token_end = self.clock() + self.token_seconds
        return _ok(access_token=self._token, expires_in=int(self._token_end - self.clock()))

    def _token_problem(self, request: web.Request) -> int:
        given = request.query.get("access_token", "")
        if not given:
            return 41001
        if given != self._token:
            return 40014
        return 42001 if self.clock() >= self._token_end else 0

    # --- messages --------------------------------------------------------------------------------

    def _send(self, body: Answer) -> Answer:
        if body.get("agentid") != self.agent_id:
            return _error(40056)
        if problem := problem_of(body, self.media):
            return _error(problem)
        users = str(body.get("touser", "")).split("|")
        strangers = [user for user in users if self.members is not None and user not in self.members]
        if len(strangers) == len(users):
            return _error(81013)
        msgid = secrets.token_hex(12)
        for user in users:
            if user not in strangers:
                self._deliver(user, body, msgid)
        extra = {"response_code": self.response_code()} if body["msgtype"] == "template_card" else {}
        return _ok(msgid=msgid, invaliduser="|".join(strangers), **extra)

    def _deliver(self, user: str, body: Answer, msgid: str) -> None:
        """To the member's screen, unless it is a repeat, or too much, which the platform tells nobody."""
        now = self.clock()
        content = body[body["msgtype"]]
        if body.get("enable_duplicate_check") and self._repeated(user, body, content, now):
            self.counts["hidden"] += 1
        elif self._too_many(user, now):
            self.counts["dropped"] += 1
        else:
            shown = cut(content)
            self.counts["cut"] += shown != content
            self.shown.append(Shown(user, body["msgtype"], shown, msgid, now))

    def _repeated(self, user: str, body: Answer, content: Answer, now: float) -> bool:
        key = json.dumps([user, body["msgtype"], content], sort_keys=True)
        window = float(body.get("duplicate_check_interval", 1800))
        repeated = now - self._seen.get(key, float("-inf")) < window
        if not repeated:
            self._seen[key] = now
        return repeated

    def _too_many(self, user: str, now: float) -> bool:
        recent = self._recent[user]
        while recent and recent[0] <= now - 3600:
            recent.popleft()
        minute = sum(1 for at in recent if at > now - 60)
        if minute >= 30 or len(recent) >= 1000:
            return True
        recent.append(now)
        return False

    def _update(self, body: Answer) -> Answer:
        code = body.get("response_code")
        if body.get("agentid") != self.agent_id or code not in self._codes:
            return _error(40058)
        self._codes.discard(code)
        self.updates.append(body)
        return _ok(invaliduser=[])

    def _recall(self, body: Answer) -> Answer:
        self.recalled.add(body["msgid"])
        return _ok()

    def _addresses(self, _: Answer) -> Answer:
        return _ok(ip_list=["192.0.2.1", "192.0.2.2"])

    # --- media -----------------------------------------------------------------------------------

    async def _media_upload(self, request: web.Request) -> Answer:
        kind = request.query.get("type", "")
        part = (await request.post()).get("media")
        if not isinstance(part, web.FileField) or kind not in MEDIA_LIMITS:
            return _error(40058)
        data = part.file.read()
        part.file.close()
        if not 5 < len(data) <= MEDIA_LIMITS[kind]:
            return _error(40058)
        media_id = secrets.token_urlsafe(24)
        self.media[media_id] = (kind, part.filename, data)
        return _ok(type=kind, media_id=media_id, created_at=str(int(self.clock())))

    def _media_get(self, request: web.Request) -> web.Response:
        if request.query.get("media_id") not in self.media:
            return web.json_response(_error(40007))
        _, name, data = self.media[request.query["media_id"]]
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": kind}
        if "Range" not in request.headers:
            return (
                web.json_response(_error(830002)) if len(data) > 20 << 20 else web.Response(body=data, headers=headers)
            )
        start, stop, _ = request.http_range.indices(len(data))
        if stop - start > 20 << 20:
            return web.json_response(_error(830002))
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        return web.Response(status=206, body=data[start:stop], headers=headers)

    # --- control ---------------------------------------------------------------------------------

    async def _control_shown(self, request: web.Request) -> web.Response:
        user, since = request.query.get("user"), int(request.query.get("since", 0))
        return web.json_response([asdict(message) for message in self.shown[since:] if user in {None, message.user}])

    async def _control_counts(self, _: web.Request) -> web.Response:
        return web.json_response({"shown": len(self.shown), "updates": len(self.updates), **self.counts})

    async def _control(self, request: web.Request) -> web.Response:
        match request.match_info["what"]:
            case "faults":
                given = await request.json()
                self.faults += [Fault(**fault) for fault in (given if isinstance(given, list) else [given])]
            case "end-token":
                self.end_token()
            case "code":
                return web.json_response({"response_code": self.response_code()})
            case "reset":
                self.reset()
            case _:
                raise web.HTTPNotFound
        return web.json_response({})


def _ok(**fields: Any) -> Answer:
    return {"errcode": 0, "errmsg": "ok", **fields}


def _error(code: int) -> Answer:
    hint = f"error, hint: [1700000000000], from ip: 192.0.2.9, more info at https://open.work.weixin.qq.com/devtool/query?e={code}"
    return {"errcode": code, "errmsg": hint}


@asynccontextmanager
async def running(wecom: WeCom, port: int = 0) -> AsyncIterator[WeCom]:
    """`wecom`, listening on loopback while inside."""
    runner = web.AppRunner(wecom.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    wecom.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield wecom
    finally:
        await runner.cleanup()


async def _main() -> None:
    parser = argparse.ArgumentParser(description="A WeCom that runs on loopback")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--corp-id", default=WeCom().corp_id)
    parser.add_argument("--secret", default=WeCom().secret)
    parser.add_argument("--agent-id", type=int, default=WeCom().agent_id)
    given = parser.parse_args()
    wecom = WeCom(corp_id=given.corp_id, secret=given.secret, agent_id=given.agent_id)
    async with running(wecom, given.port):
        print(json.dumps({"base": wecom.base}), flush=True)  # noqa: T201 - the address is what it is started for
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
