"""The platform's other half: it signs, encrypts and posts callbacks, with wechatpy's encryption and not our own."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

import aiohttp
from wechatpy.enterprise.crypto import WeChatCrypto

from bot.platforms import Callback

TOKEN = "SampleToken"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One callback, ready to be posted as often as one likes."""

    query: dict[str, str]
    body: bytes

    def callback(self, method: str = "POST") -> Callback:
        return Callback(method, self.query, {}, self.body)


@dataclass(slots=True)
class Caller:
    """Speaks as the platform to one app's callback address. `clock` is in seconds since the epoch."""

    corp_id: str = "wwsample0000000001"
    agent_id: int = 1000002
    token: str = TOKEN
    aes_key: str = AES_KEY
    receiver: str = ""
    """The id sealed in; the corp's own when empty."""
    clock: Callable[[], float] = time.time
    _ids: Any = field(default_factory=lambda: itertools.count(int(time.time() * 1000) * 1000))

    def text(self, user: str, content: str, msg_id: str = "") -> Envelope:
        return self.message(user, "text", {"Content": content}, msg_id)

    def message(self, user: str, kind: str, fields: Mapping[str, Any], msg_id: str = "") -> Envelope:
        return self.seal(self.document(user, kind, {**fields, "MsgId": int(msg_id or next(self._ids))}))

    def event(self, user: str, event: str, fields: Mapping[str, Any] | None = None) -> Envelope:
        return self.seal(self.document(user, "event", {"Event": event, "EventKey": "", **(fields or {})}))

    def tap(self, user: str, key: str, response_code: str, task_id: str = "task-1") -> Envelope:
        """A tap on a button of a card."""
        card = {"TaskId": task_id, "CardType": "button_interaction", "ResponseCode": response_code}
        return self.event(user, "template_card_event", {"EventKey": key, **card})

    def document(self, user: str, kind: str, fields: Mapping[str, Any]) -> str:
        """The inner XML."""
        common = {"ToUserName": self.corp_id, "FromUserName": user, "CreateTime": int(self.clock()), "MsgType": kind}
        return _element("xml", {**common, "AgentID": self.agent_id, **fields})

    def seal(self, inner: str, *, timestamp: str = "", nonce: str = "1372623149") -> Envelope:
        query, encrypted = self._sealed(inner, timestamp or str(int(self.clock())), nonce)
        outer = {"ToUserName": self.corp_id, "AgentID": str(self.agent_id), "Encrypt": encrypted}
        return Envelope(query, _element("xml", outer).encode())

    def seal_json(self, inner: Mapping[str, Any]) -> Envelope:
        """The JSON form, inside and outside."""
        query, encrypted = self._sealed(json.dumps(inner), str(int(self.clock())), "1372623149")
        outer = {"tousername": self.corp_id, "encrypt": encrypted, "agentid": str(self.agent_id)}
        return Envelope(query, json.dumps(outer).encode())

    def verification(self, echo: str) -> Envelope:
        """The GET that proves an address."""
        query, encrypted = self._sealed(echo, str(int(self.clock())), "263014780")
        return Envelope({**query, "echostr": encrypted}, b"")

    async def post(self, session: aiohttp.ClientSession, url: str, envelope: Envelope, copies: int = 1) -> list[int]:
        """Post the same callback `copies` times at once; the answers' statuses."""

        async def once() -> int:
            async with session.post(url, params=envelope.query, data=envelope.body) as response:
                await response.read()
                return response.status

        return list(await asyncio.gather(*(once() for _ in range(copies))))

    def _sealed(self, inner: str, timestamp: str, nonce: str) -> tuple[dict[str, str], str]:
        crypto = WeChatCrypto(self.token, self.aes_key, self.receiver or self.corp_id)
        sealed = crypto.encrypt_message(inner, nonce, timestamp)
        encrypted, signature = (
            re.search(rf"<{tag}><!\[CDATA\[(.*?)\]\]>", sealed) for tag in ("Encrypt", "MsgSignature")
        )
        assert encrypted
        assert signature
        return {"msg_signature": signature[1], "timestamp": timestamp, "nonce": nonce}, encrypted[1]


def _element(tag: str, value: Any) -> str:
    """Objects become children, lists repeat the tag, numbers stand bare and text in CDATA, as the platform does."""
    if isinstance(value, list):
        return "".join(_element(tag, item) for item in value)
    if isinstance(value, Mapping):
        inner = "".join(_element(name, item) for name, item in value.items())
    elif isinstance(value, str):
        inner = escape(value) if "]]>" in value else f"<![CDATA[{value}]]>"
    else:
        inner = str(value)
    return f"<{tag}>{inner}</{tag}>"
