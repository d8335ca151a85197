"""The model client against a server that misbehaves in every known way."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from bot.errors import ModelUnavailable
from bot.llm import LLM, Call, Timeouts
from bot.llm.thoughts import Thoughts
from bot.prompts import Prompt
from tests.llm.conftest import PROMPT, QUICK, Client, said
from tests.simulators.deepseek import DeepSeek, Script

ASK_JSON = Prompt("rewrite", "chat", 0, 100, "只输出 JSON", "问题", "请重新输出 JSON")


class Question(BaseModel):
    question: str


# --- a good model ----------------------------------------------------------------------------------


async def test_words_come_as_they_are_said(client: Client, model: DeepSeek, calls: list[Call]) -> None:
    """Deltas arrive one by one, and the call is recorded with model, tokens and outcome."""
    model.then(Script(said=("每人", "每月", "发放。")))
    assert await said(client(model)) == ["每人", "每月", "发放。"]
    assert [(c.prompt, c.model, c.outcome, c.tokens) for c in calls] == [("answer", "deepseek-chat", "done", 103)]


async def test_the_request_is_what_the_prompt_says(client: Client, model: DeepSeek) -> None:
    """Model tier, temperature, length and both sections are sent; the fixed text is first."""
    prompt = Prompt("plan", "reasoner", 0.7, 900, "规则", "问题")
    await said(client(model), prompt)
    request = model.requests[0]
    assert (request["model"], request["temperature"], request["max_tokens"]) == ("deepseek-reasoner", 0.7, 900)
    assert [m["content"] for m in request["messages"]] == ["规则", "问题"]
    assert "response_format" not in request
    assert model.keys == ["Bearer sample-key"]


async def test_reasoning_is_not_shown(client: Client, model: DeepSeek) -> None:
    """reasoning_content never reaches a person."""
    model.then(Script(reasoning=("先想想", "再想想"), said=("答案。",)))
    assert await said(client(model)) == ["答案。"]


async def test_thoughts_in_the_text_are_not_shown(client: Client, model: DeepSeek) -> None:
    """<think> of a self-hosted server is dropped, also when its marks are cut into pieces."""
    model.then(Script(said=("<th", "ink>先想", "想</thi", "nk>\n\n", "答", "案。")))
    assert await said(client(model)) == ["答", "案。"]


@given(
    st.lists(st.sampled_from(["<think>想一想</think>", "小于<5", "<b>", "答案", "<", "think>"]), max_size=6), st.data()
)
def test_thoughts_leave_the_same_text_however_it_is_cut(pieces: list[str], data: st.DataObject) -> None:
    """Any split into deltas shows the same words."""
    text = "".join(pieces)
    whole = Thoughts()
    expected = whole.feed(text) + whole.flush()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    split = Thoughts()
    deltas = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(map(split.feed, deltas)) + split.flush() == expected
    assert "想一想" not in expected


# --- a model in trouble ----------------------------------------------------------------------------


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (Script(status=429, retry_after="0"), "http_429"),
        (Script(status=500), "http_500"),
        (Script(status=503), "http_503"),
        (Script(cut_after=0), "connection"),
        (Script(said=()), "empty"),
        (Script(said=("<think>想不完",)), "empty"),
        (Script(said=(), finish="length"), "cut"),
        (Script(raw=b"data: {not json\n\n"), "nonsense"),
        (Script(raw=b'data: {"error": {"message": "overloaded"}}\n\n'), "nonsense"),
        (Script(raw=b"<html>Bad Gateway</html>"), "cut"),
    ],
)
async def test_before_the_first_word_it_is_tried_again(
    client: Client, model: DeepSeek, calls: list[Call], trouble: Script, outcome: str
) -> None:
    """Two failures of any kind are followed by a third try that succeeds, and each is recorded."""
    model.then(trouble, trouble, Script(said=("好。",)))
    assert await said(client(model)) == ["好。"]
    assert [call.outcome for call in calls] == [outcome, outcome, "done"]


@pytest.mark.usefixtures("no_pauses")
async def test_a_lasting_failure_goes_to_the_fallback(client: Client, model: DeepSeek, second: DeepSeek) -> None:
    """Three tries at the first endpoint, then the second answers."""
    model.usual = Script(status=500)
    second.then(Script(said=("备用。",)))
    assert await said(client(model, second)) == ["备用。"]
    assert (len(model.requests), len(second.requests)) == (3, 1)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
async def test_a_refusal_is_not_repeated(client: Client, model: DeepSeek, second: DeepSeek, status: int) -> None:
    """What the server refuses for good is asked once; the fallback answers."""
    model.then(Script(status=status))
    await said(client(model, second))
    assert (len(model.requests), len(second.requests)) == (1, 1)


async def test_a_long_retry_after_goes_to_the_fallback(client: Client, model: DeepSeek, second: DeepSeek) -> None:
    """Nobody waits a minute because a server asks for it."""
    model.then(Script(status=429, retry_after="60"))
    await said(client(model, second))
    assert (len(model.requests), len(second.requests)) == (1, 1)


async def test_a_short_retry_after_is_honoured(
    client: Client, model: DeepSeek, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait is what the server asks for, when that is longer than ours."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("bot.llm.endpoint.asyncio.sleep", noted)
    model.then(Script(status=429, retry_after="3"), Script(status=429), Script(said=("好。",)))
    assert await said(client(model)) == ["好。"]
    assert [wait for wait in waits if wait] == [3.0, 1.0]


async def test_a_hang_before_the_first_word_ends(client: Client, model: DeepSeek, second: DeepSeek) -> None:
    """A server that never answers is left for the fallback after the first-token timeout, without a second try."""
    model.usual = Script(hang=True)
    second.then(Script(said=("备用。",)))
    assert await said(client(model, second)) == ["备用。"]
    assert len(model.requests) == 1


async def test_without_any_answer_the_model_is_unavailable(client: Client, model: DeepSeek, calls: list[Call]) -> None:
    """When every endpoint hangs the caller is told so, by our own error."""
    model.usual = Script(hang=True)
    with pytest.raises(ModelUnavailable) as caught:
        await said(client(model))
    assert caught.value.reason == "timeout"
    assert [call.outcome for call in calls] == ["timeout"]


async def test_nobody_at_the_address(client: Client, calls: list[Call]) -> None:
    """A refused connection is a failure like any other."""
    with pytest.raises(ModelUnavailable):
        await said(client(DeepSeek(base="http://127.0.0.1:9/v1")))
    assert {call.outcome for call in calls} == {"connection"}


CUTS = {
    "connection": Script(said=("每人", "每月"), cut_after=1),
    "cut": Script(said=("每人",), finish=""),
    "cut too long": Script(said=("每人",), finish="length"),
    "cut by the server": Script(said=("每人",), finish="insufficient_system_resource"),
    "nonsense": Script(said=("每人", "</think>", "每月")),
}


@pytest.mark.parametrize("cut", CUTS)
async def test_a_stream_cut_after_its_first_words_is_not_repeated(
    client: Client, model: DeepSeek, second: DeepSeek, calls: list[Call], cut: str
) -> None:
    """Words that were shown are not shown twice: neither a second try nor the fallback speaks after them."""
    model.then(CUTS[cut])
    async with aclosing(client(model, second).stream(PROMPT)) as deltas:
        assert await anext(deltas) == "每人"
        with pytest.raises(ModelUnavailable):
            await anext(deltas)
    assert [call.outcome for call in calls] == [cut.split(maxsplit=1)[0]]
    assert not second.requests


async def test_silence_in_the_middle_ends_the_call(client: Client, model: DeepSeek) -> None:
    """A stream that stops moving is cut after the idle timeout."""
    model.then(Script(said=("每人", "每月"), rate=0.5))
    timeouts = Timeouts(connect=2, first_token=4, idle=0.2, total=10)
    with pytest.raises(ModelUnavailable) as caught:
        await said(client(model, timeouts=timeouts))
    assert caught.value.reason == "timeout"


async def test_an_endless_answer_ends(client: Client, model: DeepSeek) -> None:
    """The total timeout bounds an answer that keeps moving."""
    model.then(Script(said=("字",) * 10_000, rate=100))
    timeouts = Timeouts(connect=2, first_token=1, idle=1, total=0.5)
    with pytest.raises(ModelUnavailable):
        await said(client(model, timeouts=timeouts))


@pytest.mark.usefixtures("no_pauses")
async def test_a_dead_endpoint_is_left_alone(client: Client, model: DeepSeek, second: DeepSeek) -> None:
    """After five failures in a row questions go straight to the fallback, without touching the first."""
    model.usual = Script(status=500)
    llm = client(model, second)
    for _ in range(4):
        await said(llm)
    assert (len(model.requests), len(second.requests)) == (5, 4)


@pytest.mark.usefixtures("no_pauses")
async def test_refused_questions_do_not_close_the_endpoint(client: Client, model: DeepSeek) -> None:
    """One person's unacceptable questions never switch the model off for everybody."""
    model.then(*[Script(status=400)] * 8, Script(said=("好。",)))
    llm = client(model)
    for _ in range(8):
        with pytest.raises(ModelUnavailable):
            await said(llm)
    assert await said(llm) == ["好。"]


