"""Sessions of the chat page: a secret token opens one conversation."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from bot import records
from bot.errors import UnknownVersion
from bot.message import Role
from bot.platforms.web import ACCOUNT, KIND
from bot.store import Store, translated


@dataclass(frozen=True, slots=True)
class Session:
    conversation: str
    role: Role


class Sessions:
    """Kept in the store under the token's hash for `keep` seconds after the last use."""

    def __init__(self, store: Store, *, keep: int) -> None:
        self._store = store
        self._keep = keep

    async def create(self, role: Role) -> str:
        """A new, empty conversation; returns its token, which is stored nowhere."""
        token = secrets.token_urlsafe(24)
        session = Session(f"{KIND}/{ACCOUNT}/{secrets.token_hex(8)}", role)
        with translated():
            await self._store.redis.set(self._key(token), records.dump(session), ex=self._keep)
        return token

    async def find(self, token: str) -> Session | None:
        with translated():
            raw = await self._store.redis.getex(self._key(token), ex=self._keep)
        try:
            return records.load(Session, raw) if isinstance(raw, bytes) else None
        except UnknownVersion:
            return None

    def _key(self, token: str) -> str:
        return self._store.key("session", hashlib.sha256(token.encode(errors="replace")).hexdigest())
