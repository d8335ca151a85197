"""Where the sample configuration and library are: beside the sources, or inside the installed package."""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    here = Path(__file__).parent
    installed = here / "sample"
    return installed if installed.exists() else here.parent / "deploy" / "sample"


def config() -> Path:
    return folder() / "bangban.yaml"


def library() -> Path:
    return folder() / "library"


def metadata() -> Path:
    return library() / "metadata.csv"
