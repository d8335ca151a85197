"""From a callback to a message: verified, decrypted and parsed in one call, without any I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from xml.etree.ElementTree import Element

import structlog

from bot.errors import Refused
from bot.message import Message, Part, Role
from bot.platforms import Callback, Receipt
from bot.platforms.wecom_account import KIND, WeComAccount
from bot.platforms.wecom_crypto import Seal
from bot.platforms.wecom_events import ALARMS, CARD_CLICK, card_origin, event_part, message_part
from bot.platforms.wecom_xml import field, read, read_lenient

MAX_BODY = 1 << 20
MAX_AGE = 600.0
"""Seconds a callback's timestamp may lie from our clock, either way. The platform itself gives up within a minute."""

log = structlog.get_logger("wecom")


class WeComCallbacks:
    """Reads the callbacks of one app."""

    def __init__(self, account: WeComAccount, clock: Callable[[], float]) -> None:
        self._account = account
        self._agent = str(account.agent_id)
        self._seal = Seal(account.token, account.aes_key, account.corp_id)
        self._clock = clock

    def receive(self, callback: Callback) -> Receipt:
        """GET proves that the address is ours: the response is the opened `echostr`. POST carries a message or an
        event; its response stays empty, the answer is sent. Raises `Refused`.
        """
        if callback.method == "GET":
            # A plus sign that somebody decoded into a space: base64 knows no spaces, so nothing is lost.
            return Receipt(None, self._open(callback, callback.query.get("echostr", "").replace(" ", "+")))
        if callback.method != "POST":
            raise Refused(405, "callbacks are GET or POST")
        return self._receipt(self._inner(callback))

    def _inner(self, callback: Callback) -> Element:
        if len(callback.body) > MAX_BODY:
            raise Refused(413, "the body is over 1 MiB")
        try:
            outer = read(callback.body.decode())
        except UnicodeDecodeError:
            raise Refused(400, "the body is not UTF-8") from None
        return read_lenient(self._open(callback, field(outer, "Encrypt") or field(outer, "encrypt")))

    def _open(self, callback: Callback, encrypted: str) -> str:
        query = callback.query
        try:
            signature, timestamp, nonce = query["msg_signature"], query["timestamp"], query["nonce"]
            age = abs(self._clock() - int(timestamp))
        except (KeyError, ValueError, OverflowError):
            raise Refused(400, "the query is incomplete") from None
        if age > MAX_AGE:
            raise Refused(403, "the timestamp is too far from now")
        return self._seal.open(encrypted, signature=signature, timestamp=timestamp, nonce=nonce)

    def _receipt(self, root: Element) -> Receipt:
        if field(root, "ToUserName") != self._account.corp_id:
            raise Refused(403, "meant for another corp")
        if field(root, "AgentID") not in {self._agent, ""}:
            raise Refused(403, "meant for another app")
        if field(root, "MsgType") == "event":
            return self._event(root)
        return Receipt(self._message(root, _required(root, "MsgId"), message_part(root)))

    def _event(self, root: Element) -> Receipt:
        event = field(root, "Event")
        if event in ALARMS:
            log.warning("wecom_app_may_be_switched_off", account=self._account.account, platform_event=event)
        part = event_part(root)
        if part is None:
            return Receipt(None)
        return Receipt(self._message(root, _event_id(root), part, card_origin(root) if event == CARD_CLICK else {}))

    def _message(self, root: Element, own_id: str, part: Part, origin: dict[str, str] | None = None) -> Message:
        user = _required(root, "FromUserName")
        mine = f"{KIND}/{self._account.account}"
        return Message(
            id=f"{mine}/{own_id}",
            platform=KIND,
            account=self._account.account,
            conversation=f"{mine}/{user}",
            sender=user,
            parts=(part,),
            time=_seconds(_required(root, "CreateTime")),
            role=Role.STAFF,
            origin=origin or {},
        )


def _event_id(root: Element) -> str:
    """Events carry no id. Two of them may share a second, so what they are about counts too; hashed, because keys of
    buttons may be a thousand bytes long.
    """
    names = ("FromUserName", "CreateTime", "Event", "EventKey", "TaskId")
    told = "\n".join(field(root, name) for name in names)
    return f"event-{hashlib.blake2b(told.encode(), digest_size=12).hexdigest()}"


def _required(root: Element, name: str) -> str:
    value = field(root, name)
    if not value:
        raise Refused(400, f"{name} is missing")
    return value


def _seconds(text: str) -> float:
    try:
        return float(int(text))
    except (ValueError, OverflowError):
        raise Refused(400, "CreateTime is not a time") from None