# --- places ----------------------------------------------------------------------------------------


async def test_no_more_calls_than_places(client: Client, model: DeepSeek) -> None:
    """The server never sees more at once than it takes; everybody is answered."""
    model.usual = Script(delay=0.01, said=("好。",))
    llm = client(model, places=3, timeouts=Timeouts())
    answers = await asyncio.gather(*(said(llm) for _ in range(20)))
    assert answers == [["好。"]] * 20
    assert model.most_running == 3


async def test_who_finds_no_place_is_told(client: Client, model: DeepSeek) -> None:
    """Waiting for a place is bounded like waiting for the first word."""
    llm = client(model, places=1)
    async with aclosing(llm.stream(PROMPT)) as first:
        await anext(first)
        with pytest.raises(ModelUnavailable) as caught:
            await said(llm)
    assert caught.value.reason == "busy"
    assert await said(llm)


async def test_a_cancelled_call_frees_its_place(client: Client, model: DeepSeek, calls: list[Call]) -> None:
    """Cancellation passes through, and the next question gets the place."""
    model.then(Script(hang=True))
    llm = client(model, places=1, timeouts=Timeouts())
    waiting = asyncio.create_task(said(llm))
    await asyncio.wait_for(model.asked.wait(), 10)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await said(llm)
    assert [call.outcome for call in calls] == ["abandoned", "done"]


