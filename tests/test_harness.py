"""The harness judges the server, so somebody must judge the harness."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.figures import Figure, all_met, at_least, at_most, exactly, percentile, save
from benchmarks.scenarios import inside_a_send
from benchmarks.talk import Question, WatchedWeCom, judge
from tests.simulators.wecom import Shown


def asked(id_: str, user: str, *, acked: bool = True) -> Question:
    return Question(id_, user, b"", posted=1.0, acked=2.0 if acked else 0.0)


def shown(user: str, *ids: str, at: float = 5.0) -> Shown:
    said = "、".join(f"编号{id_}" for id_ in ids)
    return Shown(user, "text", {"content": f"{said}：可以申请[1]。"}, "m", at)


FIRST, SECOND, OTHER = asked("A0001", "limei"), asked("A0002", "limei"), asked("A0003", "wangwu")


def test_one_answer_may_answer_a_burst() -> None:
    """Two questions in one message are two answers, each once, timed from their own posts."""
    result = judge([FIRST, SECOND], [shown("limei", "A0001", "A0002")])
    assert (result.answered, result.twice, result.unanswered) == (2, [], [])
    assert result.seconds == [4.0, 4.0]


def test_an_acknowledged_question_without_an_answer_is_missed() -> None:
    """What was never acknowledged is nobody's promise."""
    result = judge([FIRST, asked("A0009", "limei", acked=False)], [])
    assert result.unanswered == ["A0001"]


def test_two_answers_to_one_question_are_told_apart_from_one() -> None:
    assert judge([FIRST], [shown("limei", "A0001"), shown("limei", "A0001")]).twice == ["A0001"]


def test_an_answer_at_the_wrong_door_is_seen() -> None:
    assert judge([FIRST, OTHER], [shown("limei", "A0003")]).misdirected == ["A0003"]


def test_order_is_a_matter_of_one_person() -> None:
    """An earlier question answered later is out of order; another person's answer in between is not."""
    assert judge([FIRST, SECOND], [shown("limei", "A0002"), shown("limei", "A0001")]).disordered == ["A0001"]
    assert judge([OTHER, FIRST], [shown("limei", "A0001"), shown("wangwu", "A0003")]).disordered == []


@pytest.mark.parametrize(
    ("killed", "inside"),
    [(10.0, True), (9.5, True), (10.9, True), (8.0, False), (12.0, False)],
    ids=["on receipt", "before receipt", "before the commit", "long before", "long after"],
)
def test_a_repeat_is_excused_only_by_a_kill_inside_the_send(killed: float, inside: bool) -> None:
    assert inside_a_send((10.0, 14.0), [killed]) is inside


def test_a_kill_after_the_repeat_excuses_nothing() -> None:
    assert not inside_a_send((10.0, 10.2), [10.5])


def test_repeats_are_identical_sends() -> None:
    """A repeat is measured from the send before it, not from the first."""
    wecom = WatchedWeCom()
    wecom.note(b"one", 1.0)
    wecom.note(b"two", 2.0)
    wecom.note(b"one", 3.0)
    wecom.note(b"one", 7.0)
    assert wecom.repeats() == [(1.0, 3.0), (3.0, 7.0)]


@pytest.mark.parametrize(("percent", "value"), [(0, 1.0), (50, 2.0), (51, 3.0), (99, 4.0), (100, 4.0)])
def test_percentiles_are_values_that_were_measured(percent: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == value


def test_a_bar_is_met_at_its_very_value() -> None:
    assert all_met([at_most("a", 50, 50), at_least("b", 0.7, 0.7), exactly("c", 3, 3), Figure("d", 9)])
    assert not all_met([at_most("a", 50.1, 50)])
    assert not all_met([at_least("b", 0.69, 0.7)])
    assert not all_met([exactly("c", 2, 3)])


def test_results_of_other_measures_stay(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    save("one", [Figure("a", 1)], path=path)
    save("two", [Figure("b", 2.5, "ms")], path=path)
    save("one", [Figure("a", 3)], path=path)
    known = json.loads(path.read_text("utf-8"))
    assert known["one"]["figures"]["a"]["value"] == 3
    assert known["two"]["figures"]["b"]["value"] == 2.5
