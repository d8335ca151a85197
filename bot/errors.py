"""The error tree. One screen; standard library only.

BangbanError
├── ConfigurationError      the operator's file or environment is wrong: names the key and the sentence with its remedy
├── Refused                 a request from outside is not acceptable: carries the HTTP status
├── Unavailable             try again later: carries `retry_after`
│   ├── StoreUnavailable    the store cannot take or give (callbacks answer 503, so the platform retries)
│   └── ModelUnavailable    every model endpoint failed: callers go to model-free mode
├── Undeliverable           this send can never succeed: record it, go on with the next
├── StaleLease              another worker took the conversation over: drop what you have
├── UnknownVersion          a stored value was written by a newer version: leave it alone
└── DocumentRefused         a file cannot become a document: carries the reason
"""

from __future__ import annotations


class BangbanError(Exception):
    """Root of everything this program raises on purpose."""


class ConfigurationError(BangbanError):
    """A setting is wrong. `key` is its dotted path; `code` names the sentence of prompts/operator.toml that says the
    cause and the remedy, `slots` fill it. Never holds a secret.
    """

    def __init__(self, key: str, code: str, **slots: str) -> None:
        super().__init__(f"{key}: {code} {slots or ''}".rstrip())
        self.key = key
        self.code = code
        self.slots = slots


class Refused(BangbanError):
    """A request that must not be accepted; `status` is the HTTP answer, `reason` is safe to log."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Unavailable(BangbanError):
    """Something we need is not there right now; try again after `retry_after` seconds."""

    def __init__(self, reason: str, retry_after: float = 1.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class StoreUnavailable(Unavailable):
    """The store refuses to write, is loading, or cannot be reached."""


class ModelUnavailable(Unavailable):
    """No model endpoint gave an answer."""


class Undeliverable(BangbanError):
    """A send that no retry can mend. `code` is the platform's, `remedy` is for the operator."""

    def __init__(self, reason: str, *, code: int = 0, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.remedy = remedy


class StaleLease(BangbanError):
    """The lease ran out and the conversation belongs to another worker now."""


class UnknownVersion(BangbanError):
    """A stored value carries a schema version this program does not know."""


class DocumentRefused(BangbanError):
    """A file that cannot be read as a policy document; `reason` is a sentence for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def place_of(error: BaseException) -> str:
    """The error's type and where it was raised: what an operator needs, without anyone's words."""
    traceback = error.__traceback__
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    if traceback is None:
        return type(error).__name__
    return f"{type(error).__name__} at {traceback.tb_frame.f_globals.get('__name__')}:{traceback.tb_lineno}"
