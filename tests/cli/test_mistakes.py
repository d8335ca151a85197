"""What an operator meets when something is wrong: the cause and the remedy, never a traceback, and exit code 1."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.simulators.deepseek import DeepSeek, Script
from tests.simulators.deepseek import running as answering
from tests.simulators.wecom import WeCom
from tests.simulators.wecom import running as platform

SECRET = "s3cr3t-word-of-the-operator"
PLATFORM = """
platforms:
  - {{kind: wecom-app, account: banshi, corp_id: ww1, agent_id: 1000002, secret: {secret}, token: t,
     aes_key: {aes_key}, api_base: "{base}", employee: xiaofu}}
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


async def bangban(*words: object) -> Said:
    """One command as a process of its own."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("BANGBAN_", "DEEPSEEK_"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *map(str, words)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environ,
    )
    out, err = await process.communicate()
    said = Said(process.returncode or 0, out.decode(), err.decode())
    assert "Traceback" not in said.out + said.err
    assert SECRET not in said.out + said.err
    return said


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path, "")


def written(folder: Path, more: str) -> Path:
    """A configuration with data of its own."""
    path = folder / "bangban.yaml"
    path.write_text(f"data_dir: {folder / 'data'}\n{more}", "utf-8")
    return path


async def test_an_import_says_why_a_file_was_refused_and_goes_on(tmp_path: Path, config: Path) -> None:
    """Each bad file has its reason; the good one is in; the exit code says that not all are."""
    files = tmp_path / "files[x]"
    files.mkdir()
    (files / "好.md").write_text("# 示例办法\n\n第一条 每人每月发放一百元。\n", "utf-8")
    (files / "图.pdf").write_bytes(b"%PDF")
    (files / "坏.docx").write_bytes(os.urandom(500))
    (files / "空.txt").touch()
    said = await bangban("library", "import", files, tmp_path / "没有.md", "--config", config)
    assert said.code == 1
    assert said.err.count("未导入 ") == 4
    for words in ("files[x]/图.pdf：不支持这种格式", "不是完整的 Word 文件", "没有文字", "没有.md：找不到这个路径"):
        assert words in said.err
    assert said.out.strip() == "共 5 个文件：新增 1，更新 0，未变 0，未导入 4。"
    again = await bangban("library", "import", files / "好.md", "--json", "--config", config)
    assert (again.code, json.loads(again.out)[0]["result"]) == (0, "unchanged")


async def test_a_name_nobody_knows_ends_with_exit_code_1(config: Path) -> None:
    """Scripts can tell; a name with brackets is only a name."""
    removed = await bangban("library", "remove", "没有[/x]", "--config", config)
    assert (removed.code, removed.out) == (1, "")
    assert "政策库里没有“没有[/x]”" in removed.err
    replayed = await bangban("inbox", "replay", "nobody", "--config", config)
    assert (replayed.code, "列表里没有 nobody" in replayed.err) == (1, True)


async def test_a_command_typed_wrong_names_the_help() -> None:
    """Exit code 2, as everywhere."""
    said = await bangban("library", "serch")
    assert said.code == 2
    assert "library --help" in said.err


@pytest.mark.parametrize("command", [("inbox", "failed"), ("library", "list"), ("library", "import", __file__)])
async def test_a_data_directory_that_cannot_be_used_is_named(tmp_path: Path, command: tuple[str, ...]) -> None:
    """A file stands where the directory should be."""
    config = written(tmp_path, "")
    (tmp_path / "data").touch()
    said = await bangban(*command, "--config", config)
    assert said.code == 1
    assert f"{tmp_path / 'data'}" in said.err
    assert "权限" in said.err


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """The server does not start over and over behind a message nobody can read."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = written(tmp_path, f"server: {{port: {other.getsockname()[1]}}}\n")
        said = await bangban("serve", "--config", config)
    assert said.code == 1
    assert "server.port" in said.err


async def test_a_store_that_is_away_is_said(tmp_path: Path) -> None:
    """By a command as a sentence, by the doctor as a problem; the password is not repeated."""
    config = written(tmp_path, f"redis: {{url: 'redis://:{SECRET}@127.0.0.1:1/0'}}\n")
    failed, doctor = await asyncio.gather(
        bangban("inbox", "failed", "--config", config), bangban("doctor", "--json", "--config", config)
    )
    assert (failed.code, "redis.url" in failed.err) == (1, True)
    problems = [found["code"] for found in json.loads(doctor.out) if found["level"] == "problem"]
    assert (doctor.code, problems) == (1, ["store_away"])


async def test_the_doctor_tells_why_the_model_does_not_answer(tmp_path: Path) -> None:
    """A refused key and a working fallback are two findings: the one does not hide the other."""
    async with answering(DeepSeek(usual=Script(status=401))) as refusing, answering(DeepSeek()) as other:
        endpoint = f"{{base_url: '{other.base}', api_key: {SECRET}, chat: small}}"
        more = f"model: {{base_url: '{refusing.base}', api_key: {SECRET}, fallback: {endpoint}}}\n"
        said = await bangban("doctor", "--json", "--config", written(tmp_path, more))
    found = {finding["part"]: finding for finding in json.loads(said.out)}
    assert said.code == 1
    assert found["model"]["code"] == "model_key"
    assert "model.api_key" in found["model"]["message"]
    assert found["fallback"]["code"] == "model_ok"


async def test_the_doctor_tells_why_the_platform_refuses(tmp_path: Path) -> None:
    """A wrong secret of an account is named with what to do, and not shown."""
    async with platform(WeCom()) as wecom:
        more = PLATFORM.format(secret=SECRET, aes_key="a" * 43, base=wecom.base)
        said = await bangban("doctor", "--config", written(tmp_path, more))
    assert said.code == 1
    assert "wecom-app/banshi" in said.out
    assert "请核对" in said.out
