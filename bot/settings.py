"""The only reader of the configuration file and the environment. Frozen; secrets never appear in repr or errors."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from bot.errors import ConfigurationError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
Entries = TypeVar("Entries", bound=tuple[Any, ...])

_ID = r"^[a-z0-9][a-z0-9_-]{0,31}$"


_OWN = frozenset({"redis_scheme", "redis_address", "wecom_aes_key", "nobody", "unknown_employee", "same_account"})
"""Mistakes that only our own rules know."""
_CODES = {
    "extra_forbidden": "unknown_key",
    "missing": "missing_key",
    "int_parsing": "not_a_number",
    "int_type": "not_a_number",
    "int_from_float": "not_a_number",
    "float_parsing": "not_a_number",
    "float_type": "not_a_number",
    "bool_parsing": "not_yes_or_no",
    "bool_type": "not_yes_or_no",
    "string_type": "not_text",
    "path_type": "not_text",
    "literal_error": "not_a_choice",
    "greater_than": "not_above",
    "greater_than_equal": "below_least",
    "less_than_equal": "above_most",
    "model_type": "not_a_section",
    "tuple_type": "not_a_list",
    "frozen_set_type": "not_a_list",
    "string_pattern_mismatch": "not_an_id",
    "string_too_short": "left_empty",
}
_SLOTS = {
    "gt": "limit",
    "ge": "limit",
    "le": "limit",
    "expected": "expected",
    "account": "account",
    "employee": "employee",
}
"""What a sentence may fill in, by the name pydantic has for it."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ServerSettings(_Section):
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65_535)
    public_url: str = ""
    backlog: int = Field(300, ge=1)
    """With more conversations waiting than this, people are told their place in line."""


class RedisSettings(_Section):
    url: str = Field("", repr=False)
    """May hold a password, as may a proxy."""
    accept_loss: str = ""

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        if url and not url.startswith(("redis://", "rediss://", "unix://", "redis+sentinel://")):
            raise PydanticCustomError("redis_scheme", "unknown scheme")
        try:
            _ = urlsplit(url).port if "sentinel" not in url else None
        except ValueError:
            raise PydanticCustomError("redis_address", "not an address") from None
        return url


class EndpointSettings(_Section):
    base_url: str = ""
    api_key: SecretStr = SecretStr("")
    chat: str = ""
    proxy: str = Field("", repr=False)
    tls_ca: str = ""

    @property
    def configured(self) -> bool:
        """A server that asks for no key is configured with any word as its key."""
        return bool(self.base_url and self.chat and self.api_key.get_secret_value())


class TimeoutSettings(_Section):
    """Seconds."""

    connect: float = Field(5.0, gt=0)
    first_token: float = Field(30.0, gt=0)
    idle: float = Field(20.0, gt=0)
    total: float = Field(150.0, gt=0)


class ModelSettings(EndpointSettings):
    base_url: str = "https://api.deepseek.com"
    chat: str = "deepseek-chat"
    reasoner: str = "deepseek-reasoner"
    max_concurrency: int = Field(30, ge=1)
    timeouts: TimeoutSettings = TimeoutSettings()
    fallback: EndpointSettings = EndpointSettings()


class ConversationSettings(_Section):
    """Seconds, unless the name says otherwise."""

    quiet: float = Field(1.2, ge=0, le=30)
    gather: float = Field(4.0, ge=0, le=60)
    lease: float = Field(15.0, ge=1, le=300)
    turn: float = Field(180.0, ge=1)
    turns_at_once: int = Field(400, ge=1)
    keep_turns: int = Field(20, ge=1, le=200)
    keep_days: float = Field(30, gt=0)


