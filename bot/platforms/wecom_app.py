"""企业微信自建应用: one app of one corp as a platform."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from bot.errors import Unavailable, Undeliverable
from bot.message import Message, Reply
from bot.platforms import Callback, Delivery, Pace, Receipt, Wire
from bot.platforms.wecom_account import KIND, WeComAccount, Words
from bot.platforms.wecom_callback import WeComCallbacks
from bot.platforms.wecom_client import WeComClient
from bot.platforms.wecom_errors import MEDIA_GONE
from bot.platforms.wecom_media import WeComMedia
from bot.platforms.wecom_render import MEDIA, SEND, WeComRenderer

DUPLICATE_SECONDS = 1800
SEND_SECONDS = 50.0
"""Everything a send may need together: waiting for the token, an upload, a second try. Less than the outbox's lease."""
_UPLOADS = 256


class WeComApp:
    """Answers are sent, never returned to the callback. `clock` is in seconds since the epoch."""

    kind = KIND
    paces: tuple[Pace, ...] = (Pace(28, 60), Pace(950, 3600))
    """A little below the platform's 30 and 1000, whose windows need not begin when ours do and which drops silently."""

    def __init__(self, account: WeComAccount, *, client: WeComClient, words: Words, clock: Callable[[], float]) -> None:
        self.account = account.account
        self._agent = account.agent_id
        self._callbacks = WeComCallbacks(account, clock)
        self._renderer = WeComRenderer(account, words)
        self._client = client
        self.media = WeComMedia(client)
        self._uploads: OrderedDict[str, str] = OrderedDict()

    def receive(self, callback: Callback) -> Receipt:
        return self._callbacks.receive(callback)

    def render(self, reply: Reply, message: Message) -> tuple[Wire, ...]:
        return self._renderer.render(reply, message)

    async def send(self, delivery: Delivery) -> None:
        """One call, and an upload before it for a file. After a time-out the message may be there already: a retry
        says the very same, which the platform's duplicate check hides.
        """
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(delivery)
        except TimeoutError:
            raise Unavailable("the whole send took too long", 2.0) from None

    async def _send(self, delivery: Delivery) -> None:
        wire = delivery.wire
        if wire.call == SEND:
            await self._say(delivery.recipient, wire.body)
        elif wire.call == MEDIA:
            await self._hand(delivery)
        else:
            await self._client.call(wire.call, wire.body)

    async def _say(self, recipient: str, body: dict[str, object]) -> None:
        if "|" in recipient or recipient == "@all":
            raise Undeliverable("names more than one member", remedy="wecom_recipient")
        check = {"enable_duplicate_check": 1, "duplicate_check_interval": DUPLICATE_SECONDS}
        await self._client.send({"touser": recipient, "agentid": self._agent, "safe": 0, **check, **body})

    async def _hand(self, delivery: Delivery) -> None:
        """Upload once per delivery: a second upload has another id, by which the duplicate check would be fooled."""
        body = delivery.wire.body
        known = self._uploads.get(delivery.key, "")
        media_id = known or await self.media.upload(body["type"], body["name"], body["path"])
        self._remember(delivery.key, media_id)
        try:
            await self._say(delivery.recipient, {"msgtype": body["type"], body["type"]: {"media_id": media_id}})
        except Undeliverable as error:
            self._uploads.pop(delivery.key, None)
            if known and error.code == MEDIA_GONE:
                raise Unavailable("the platform forgot the upload") from error
            raise
        self._uploads.pop(delivery.key, None)

    def _remember(self, key: str, media_id: str) -> None:
        self._uploads[key] = media_id
        while len(self._uploads) > _UPLOADS:
            self._uploads.popitem(last=False)
