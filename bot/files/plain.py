"""What every readable file becomes: headings, paragraphs and table rows, in the order of the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Heading:
    """A line the author marked as heading; `level` 1 is the highest."""

    text: str
    level: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table with the words of the header line above it; `headers` is as wide as `cells` or empty.

    `first` marks the row that opens a table.
    """

    cells: tuple[str, ...]
    headers: tuple[str, ...] = ()
    first: bool = False

    @property
    def text(self) -> str:
        """The row read aloud: every cell behind its header."""
        if not self.headers:
            return "　".join(filter(None, self.cells))
        pairs = zip(self.headers, self.cells, strict=True)
        return "；".join(f"{name}：{cell}" if name and name != cell else cell for name, cell in pairs if cell)


Block = Heading | Paragraph | Row


@dataclass(frozen=True, slots=True)
class Plain:
    """A file without its format. `front` is the YAML head of a Markdown file, its values as text or tuples of text."""

    blocks: tuple[Block, ...]
    front: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


def table_rows(lines: Sequence[Sequence[str]], *, headed: bool | None = None) -> Iterator[Row]:
    """The rows of one table. Unless told, a first line of short words without figures is its header."""
    lines = [tuple(cell.strip() for cell in line) for line in lines if any(cell.strip() for cell in line)]
    if not lines:
        return
    if headed is None:
        headed = _is_header(lines)
    headers = tuple(lines[0]) if headed else ()
    for ordinal, line in enumerate(lines[1:] if headed else lines):
        fitting = len(line) == len(headers)
        yield Row(tuple(line), headers if fitting else (), first=ordinal == 0)


def _is_header(lines: Sequence[Sequence[str]]) -> bool:
    first = lines[0]
    return len(lines) > 1 and all(0 < len(cell) <= 20 and not any(map(str.isdigit, cell)) for cell in first)
