"""The sealed envelope of WeChat-family callbacks: AES-256-CBC around a message, SHA-1 over a shared token.

wechatpy supplies the cipher and the signature. Its own decryption is not used: it compares signatures with `!=`, slices
by an unchecked padding byte and answers damaged input with whatever the slices raise.
"""

from __future__ import annotations

import base64
import binascii
import hmac

from wechatpy.crypto.base import WeChatCipher
from wechatpy.utils import WeChatSigner

from bot.errors import ConfigurationError, Refused

KEY_CHARACTERS = 43
_BLOCK = 16
_PADDING = 32
"""The padding fills blocks of 32 bytes, twice the cipher's own."""
_HEAD = 20
"""16 random bytes and the length of the message."""


def decoded_key(aes_key: str) -> bytes:
    """The 32 bytes of an EncodingAESKey. Raises `ConfigurationError`.

    Decoding is lenient on purpose: real keys carry non-zero trailing bits, which strict decoders refuse.
    """
    try:
        key = base64.b64decode(aes_key + "=") if len(aes_key) == KEY_CHARACTERS else b""
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise ConfigurationError("aes_key", "wecom_aes_key")
    return key


class Seal:
    """Opens envelopes addressed to one receiver: the corp id, or whatever id the platform puts at the end."""

    def __init__(self, token: str, aes_key: str, receiver: str) -> None:
        self._token = token
        self._key = decoded_key(aes_key)
        self._receiver = receiver.encode()

    def open(self, encrypted: str, *, signature: str, timestamp: str, nonce: str) -> str:
        """The message inside. Raises `Refused` (403 for a wrong signature or receiver, 400 for damage); nothing is
        decrypted before the signature was found right.
        """
        self._check(encrypted, signature, timestamp, nonce)
        message, receiver = _cut(_unpadded(self._decrypted(encrypted)))
        if not hmac.compare_digest(receiver, self._receiver):
            raise Refused(403, "sealed for another receiver")
        try:
            return message.decode()
        except UnicodeDecodeError:
            raise Refused(400, "the sealed message is not UTF-8") from None

    def _check(self, encrypted: str, signature: str, timestamp: str, nonce: str) -> None:
        signer = WeChatSigner()
        signer.add_data(*(part.encode(errors="replace") for part in (self._token, timestamp, nonce, encrypted)))
        # As bytes, because comparing strings that are not ASCII raises instead of answering.
        if not hmac.compare_digest(signer.signature.encode(), signature.encode(errors="replace")):
            raise Refused(403, "wrong signature")

    def _decrypted(self, encrypted: str) -> bytes:
        try:
            data = base64.b64decode(encrypted)
        except (binascii.Error, ValueError):
            raise Refused(400, "the ciphertext is not base64") from None
        if not data or len(data) % _BLOCK:
            raise Refused(400, "the ciphertext is cut")
        plain: bytes = WeChatCipher(self._key).decrypt(data)
        return plain


def _unpadded(plain: bytes) -> bytes:
    size = plain[-1]
    if not 1 <= size <= _PADDING or plain[-size:] != plain[-1:] * size:
        raise Refused(400, "wrong padding")
    return plain[:-size]


def _cut(content: bytes) -> tuple[bytes, bytes]:
    """The message and the receiver behind it."""
    end = _HEAD + int.from_bytes(content[_HEAD - 4 : _HEAD], "big")
    if len(content) < max(_HEAD, end):
        raise Refused(400, "the sealed message is shorter than it says")
    return content[_HEAD:end], content[end:]
