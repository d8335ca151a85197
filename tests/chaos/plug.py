"""The plug: what lies on the disk when the power goes is what was flushed last. See `synced.c`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("synced.c")
FLUSH_MS = "5"
"""How much longer a flush takes than it would: on a quick disk a kill would hardly ever fall inside one."""
REMEDY = (
    "power cuts need Linux and a C compiler called cc: install one (on Debian: apt-get install gcc libc6-dev) and run "
    "again"
)


class NoCompiler(Exception):
    """The message is the remedy."""


@dataclass(frozen=True, slots=True)
class Plug:
    """Watches one store's flushes. Give `environ` to its server; `pull` before killing it."""

    folder: Path
    library: Path

    @classmethod
    def built(cls, folder: Path) -> Plug:
        """Compiles into `folder`. Raises `NoCompiler`."""
        compiler = shutil.which("cc")
        if compiler is None or sys.platform != "linux":
            raise NoCompiler(REMEDY)
        library = folder / "synced.so"
        command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            raise NoCompiler(f"{REMEDY}\n{error.stderr}") from None
        return cls(folder, library)

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "LD_PRELOAD": str(self.library),
            "CHAOS_FOLDER": str(self.folder),
            "CHAOS_FLUSH_MS": FLUSH_MS,
        }

    def pull(self) -> None:
        """The server's next start finds only what was flushed."""
        (self.folder / "cut").touch()

    def bytes_cut(self) -> list[int]:
        """How many unflushed bytes each cut took."""
        told = self.folder / "was-cut"
        return [int(line) for line in told.read_text().split()] if told.exists() else []
