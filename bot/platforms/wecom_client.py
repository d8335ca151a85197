"""The app's API calls over aiohttp: tokens, timeouts and error codes end here."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import aiohttp
import structlog

from bot.errors import ConfigurationError, Unavailable, Undeliverable
from bot.platforms.tokens import Grant, TokenCache
from bot.platforms.wecom_account import WeComAccount
from bot.platforms.wecom_errors import RECIPIENT_INVALID, TOKEN_REFUSED, error_of, remedy_of

TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)
"""Seconds. The platform has days on which it takes six to answer."""
MEDIA_TIMEOUT = aiohttp.ClientTimeout(total=45, sock_connect=5, sock_read=15)

log = structlog.get_logger("wecom")

T = TypeVar("T")


class _TokenRefused(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class WeComClient:
    """One app's calls. The session is shared and closed by whoever opened it. Every call raises `Unavailable` (which
    may mean that it was carried out all the same) or `Undeliverable`.
    """

    def __init__(self, account: WeComAccount, *, session: aiohttp.ClientSession, tokens: TokenCache) -> None:
        self._account = account
        self._base = account.api_base.rstrip("/").removesuffix("/cgi-bin")
        self._session = session
        self._tokens = tokens
        self._ssl = _context(account)

    async def send(self, body: dict[str, Any]) -> str:
        """`message/send` to one member; returns the message's id, by which it can be recalled."""
        answer = await self.call("message/send", body)
        if answer.get("invaliduser"):
            raise Undeliverable("not a member", code=RECIPIENT_INVALID, remedy=remedy_of(RECIPIENT_INVALID))
        if answer.get("unlicenseduser"):
            raise Undeliverable("the member has no licence", remedy="wecom_licence")
        return str(answer.get("msgid", ""))

    async def recall(self, message_id: str) -> None:
        """Take a message back, within 24 hours."""
        await self.call("message/recall", {"msgid": message_id})

    async def callback_addresses(self) -> tuple[str, ...]:
        """Where the platform calls us from. Needs what a send needs, so it is also how the connection is checked."""
        answer = await self.authorised(partial(self._json, "GET", "getcallbackip"))
        return tuple(answer.get("ip_list", ()))

    async def call(self, call: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST `body` as JSON; the answer, its errcode 0."""
        return await self.authorised(partial(self._json, "POST", call, json=body))

    async def authorised(self, attempt: Callable[[str], Awaitable[T]]) -> T:
        """`attempt` with the access token; once more with a new one if the platform refuses it."""
        name = self._account.token_name
        token = await self._tokens.get(name, self._fetch)
        try:
            return await attempt(token)
        except _TokenRefused:
            await self._tokens.drop(name, token)
        token = await self._tokens.get(name, self._fetch)
        try:
            return await attempt(token)
        except _TokenRefused as refused:
            if refused.code == 40001:
                raise error_of("the call", refused.code) from None
            raise Unavailable("a new access token was refused", 60.0) from None

    @asynccontextmanager
    async def request(
        self, method: str, call: str, params: dict[str, str], **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One HTTP request, its status 200 or 206. Whatever goes wrong until the block ends becomes `Unavailable`."""
        options = {"timeout": TIMEOUT, "proxy": self._account.proxy or None, "ssl": self._ssl, **options}
        url = f"{self._base}/cgi-bin/{call}"
        try:
            async with self._session.request(method, url, params=params, allow_redirects=False, **options) as response:
                if response.status not in {200, 206}:
                    seconds = 2.0 if response.status >= 500 else 60.0
                    raise Unavailable(f"{call} answered HTTP {response.status}", seconds)
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # Without the cause: it may name the address, and the address holds the token or the secret.
            raise Unavailable(f"{call}: {type(error).__name__}", 2.0) from None

    async def payload(self, call: str, response: aiohttp.ClientResponse) -> dict[str, Any]:
        """The JSON of an answer whose errcode is 0; any other raises what it stands for."""
        try:
            answer = json.loads(await response.read())
            code = int(answer["errcode"])
        except (ValueError, KeyError, TypeError):
            raise Unavailable(f"{call} answered something else than its JSON", 2.0) from None
        if code in TOKEN_REFUSED and call != "gettoken":
            raise _TokenRefused(code)
        if code:
            log.warning("api_error", account=self._account.account, call=call, code=code, **_hints(code, answer))
            raise error_of(call, code)
        return dict(answer)

    async def _json(self, method: str, call: str, token: str, **options: Any) -> dict[str, Any]:
        async with self.request(method, call, {"access_token": token}, **options) as response:
            return await self.payload(call, response)

    async def _fetch(self) -> Grant:
        who = {"corpid": self._account.corp_id, "corpsecret": self._account.secret}
        async with self.request("GET", "gettoken", who) as response:
            answer = await self.payload("gettoken", response)
        try:
            return Grant(str(answer["access_token"]), float(answer["expires_in"]))
        except (KeyError, ValueError, TypeError):
            raise Unavailable("gettoken answered without a token", 2.0) from None


def _context(account: WeComAccount) -> ssl.SSLContext | bool:
    if not account.tls_ca:
        return True
    try:
        return ssl.create_default_context(cafile=account.tls_ca)
    except (OSError, ssl.SSLError):
        raise ConfigurationError("tls_ca", "tls_ca_unreadable", path=account.tls_ca) from None


def _hints(code: int, answer: dict[str, Any]) -> dict[str, str]:
    """What an operator needs, picked out of errmsg: the rest of it may echo what was sent."""
    found = re.search(r"from ip: ?([0-9a-fA-F.:]+)", str(answer.get("errmsg", "")))
    return {"remedy": remedy_of(code)} | ({"our_address": found[1]} if found else {})