async def test_without_endpoints_it_is_not_configured() -> None:
    """No key, no model: callers see it before they ask, and an answer is refused."""
    llm = LLM([], timeouts=QUICK, max_concurrency=1, record=lambda call: None)
    assert not llm.configured
    with pytest.raises(ModelUnavailable):
        await said(llm)


# --- objects ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "deltas",
    [
        ('{"question": ', '"低保怎么申请"}'),
        ("```json\n", '{"question": "低保怎么申请"}', "\n```"),
        ("<think>", '{"question": "错"}', "</think>", '{"question": "低保怎么申请"}'),
        ("好的，结果是：", '{"question": "低保怎么申请"}', "希望对您有帮助。"),
    ],
)
async def test_an_object_is_found_whatever_stands_around_it(
    client: Client, model: DeepSeek, deltas: tuple[str, ...]
) -> None:
    """Fences, thoughts and politeness around the JSON do no harm, and JSON mode is asked for."""
    model.then(Script(said=deltas))
    assert await client(model).structured(ASK_JSON, Question) == Question(question="低保怎么申请")
    assert model.requests[0]["response_format"] == {"type": "json_object"}


async def test_broken_json_is_repaired_once(client: Client, model: DeepSeek) -> None:
    """The model sees its own answer and is asked again."""
    model.then(Script(said=('{"question": ',)), Script(said=('{"question": "低保怎么申请"}',)))
    assert (await client(model).structured(ASK_JSON, Question)).question == "低保怎么申请"
    assert [m["content"] for m in model.requests[1]["messages"]][2:] == ['{"question": ', "请重新输出 JSON"]


async def test_json_broken_twice_is_given_up(client: Client, model: DeepSeek) -> None:
    """There is no third request, and the error holds nothing of what was written."""
    model.usual = Script(said=(json.dumps({"answer": "秘密的话"}),))
    with pytest.raises(ModelUnavailable) as caught:
        await client(model).structured(ASK_JSON, Question)
    assert len(model.requests) == 2
    assert "秘密" not in f"{caught.value}{caught.value.__cause__}"


@pytest.mark.usefixtures("no_pauses")
async def test_an_object_that_breaks_off_is_asked_for_again(client: Client, model: DeepSeek) -> None:
    """Nothing of it was shown, so it may be tried again."""
    good = ('{"question"', ': "低保怎么申请"}')
    model.then(Script(said=good, cut_after=1), Script(said=good))
    assert (await client(model).structured(ASK_JSON, Question)).question == "低保怎么申请"


# --- silence ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_pauses")
async def test_nothing_said_is_logged(client: Client, model: DeepSeek, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the question, the answer nor the key reaches a log, however talkative it is set."""
    caplog.set_level(logging.DEBUG)
    prompt = Prompt("answer", "chat", 0, 10, "规则", "我叫张三")
    model.then(Script(said=("张三", "您好"), cut_after=1))
    with pytest.raises(ModelUnavailable):
        await said(client(model), prompt)
    await said(client(model), prompt)
    assert "张三" not in caplog.text
    assert "sample-key" not in caplog.text


async def test_an_endpoint_hides_its_key(client: Client, model: DeepSeek) -> None:
    """A key printed by accident is no key."""
    from tests.llm.conftest import endpoint

    assert "sample-key" not in repr(endpoint(model))
