"""The sample questions through the whole turn, without a model: what `bangban ask` answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot import app, sample
from bot.message import Outcome, Role
from bot.settings import Settings, parse
from bot.terminal import Asked, ask

QUESTIONS: list[dict[str, Any]] = [
    json.loads(line) for line in (sample.folder() / "questions.jsonl").read_text("utf-8").splitlines()
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("asked")
    settings = parse({"data_dir": str(folder)}, {})
    reports = list(app.library_of(settings).import_paths([Path(sample.library())], metadata=sample.metadata()))
    assert not [report for report in reports if report.result == "refused"]
    return settings


def cites(asked: Asked, question: dict[str, Any]) -> bool:
    """Whether an expected clause is among the first three sources."""
    return any(
        wanted["document"] == source.document and wanted["clause"] in source.clause
        for wanted in question["clauses"]
        for source in asked.reply.sources[:3]
    )


async def test_everyday_questions_find_their_clause_and_the_others_are_refused(settings: Settings) -> None:
    """At least 45 of the 50 answerable cite the expected clause; at least 9 of the other 10 are not answered."""
    found, refused = 0, 0
    for question in QUESTIONS:
        asked = await ask(settings, question["question"], Role(question["as"]))
        if question["answerable"]:
            found += cites(asked, question)
        else:
            refused += asked.reply.outcome is Outcome.UNANSWERABLE_NO_SOURCE
    assert found >= 45
    assert refused >= 9


async def test_an_answer_is_one_json_value_with_the_promised_fields(settings: Settings) -> None:
    """Scripts rely on these names."""
    value = (await ask(settings, QUESTIONS[0]["question"], Role.RESIDENT)).as_json()
    assert list(value) == ["outcome", "text", "sources", "employee", "ms"]
    names = ["document", "number", "issuer", "date", "status", "clause", "quote", "url"]
    assert list(value["sources"][0]) == names
    assert json.loads(json.dumps(value, ensure_ascii=False)) == value
