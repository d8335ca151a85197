"""Small policy documents written for these tests, and a library of the sample."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.library import FileReport, Library

SAMPLE = Path(__file__).parents[2] / "deploy" / "sample"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a Markdown document with front matter and give its path."""

    def write(name: str, body: str, **front: str) -> Path:
        path = tmp_path / "files" / name
        path.parent.mkdir(exist_ok=True)
        lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()]
        path.write_text("\n".join(["---", *lines, "---", "", body]), "utf-8")
        return path

    return write


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "data" / "library")


@pytest.fixture(scope="module")
def sample_library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    library = Library(tmp_path_factory.mktemp("sample"))
    taken(library, SAMPLE / "library")
    return library


@pytest.fixture(scope="module")
def sample_questions() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / "questions.jsonl").read_text("utf-8").splitlines()]


def taken(library: Library, *paths: Path, metadata: Path | None = None) -> list[FileReport]:
    return list(library.import_paths(paths, metadata=metadata))
