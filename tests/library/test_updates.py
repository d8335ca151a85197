"""Taking in, replacing and removing: changes are whole, and every reader sees them at its next search."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import DocumentRefused, Unavailable
from bot.library import Library, Result, policy_files

from .conftest import Write, taken

OLD = "第一条 青年驿站免费入住七晚。"
NEW = "第一条 青年驿站免费入住九晚。"


def quotes(library: Library, question: str = "青年驿站免费入住") -> list[str]:
    return [hit.clause.text for hit in library.search(question)]


def test_a_changed_file_replaces_its_old_version(library: Library, write: Write) -> None:
    """Taken once, unchanged the second time, replaced when a word changed; the old words are gone."""
    path = write("a.md", OLD, 标题="驿站办法")
    assert [report.result for report in taken(library, path)] == [Result.TAKEN]
    assert [report.result for report in taken(library, path)] == [Result.UNCHANGED]
    write("a.md", NEW, 标题="驿站办法")
    assert [report.result for report in taken(library, path)] == [Result.REPLACED]
    assert quotes(library) == [NEW]
    assert len(library.documents()) == 1


def test_changed_metadata_alone_replaces(library: Library, write: Write) -> None:
    """The CSV corrects a document that was already taken."""
    path = write("a.md", OLD, 标题="驿站办法")
    taken(library, path)
    path.with_name("metadata.csv").write_text("文件,标题\na.md,青年驿站管理办法\n", "utf-8")
    assert [report.result for report in taken(library, path)] == [Result.REPLACED]
    assert [document.title for document in library.documents()] == ["青年驿站管理办法"]


def test_the_same_official_document_from_another_path_is_one(library: Library, write: Write) -> None:
    """A moved folder does not double the library; documents that say too little of themselves are never merged."""
    first = write("a.md", OLD, 标题="驿站办法", 发文字号="示区府〔2026〕1号")
    second = write("b.md", OLD, 标题="驿站办法", 发文字号="示区府〔2026〕1号")
    assert [report.result for report in taken(library, first, second)] == [Result.TAKEN, Result.UNCHANGED]
    nameless = [write(f"{name}.md", f"第一条 {name}类。", 标题="办法") for name in "丙丁"]
    assert [report.result for report in taken(library, *nameless)] == [Result.TAKEN, Result.TAKEN]
    assert len(library.documents()) == 3


def test_a_bad_file_is_reported_and_the_rest_go_on(library: Library, write: Write) -> None:
    """One refusal with its reason, everything else taken; hidden files are not looked at."""
    good = write("b.md", OLD, 标题="驿站办法")
    (good.parent / "a.docx").write_bytes(b"broken")
    (good.parent / "c.pdf").write_bytes(b"%PDF")
    (good.parent / ".hidden.md").write_text(OLD, "utf-8")
    found = {report.path.name: (report.result, report.reason, report.clauses) for report in taken(library, good.parent)}
    assert found == {
        "a.docx": (Result.REFUSED, "docx_damaged", 0),
        "b.md": (Result.TAKEN, "", 1),
        "c.pdf": (Result.REFUSED, "unsupported_type", 0),
    }


def test_a_file_that_became_unreadable_keeps_its_old_version(library: Library, write: Write) -> None:
    """A damaged copy is no reason to forget what was known."""
    path = write("a.md", OLD, 标题="驿站办法")
    taken(library, path)
    path.write_bytes(b"---\nx: [\n---\n")
    assert [report.result for report in taken(library, path)] == [Result.REFUSED]
    assert quotes(library) == [OLD]


@pytest.mark.parametrize("name", ["示区府〔2026〕1号", "示区府[2026]1号", "驿站办法"])
def test_a_document_is_removed_by_number_or_title(library: Library, write: Write, name: str) -> None:
    """It is gone from search and list at once; an unknown name removes nothing."""
    taken(library, write("a.md", OLD, 标题="驿站办法", 发文字号="示区府〔2026〕1号"))
    assert library.remove("别的办法") == []
    [removed] = library.remove(name)
    assert removed.title == "驿站办法"
    assert quotes(library) == []
    assert library.documents() == []


def test_a_running_reader_sees_what_another_writes(tmp_path: Path, write: Write) -> None:
    """A second library on the same directory, opened before there was anything, follows every change."""
    reader, writer = Library(tmp_path / "shared"), Library(tmp_path / "shared")
    assert quotes(reader) == []
    path = write("a.md", OLD, 标题="驿站办法")
    taken(writer, path)
    assert quotes(reader) == [OLD]
    write("a.md", NEW, 标题="驿站办法")
    taken(writer, path)
    assert quotes(reader) == [NEW]
    writer.remove("驿站办法")
    assert quotes(reader) == []


def test_a_running_reader_sees_what_another_process_writes(tmp_path: Path, write: Write) -> None:
    """Not only within one process."""
    reader = Library(tmp_path / "shared")
    code = (
        "import sys; from pathlib import Path; from bot.library import Library; "
        "list(Library(Path(sys.argv[1])).import_paths([Path(sys.argv[2])]))"
    )
    path = write("a.md", OLD, 标题="驿站办法")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "shared"), str(path)], check=True)
    assert quotes(reader) == [OLD]


def test_a_batch_appears_whole_or_not_at_all(library: Library, write: Write) -> None:
    """Nothing shows while an import runs, and nothing of one that was given up."""
    paths = [write(f"{name}.md", f"第一条 {name}类青年驿站。", 标题=f"{name}类办法") for name in "甲乙"]
    running = library.import_paths(paths)
    assert next(running).result is Result.TAKEN
    assert library.documents() == []
    running.close()
    assert library.documents() == []
    taken(library, *paths)
    assert len(library.documents()) == 2


def test_two_imports_do_not_collide(tmp_path: Path, write: Write) -> None:
    """The second is told to wait; afterwards it may."""
    first, second = Library(tmp_path / "shared"), Library(tmp_path / "shared")
    path = write("a.md", OLD, 标题="驿站办法")
    running = first.import_paths([path])
    next(running)
    with pytest.raises(Unavailable, match="library_busy"):
        taken(second, path)
    with pytest.raises(Unavailable, match="library_busy"):
        second.remove("驿站办法")
    assert list(running) == []
    assert [report.result for report in taken(second, path)] == [Result.UNCHANGED]


def test_a_table_that_cannot_be_read_stops_the_import_before_it_begins(library: Library, write: Write) -> None:
    """Half a correction would be worse than none."""
    path = write("a.md", OLD, 标题="驿站办法")
    table = path.with_name("other.csv")
    table.write_text("名称\n甲\n", "utf-8")
    with pytest.raises(DocumentRefused, match="metadata_damaged"):
        taken(library, path, metadata=table)
    assert library.documents() == []


def test_the_files_of_an_import_can_be_counted_beforehand(write: Write) -> None:
    """For a progress bar: each file once, in order, without the metadata."""
    first, second = write("a.md", OLD), write("b.md", OLD)
    first.with_name("metadata.csv").write_text("文件\n", "utf-8")
    assert policy_files([second, first.parent]) == [second, first]
