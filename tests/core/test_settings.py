"""Settings: every mistake names its key, no secret is ever shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.errors import ConfigurationError
from bot.settings import Settings, load, parse

SECRET = "s3cr3t-value"
WECOM: dict[str, Any] = {
    "kind": "wecom-app",
    "account": "banshi",
    "corp_id": "ww1",
    "agent_id": 1000002,
    "secret": "${WECOM_SECRET}",
    "token": SECRET,
    "aes_key": "a" * 43,
    "employee": "xiaofu",
}
EMPLOYEES = [{"id": "xiaofu", "name": "小福"}]


def test_the_defaults_are_complete() -> None:
    """No file is needed to start."""
    settings = parse({}, {})
    assert settings == Settings()
    assert not settings.model.configured


def test_variables_are_filled_in(tmp_path: Path) -> None:
    """${NAME} takes the environment's value, ${NAME:-x} has a default."""
    file = tmp_path / "bangban.yaml"
    file.write_text("model: {api_key: '${KEY}', chat: '${CHAT:-small}'}\n", "utf-8")
    settings = load(file, {"KEY": SECRET})
    assert settings.model.api_key.get_secret_value() == SECRET
    assert settings.model.chat == "small"
    assert settings.model.configured


def test_addresses_with_passwords_are_never_printed() -> None:
    """The store's address and a proxy's may hold one."""
    shown = repr(parse({"redis": {"url": f"redis://:{SECRET}@h/0"}, "model": {"proxy": f"http://u:{SECRET}@h"}}, {}))
    assert SECRET not in shown


def test_secrets_are_never_printed() -> None:
    """Neither repr nor an error shows what stands in a secret."""
    settings = parse({"platforms": [WECOM], "employees": EMPLOYEES}, {"WECOM_SECRET": SECRET})
    assert SECRET not in repr(settings)
    with pytest.raises(ConfigurationError) as wrong:
        parse({"platforms": [{**WECOM, "aes_key": SECRET}], "employees": EMPLOYEES}, {"WECOM_SECRET": SECRET})
    assert SECRET not in str(wrong.value)
    assert wrong.value.key == "platforms.0.aes_key"


@pytest.mark.parametrize(
    ("data", "key", "code"),
    [
        ({"servr": {}}, "servr", "unknown_key"),
        ({"server": {"prt": 1}}, "server.prt", "unknown_key"),
        ({"server": {"port": "many"}}, "server.port", "not_a_number"),
        ({"server": {"port": 70000}}, "server.port", "above_most"),
        ({"server": {"backlog": 0}}, "server.backlog", "below_least"),
        ({"conversation": {"keep_days": 0}}, "conversation.keep_days", "not_above"),
        ({"server": 5}, "server", "not_a_section"),
        ({"demo": "perhaps"}, "demo", "not_yes_or_no"),
        ({"log": {"level": "loud"}}, "log.level", "not_a_choice"),
        ({"model": {"chat": 3}}, "model.chat", "not_text"),
        ({"units": "one"}, "units", "not_a_list"),
        ({"units": []}, "units", "nobody"),
        ({"units": [{"id": "大 写", "name": "x"}]}, "units.0.id", "not_an_id"),
        ({"units": [{"id": "x", "name": ""}]}, "units.0.name", "left_empty"),
        ({"redis": {"url": "http://x"}}, "redis.url", "redis_scheme"),
        ({"redis": {"url": "redis://x:port/0"}}, "redis.url", "redis_address"),
        ({"model": {"api_key": "${NOT_SET}"}}, "model.api_key", "variable_missing"),
        ({"employees": [{"id": "xiaofu"}]}, "employees.0.name", "missing_key"),
        ({"platforms": [{**WECOM, "secret": "x", "employee": "nobody"}]}, "bangban.yaml", "unknown_employee"),
        ({"platforms": [{**WECOM, "secret": "x"}] * 2}, "bangban.yaml", "same_account"),
        ([], "bangban.yaml", "not_a_mapping"),
    ],
)
def test_a_mistake_names_its_key(data: Any, key: str, code: str) -> None:
    """The operator is told where, not only that."""
    with pytest.raises(ConfigurationError) as wrong:
        parse(data, {})
    assert (wrong.value.key, wrong.value.code) == (key, code)


def test_a_file_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    """The path stands in the error, with the line when there is one."""
    with pytest.raises(ConfigurationError) as missing:
        load(tmp_path / "none.yaml", {})
    assert missing.value.code == "no_file"
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: 1\n  b: [", "utf-8")
    with pytest.raises(ConfigurationError) as wrong:
        load(broken, {})
    assert (wrong.value.key, wrong.value.code, wrong.value.slots) == (str(broken), "bad_yaml", {"line": "2"})


def test_settings_are_frozen() -> None:
    """Nobody changes them behind anybody's back."""
    with pytest.raises(ValueError, match="frozen"):
        Settings().server.port = 1
