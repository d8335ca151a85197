"""One self-built app of one corp, and the fixed phrases it speaks with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

KIND = "wecom-app"
API_BASE = "https://qyapi.weixin.qq.com"

Feature = Literal["markdown", "template_card"]


@dataclass(frozen=True, slots=True)
class WeComAccount:
    """What the console says about an app. `features` are those the corp's version can show; none is always safe, since
    the plugin inside WeChat draws no markdown and private deployments lag behind by years.
    """

    account: str
    corp_id: str
    agent_id: int
    secret: str = field(repr=False)
    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    api_base: str = API_BASE
    proxy: str = field(default="", repr=False)
    tls_ca: str = ""
    features: frozenset[Feature] = frozenset()

    @property
    def token_name(self) -> str:
        """Names the access token: one per corp and secret, so that accounts sharing a secret share it and a rotated
        secret starts afresh. Safe to log.
        """
        return f"wecom/{self.corp_id}/{hashlib.sha256(self.secret.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Words:
    """The phrases a reply is framed with. `label` has the slots `{label}` and `{number}`, `number` has `{number}`.

    `details` is at most 4 characters and `chosen` at most 10: the platform cuts them there.
    """

    sources: str
    original: str
    choices: str
    choose: str
    chosen: str
    details: str
    label: str
    number: str
