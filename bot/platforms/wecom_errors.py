"""The platform's error codes, and what each asks of us."""

from __future__ import annotations

from bot.errors import Unavailable, Undeliverable


class Hindered(Unavailable):
    """Not now, and not before an operator has done what `remedy` names. Nothing is lost meanwhile."""

    def __init__(self, reason: str, retry_after: float, remedy: str) -> None:
        super().__init__(reason, retry_after)
        self.remedy = remedy


TOKEN_REFUSED = frozenset({40001, 40014, 42001})
"""The access token has ended, or the platform no longer takes it. 40001 means a wrong secret too; one fetch tells."""

_LATER: dict[int, float] = {-1: 2.0, 45009: 60.0, 45033: 5.0}
"""Seconds to wait."""
_UNTRUSTED_ADDRESS = 60020

_REMEDIES: dict[int, str] = {
    40001: "wecom_secret",
    40091: "wecom_secret",
    40013: "wecom_corp_id",
    40056: "wecom_agent_id",
    301002: "wecom_agent_id",
    48002: "wecom_permission",
    50003: "wecom_disabled",
    _UNTRUSTED_ADDRESS: "wecom_trusted_ip",
    40003: "wecom_recipient",
    40031: "wecom_recipient",
    60111: "wecom_recipient",
    81013: "wecom_recipient",
    82001: "wecom_recipient",
    86001: "wecom_recipient",
    50002: "wecom_scope",
    60011: "wecom_scope",
    40007: "wecom_media",
    85002: "wecom_wording",
}

MEDIA_GONE = 40007
RECIPIENT_INVALID = 81013
"""All receivers are invalid; with one receiver, the same as an `invaliduser` beside errcode 0."""


def remedy_of(code: int) -> str:
    """The name of the sentence that tells an operator what to do about `code`."""
    return _REMEDIES.get(code, "wecom_unknown")


def error_of(call: str, code: int) -> Unavailable | Undeliverable:
    """What an error code other than 0 becomes. A code nobody knows is not tried again: it would hold up the line."""
    if code == _UNTRUSTED_ADDRESS:
        return Hindered(f"{call} answered {code}", 60.0, remedy_of(code))
    if code in _LATER or code < 0:
        return Unavailable(f"{call} answered {code}", _LATER.get(code, 2.0))
    return Undeliverable(f"{call} answered {code}", code=code, remedy=remedy_of(code))