class WeComAppSettings(_Section):
    kind: Literal["wecom-app"]
    account: str = Field(pattern=_ID)
    corp_id: str = Field(min_length=1)
    agent_id: int = Field(gt=0)
    secret: SecretStr
    token: SecretStr
    aes_key: SecretStr
    api_base: str = "https://qyapi.weixin.qq.com"
    proxy: str = Field("", repr=False)
    tls_ca: str = ""
    features: frozenset[Literal["markdown", "template_card"]] = frozenset()
    employee: str

    @field_validator("aes_key")
    @classmethod
    def _whole_key(cls, key: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[A-Za-z0-9]{43}", key.get_secret_value()):
            raise PydanticCustomError("wecom_aes_key", "not an EncodingAESKey")
        return key


class EmployeeSettings(_Section):
    id: str = Field(pattern=_ID)
    name: str = Field(min_length=1)
    unit: str = ""
    duties: str = ""
    guardian: str = ""
    deputy: str = ""
    scenes: tuple[Literal["policy"], ...] = ("policy",)


class UnitSettings(_Section):
    id: str = Field(pattern=_ID)
    name: str = Field(min_length=1)
    provider_code: str = ""
    model_filing_no: str = ""


class LogSettings(_Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Settings(_Section):
    """The whole configuration. Paths are relative to the working directory."""

    data_dir: Path = Path("data")
    demo: bool = False
    server: ServerSettings = ServerSettings()
    redis: RedisSettings = RedisSettings()
    model: ModelSettings = ModelSettings()
    conversation: ConversationSettings = ConversationSettings()
    log: LogSettings = LogSettings()
    platforms: tuple[WeComAppSettings, ...] = ()
    employees: tuple[EmployeeSettings, ...] = (EmployeeSettings(id="xiaofu", name="小福"),)
    units: tuple[UnitSettings, ...] = (UnitSettings(id="default", name="示例单位"),)

    @field_validator("employees", "units")
    @classmethod
    def _somebody(cls, entries: Entries) -> Entries:
        if not entries:
            raise PydanticCustomError("nobody", "no entry")
        return entries

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        known = {employee.id for employee in self.employees}
        for platform in self.platforms:
            if platform.employee not in known:
                who = {"account": platform.account, "employee": platform.employee}
                raise PydanticCustomError("unknown_employee", "unknown employee", who)
        accounts = Counter((platform.kind, platform.account) for platform in self.platforms)
        for (_, account), times in accounts.items():
            if times > 1:
                raise PydanticCustomError("same_account", "same account", {"account": account})
        return self

    @property
    def unit(self) -> UnitSettings:
        """The tenant: every key in the store carries its id."""
        return self.units[0]


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `path`, else of `BANGBAN_CONFIG`, else of ./bangban.yaml, else the built-in defaults.

    Raises `ConfigurationError` that names the key and the remedy, and never shows a value.
    """
    environ = os.environ if environ is None else environ
    chosen = find(path, environ)
    return parse(_read(chosen) if chosen else {}, environ)


def find(path: Path | None, environ: Mapping[str, str] | None = None) -> Path | None:
    """The file that `load` would read, or None for the defaults."""
    environ = os.environ if environ is None else environ
    if path is None and environ.get("BANGBAN_CONFIG"):
        path = Path(environ["BANGBAN_CONFIG"])
    if path is None:
        path = Path("bangban.yaml")
        return path if path.exists() else None
    if not path.exists():
        raise ConfigurationError("--config", "no_file", path=str(path))
    return path


def parse(data: Any, environ: Mapping[str, str]) -> Settings:
    """Settings from the parsed YAML. Raises `ConfigurationError`."""
    if not isinstance(data, dict):
        raise ConfigurationError("bangban.yaml", "not_a_mapping")
    try:
        return Settings.model_validate(_filled(data, "", environ))
    except ValidationError as error:
        raise _named(error) from None


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(path), "unreadable") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = str(mark.line + 1) if mark else "?"
        raise ConfigurationError(str(path), "bad_yaml", line=line) from None


def _filled(value: Any, key: str, environ: Mapping[str, str]) -> Any:
    """`value` with every ${NAME} and ${NAME:-default} replaced."""
    if isinstance(value, dict):
        return {name: _filled(item, f"{key}.{name}".lstrip("."), environ) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, f"{key}.{index}", environ) for index, item in enumerate(value)]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _variable(match, key, environ), value)
    return value


def _variable(match: re.Match[str], key: str, environ: Mapping[str, str]) -> str:
    name, default = match.groups()
    if name in environ:
        return environ[name]
    if default is None:
        raise ConfigurationError(key, "variable_missing", name=name)
    return default


def _named(error: ValidationError) -> ConfigurationError:
    """The first mistake, by its dotted key; how many more there are, if any. Never what was given."""
    mistakes = error.errors(include_input=False, include_url=False)
    first = mistakes[0]
    kind, context = first["type"], first.get("ctx", {})
    key = ".".join(str(part) for part in first["loc"]) or "bangban.yaml"
    slots = {slot: str(context[name]) for name, slot in _SLOTS.items() if name in context}
    code = kind if kind in _OWN else _CODES.get(kind, "wrong_value")
    return ConfigurationError(key, code, detail=first["msg"], more=str(len(mistakes) - 1), **slots)
