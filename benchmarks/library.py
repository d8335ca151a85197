"""How well the library cuts and finds: the sample questions, STARD's 800 legal questions over 55,404 real articles, and
the paths of the articles of real laws.

Run as `python -m benchmarks.library [DIRECTORY]`; DIRECTORY holds `stard_corpus.jsonl.gz`, `stard_dev.jsonl.gz`
and `laws_*.jsonl.gz`, without it only the sample is measured. Each law of the corpus is written as a text file and
imported like any other document, so that reading, cutting and searching are all part of the figure.
"""

from __future__ import annotations

import gzip
import json
import re
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.files import Paragraph
from bot.library import EVIDENCE_FLOOR, Filters, Hit, Library, Result
from bot.library.clauses import cut
from bot.library.marks import mark_of
from bot.message import Role

SAMPLE = Path(__file__).parent.parent / "deploy" / "sample"
DEPTH = 10
ARTICLE_PATH = re.compile(r".*?第[^ ]+条(?:之[^ ]+)?(?= |$)")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question put to a library: what came back and how long that took."""

    question: dict[str, Any]
    hits: list[Hit]
    milliseconds: float

    @property
    def evidence(self) -> float:
        return max((hit.evidence for hit in self.hits), default=0.0)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        sample(Path(scratch))
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if data is None or not (data / "stard_corpus.jsonl.gz").exists():
        print("STARD: its files are not here, not measured")
        return
    with tempfile.TemporaryDirectory() as scratch:
        stard(Path(scratch), data)
    paths(data)


def sample(scratch: Path) -> None:
    library = imported(scratch / "library", SAMPLE / "library")
    lines = (SAMPLE / "questions.jsonl").read_text("utf-8").splitlines()
    answers = list(ask(library, map(json.loads, lines), depth=DEPTH))
    answerable = [one for one in answers if one.question["answerable"]]
    others = [one for one in answers if not one.question["answerable"]]
    ranks = [place_of_expected(one) for one in answerable]
    print(f"sample: {len(answerable)} answerable, {len(others)} not (words, weights and floor were fitted on these)")
    print(f"  expected clause first {share(ranks, 1)}, among three {share(ranks, 3)}, among ten {share(ranks, 10)}")
    print(f"  answerable at or above the evidence floor: {above_floor(answerable)}/{len(answerable)}")
    print(f"  unanswerable below it: {len(others) - above_floor(others)}/{len(others)}")
    print(f"  {pace(answers)}")


def stard(scratch: Path, data: Path) -> None:
    articles = list(read_lines(data / "stard_corpus.jsonl.gz"))
    started = time.perf_counter()
    library = imported(scratch / "library", laid_out(articles, scratch / "laws"))
    took = time.perf_counter() - started
    names = {(article["law"], normal(article["no"])): article["id"] for article in articles}
    questions = ({"question": one["query"], "as": "resident", **one} for one in read_lines(data / "stard_dev.jsonl.gz"))
    answers = list(ask(library, questions, depth=2 * DEPTH))
    recalls, ranks = [], []
    for one in answers:
        found = list(dict.fromkeys(names.get(article_of(hit), -1) for hit in one.hits))[:DEPTH]
        right = [place for place, key in enumerate(found, 1) if key in {*one.question["rel"], *one.question["twins"]}]
        recalls.append(min(len(right) / len(one.question["rel"]), 1.0))
        ranks.append(right[0] if right else 0)
    print(f"STARD: {len(articles)} articles imported in {took:.0f} s, {len(answers)} questions")
    reciprocal = statistics.fmean(1 / place if place else 0.0 for place in ranks)
    print(f"  R@10 {statistics.fmean(recalls):.3f}, MRR@10 {reciprocal:.3f}")
    print(f"  at or above the evidence floor: {above_floor(answers)}/{len(answers)}")
    print(f"  {pace(answers)}")


def paths(data: Path) -> None:
    """Cut whole laws whose articles are known and compare every article's path."""
    right = total = 0
    for name in ("laws_national.jsonl.gz", "laws_local.jsonl.gz"):
        for law in read_lines(data / name) if (data / name).exists() else ():
            lines, wanted = law_lines(law["articles"])
            clauses = cut("", map(Paragraph, lines))
            given = {match[0] for one in clauses if (match := ARTICLE_PATH.match(one.path))}
            total += len(wanted)
            right += sum(path in given for path in wanted)
    if total:
        print(f"laws: {right}/{total} articles cut under their exact path ({right / total:.1%})")


