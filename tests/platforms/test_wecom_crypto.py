"""The sealed envelope against published vectors, against wechatpy, and against every kind of damage."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.crypto.base import WeChatCipher
from wechatpy.enterprise.crypto import PrpCrypto
from wechatpy.utils import WeChatSigner

from bot.errors import ConfigurationError, Refused
from bot.platforms.wecom_crypto import Seal, decoded_key
from tests.simulators.wecom_caller import AES_KEY, TOKEN, Caller

PAYLOADS = json.loads((Path(__file__).parent.parent / "payloads" / "wecom_vectors.json").read_text("utf-8"))
VECTORS: dict[str, dict[str, Any]] = {vector["id"]: vector for vector in PAYLOADS["vectors"]}
SEALED = [vector for vector in VECTORS.values() if vector["kind"].startswith("aes_callback")]
SIGNED = [vector for vector in SEALED if "signature" in vector]
CORP = Caller().corp_id


def sign(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    return hashlib.sha1("".join(sorted([token, timestamp, nonce, encrypted])).encode()).hexdigest()


def opened(vector: dict[str, Any], **changes: str) -> str:
    """The vector through the product, signed as published or, where none was published, by the formula."""
    v = {"token": "sample", "timestamp": "1", "nonce": "2", **vector, **changes}
    signature = v.get("signature") or sign(v["token"], v["timestamp"], v["nonce"], v["encrypt"])
    seal = Seal(v["token"], v["encoding_aes_key"], v["receive_id"])
    return seal.open(v["encrypt"], signature=signature, timestamp=v["timestamp"], nonce=v["nonce"])


def resealed(plain: bytes) -> dict[str, str]:
    """Any bytes under a right signature, as a broken or hostile sender with the token could make them."""
    encrypted = base64.b64encode(WeChatCipher(decoded_key(AES_KEY)).encrypt(plain)).decode()
    return {"encrypted": encrypted, "signature": sign(TOKEN, "1", "2", encrypted), "timestamp": "1", "nonce": "2"}


def test_all_published_vectors_are_here() -> None:
    """Thirteen sealed samples and four wrong ones: a vector that went missing would pass silently otherwise."""
    assert (len(SEALED), len(PAYLOADS["negative"])) == (13, 4)


@pytest.mark.parametrize("vector", SEALED, ids=lambda vector: vector["id"])
def test_published_envelopes_open_to_their_published_words(vector: dict[str, Any]) -> None:
    """Every published ciphertext decrypts to its published text, or to its digest where the text is withheld."""
    plain = opened(vector)
    if "plaintext" in vector:
        assert plain == vector["plaintext"]
    else:
        assert hashlib.sha256(plain.encode()).hexdigest() == vector["plaintext_sha256"]
        for name, value in vector["plaintext_fields"].items():
            assert re.search(rf"<{name}>(<!\[CDATA\[)?{value}(\]\]>)?</{name}>", plain)


@pytest.mark.parametrize("vector", SIGNED, ids=lambda vector: vector["id"])
def test_published_signatures_are_the_only_ones_taken(vector: dict[str, Any]) -> None:
    """One changed digit of a published signature is refused with 403."""
    wrong = vector["signature"][:-1] + ("0" if vector["signature"][-1] != "0" else "1")
    with pytest.raises(Refused) as refused:
        opened(vector, signature=wrong)
    assert refused.value.status == 403


def test_the_signature_sorts_and_joins_its_parts() -> None:
    """The published two-part signature comes out of the same signer."""
    vector = VECTORS["wxjava-sha1-sort-join"]
    signer = WeChatSigner()
    signer.add_data(*vector["parts"])
    assert signer.signature == vector["signature"]


@pytest.mark.parametrize(
    ("negative", "changes", "status"),
    [
        ("neg-nonce-changed", {"nonce": "437374424"}, 403),
        ("neg-ciphertext-cut", {"encrypt": "cut"}, 403),
        ("neg-receive-id", {"receive_id": "wx0000000000000000"}, 403),
        ("neg-wrong-key-bad-padding", {"encoding_aes_key": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"}, 400),
    ],
)
def test_published_wrong_envelopes_are_refused(negative: str, changes: dict[str, str], status: int) -> None:
    """Each published negative ends in `Refused` with the right status."""
    base = next(VECTORS[entry["base"]] for entry in PAYLOADS["negative"] if entry["id"] == negative)
    if changes.get("encrypt") == "cut":
        changes = {"encrypt": base["encrypt"][1:]}
    with pytest.raises(Refused) as refused:
        opened(base, **changes)
    assert refused.value.status == status


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=3000))
def test_what_another_library_seals_we_open(words: str) -> None:
    """Any text at all, of any length, comes back as it was."""
    encrypted = PrpCrypto(decoded_key(AES_KEY)).encrypt(words, CORP).decode()
    signature = sign(TOKEN, "1", "2", encrypted)
    assert Seal(TOKEN, AES_KEY, CORP).open(encrypted, signature=signature, timestamp="1", nonce="2") == words


@given(st.text("abc会话", min_size=1, max_size=60), st.data())
def test_any_change_to_a_signed_envelope_is_refused(words: str, data: st.DataObject) -> None:
    """Ciphertext, timestamp, nonce, signature: one other character anywhere, and the envelope stays shut."""
    encrypted = PrpCrypto(decoded_key(AES_KEY)).encrypt(words, CORP).decode()
    parts = {"encrypted": encrypted, "timestamp": "1700000000", "nonce": "12345"}
    parts["signature"] = sign(TOKEN, parts["timestamp"], parts["nonce"], encrypted)
    name = data.draw(st.sampled_from(sorted(parts)))
    at = data.draw(st.integers(0, len(parts[name]) - 1))
    other = data.draw(st.characters(blacklist_categories=["Cs"]).filter(lambda c: c != parts[name][at]))
    parts[name] = parts[name][:at] + other + parts[name][at + 1 :]
    with pytest.raises(Refused):
        Seal(TOKEN, AES_KEY, CORP).open(parts.pop("encrypted"), **parts)


@given(st.binary(max_size=200))
def test_damage_under_a_right_signature_is_refused_and_nothing_else(data: bytes) -> None:
    """Truncated or random ciphertext never raises anything but `Refused`, and never passes for a message."""
    encrypted = base64.b64encode(data).decode()
    with pytest.raises(Refused):
        Seal(TOKEN, AES_KEY, CORP).open(encrypted, signature=sign(TOKEN, "1", "2", encrypted), timestamp="1", nonce="2")


@given(st.integers(1, 6))
def test_a_cut_ciphertext_is_refused(blocks: int) -> None:
    """Whole blocks missing from the end: the padding or the length gives it away."""
    data = base64.b64decode(PrpCrypto(decoded_key(AES_KEY)).encrypt("帮办" * 40, CORP))
    encrypted = base64.b64encode(data[: -16 * blocks]).decode()
    with pytest.raises(Refused):
        Seal(TOKEN, AES_KEY, CORP).open(encrypted, signature=sign(TOKEN, "1", "2", encrypted), timestamp="1", nonce="2")


@pytest.mark.parametrize(
    "plain",
    [
        b"\x00" * 32,  # padding of 0
        b"\x00" * 31 + b"\x21",  # padding of 33
        b"\x00" * 30 + b"\x03\x02",  # padding bytes that differ
        b"r" * 16 + b"\x10" * 16,  # no length
        b"r" * 16 + b"\x00\x00\x00\xff" + b"x" * 11 + b"\x01",  # a length beyond the end
        b"r" * 16 + b"\xff\xff\xff\xff" + b"x" * 11 + b"\x01",
    ],
)
def test_wrong_padding_and_lengths_are_refused(plain: bytes) -> None:
    """What wechatpy would slice anyway is 400 here."""
    with pytest.raises(Refused) as refused:
        Seal(TOKEN, AES_KEY, "x").open(**resealed(plain))
    assert refused.value.status == 400


def test_a_signature_that_is_not_ascii_is_refused() -> None:
    """A stranger's query must not reach the comparison as something it cannot compare."""
    with pytest.raises(Refused):
        Seal(TOKEN, AES_KEY, CORP).open("abcd", signature="签名\udcff", timestamp="1", nonce="2")


@pytest.mark.parametrize("key", ["", "short", AES_KEY + "A", "!" * 43])
def test_a_key_that_is_none_is_a_configuration_error(key: str) -> None:
    """The operator hears which setting is wrong, at start."""
    with pytest.raises(ConfigurationError) as error:
        Seal(TOKEN, key, CORP)
    assert error.value.key == "aes_key"
