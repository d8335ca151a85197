"""The platform's own question to a callback address, asked by ourselves: does it verify and decrypt?"""

from __future__ import annotations

import hashlib
import secrets

from wechatpy.enterprise.crypto import PrpCrypto

from bot.platforms.wecom_account import WeComAccount
from bot.platforms.wecom_crypto import decoded_key


def verification(account: WeComAccount, now: float) -> tuple[dict[str, str], str]:
    """The query of a URL verification at `now` (seconds since the epoch), and the body that answers it."""
    expected = str(secrets.randbelow(10**18))
    encrypted = PrpCrypto(decoded_key(account.aes_key)).encrypt(expected, account.corp_id).decode()
    timestamp, nonce = str(int(now)), secrets.token_hex(5)
    parts = "".join(sorted((account.token, timestamp, nonce, encrypted)))
    signature = hashlib.sha1(parts.encode(), usedforsecurity=False).hexdigest()
    query = {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce, "echostr": encrypted}
    return query, expected