def law_lines(articles: Iterable[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """A law as its lines with each division named once, and the paths its articles should get."""
    lines: list[str] = []
    wanted: list[str] = []
    above: list[str] = []
    for article in articles:
        divisions = [name.strip() for name in re.split(r"[>/|]", article["sec"]) if name.strip()]
        lines += [name for depth, name in enumerate(divisions) if divisions[: depth + 1] != above[: depth + 1]]
        lines += [line.strip() for line in f"{article['no']}　{article['text']}".split("\n") if line.strip()]
        wanted.append(" ".join([*map(division_name, divisions), normal(article["no"])]))
        above = divisions
    return lines, wanted


def division_name(name: str) -> str:
    return mark_of(name).sign(name) or normal(name)


def place_of_expected(one: Asked) -> int:
    """The place of the first expected clause among the hits, from 1; 0 when it is not there."""
    return next((n for n, hit in enumerate(one.hits, 1) if expected(hit, one.question["clauses"])), 0)


def expected(hit: Hit, clauses: Sequence[dict[str, str]]) -> bool:
    """Whether a hit is one of the clauses named; an article is named without its chapter."""
    names = {(one["document"], one["clause"]) for one in clauses}
    path = hit.clause.path
    return bool(names & {(hit.document.title, path), (hit.document.title, path.rsplit(" ", 1)[-1])})


def imported(directory: Path, source: Path) -> Library:
    library = Library(directory)
    refused = [report for report in library.import_paths([source]) if report.result is Result.REFUSED]
    if refused:
        raise SystemExit(f"{len(refused)} files refused, the first: {refused[0].path.name} {refused[0].reason}")
    return library


def ask(library: Library, questions: Iterable[dict[str, Any]], depth: int) -> Iterator[Asked]:
    for question in questions:
        started = time.perf_counter()
        hits = library.search(question["question"], Filters(audience=Role(question["as"])), depth)
        yield Asked(question, hits, (time.perf_counter() - started) * 1000)


def laid_out(articles: Iterable[dict[str, Any]], directory: Path) -> Path:
    """The articles as one file a law."""
    laws: defaultdict[str, list[str]] = defaultdict(list)
    for article in articles:
        laws[article["law"]].append(f"{article['no']}　{article['text']}")
    directory.mkdir()
    for ordinal, (law, lines) in enumerate(laws.items()):
        head = f"---\n标题: {json.dumps(law, ensure_ascii=False)}\n---\n\n"
        (directory / f"{ordinal}.md").write_text(head + "\n\n".join(lines), "utf-8")
    return directory


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def article_of(hit: Hit) -> tuple[str, str]:
    match = re.search(r"第[^ ]+条(?:之[^ ]+)?", hit.clause.path)
    return hit.document.title, normal(match[0] if match else "")


def normal(number: str) -> str:
    return re.sub(r"\s", "", number)


def above_floor(answers: Sequence[Asked]) -> int:
    return sum(one.evidence >= EVIDENCE_FLOOR for one in answers)


def share(ranks: Sequence[int], depth: int) -> str:
    return f"{sum(0 < place <= depth for place in ranks)}/{len(ranks)}"


def pace(answers: Sequence[Asked]) -> str:
    taken = sorted(one.milliseconds for one in answers)
    return f"search p50 {statistics.median(taken):.1f} ms, p95 {taken[int(len(taken) * 0.95)]:.1f} ms"


if __name__ == "__main__":
    main()
