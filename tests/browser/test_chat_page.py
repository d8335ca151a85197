"""The chat page in a real browser, before the real server."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from tests.browser.chat import DESKTOP, PHONE, TOUCH, Chat
from tests.browser.wire import Wire

pytestmark = pytest.mark.browser

QUESTION = "残疾人自主创业有什么补贴"
CLAUSE = re.compile("第.+条")
SPOKEN_BY_AI = re.compile("(人工智能|AI).*(生成|合成)")


@pytest.fixture
async def chat(chromium: Browser, address: str) -> AsyncIterator[Chat]:
    """A phone's window. Whatever the test did, the console must have had nothing to complain about."""
    chat = await Chat.open(chromium, address, **TOUCH)
    yield chat
    assert chat.complaints == []


async def test_an_answer_unfolds_to_the_verbatim_clause(chat: Chat) -> None:
    """A mark in the text opens its source: title, path, status, quotation."""
    answer = await chat.ask(QUESTION)
    source = answer.locator(".sources > ol > li").first
    await expect(source.locator("blockquote")).to_be_hidden()
    await answer.locator("button.cite").first.click()
    await expect(answer.locator("details[open] blockquote")).to_be_visible()
    await expect(source.locator(".path")).to_have_text(CLAUSE)
    await expect(source.locator(".status")).to_have_text("有效")


async def test_every_answer_and_the_page_itself_say_that_ai_made_them(chat: Chat) -> None:
    """The label stands at the answer and, while one scrolls, at the top of the page."""
    answer = await chat.ask(QUESTION)
    await expect(answer.locator(".ai")).to_have_text(SPOKEN_BY_AI)
    await chat.page.mouse.wheel(0, 400)
    await expect(chat.page.locator("#line")).to_have_text(SPOKEN_BY_AI)
    await expect(chat.page.locator("#line")).to_be_in_viewport()


async def test_a_suggestion_is_asked_with_one_tap(chat: Chat) -> None:
    """The button's words appear as the person's own, and an answer follows."""
    button = chat.greeting.locator(".suggestions button").first
    label = await button.inner_text()
    await button.tap()
    await expect(chat.said).to_have_text([re.compile(re.escape(label))])
    await expect(chat.answers).to_have_count(1)
    await expect(button).to_be_hidden()


async def test_a_connection_cut_in_mid_turn_loses_and_doubles_nothing(chat: Chat, wire: Wire) -> None:
    """The stream dies while the answer is being worked on; after the line is mended it is there, once."""
    wire.cut_at(b'"working"')
    await chat.say(QUESTION)
    await wire.was_cut.wait()
    await expect(chat.page.locator("#trouble")).to_be_visible()
    wire.mend()
    await expect(chat.answers).to_have_count(1)
    await expect(chat.page.locator("#trouble")).to_be_hidden()
    await expect(chat.said).to_have_count(1)
    await expect(chat.page.locator(".growing")).to_have_count(0)


def block(cursor: int, event: str, **data: object) -> str:
    return f"id: {cursor}\nevent: {event}\ndata: {json.dumps(data)}\n\n"


REPLY = {
    "turn": "t",
    "key": "k",
    "number": "A1",
    "time": 1.0,
    "outcome": "answered",
    "label": "AI生成",
    "suggestions": [],
}
STREAMS = {
    None: block(1, "delta", turn="t", offset=0, text="年满𠮷岁"),
    "1": block(2, "delta", turn="t", offset=4, text="可领") + block(3, "reset", turn="t"),
    "3": block(4, "delta", turn="t", offset=0, text="八十") + block(5, "delta", turn="t", offset=2, text="周岁"),
    "5": block(6, "reply", **REPLY, sources=[], parts=[{"kind": "paragraphs", "text": "八十周岁可领"}]),
}


async def test_growing_text_goes_on_after_the_last_cursor(chat: Chat) -> None:
    """Streams that break off in mid answer continue each other; of a turn that starts over the first try vanishes."""
    asked: list[str | None] = []
    gate = asyncio.Semaphore(1)

    async def stream(route: Any) -> None:
        await gate.acquire()
        asked.append(await route.request.header_value("Last-Event-ID"))
        await route.fulfill(content_type="text/event-stream", body=STREAMS.get(asked[-1], ": \n\n"))

    await chat.page.route("**/api/v1/events", stream)
    await chat.page.route("**/api/v1/history", lambda route: route.fulfill(json={"events": [], "cursor": ""}))
    await chat.page.reload()
    text = chat.page.locator(".answer:not(.greeting) .said")
    for streams, seen in ((0, "年满𠮷岁"), (2, "八十周岁"), (1, "八十周岁可领")):
        for _ in range(streams):
            gate.release()
        await expect(text).to_have_text(seen)
    await expect(chat.page.locator(".log > li")).to_have_count(2)
    assert asked == [None, "1", "3", "5"]


async def test_a_burst_is_answered_once(chat: Chat) -> None:
    """Two messages in one breath become one turn; its growing text and its reply are one answer."""
    await chat.say("残疾人自主创业")
    await chat.say("有什么补贴")
    await expect(chat.answers).to_have_count(1)
    await expect(chat.page.locator(".growing")).to_have_count(0)
    await expect(chat.said).to_have_count(2)


async def test_a_screen_reader_hears_an_answer_once(chat: Chat) -> None:
    """The spoken region holds the answer's words, sentence after sentence, none of them twice."""
    answer = await chat.ask(QUESTION)
    spoken = await chat.page.locator("#spoken").inner_text()
    first = (await answer.locator(".said p").first.inner_text()).splitlines()[0]
    assert spoken.count(first) == 1


async def test_a_reload_shows_the_same_conversation(chat: Chat) -> None:
    """What was said and answered stands there again, in the same order, with its sources."""
    await chat.ask(QUESTION)
    await chat.ask("你好")
    before = await chat.words()
    await chat.reload()
    await expect(chat.answers).to_have_count(2)
    assert await chat.words() == before
    await expect(chat.answers.first.locator("blockquote").first).to_be_attached()


async def test_a_message_posted_twice_is_shown_and_answered_once(chat: Chat, address: str) -> None:
    """The same id again, as after a response that got lost, changes nothing."""
    await chat.ask("你好")
    session = await chat.page.evaluate("JSON.parse(localStorage['bangban.session.resident'])")
    headers = {"Authorization": f"Bearer {session['token']}"}
    async with aiohttp.ClientSession(address, headers=headers) as client:
        async with client.get("/api/v1/history") as response:
            said = (await response.json())["events"][0]["data"]
        async with client.post("/api/v1/messages", json={"id": said["id"], "text": said["text"]}) as response:
            assert (await response.json())["duplicate"] is True
    await chat.ask("谢谢")
    await expect(chat.said).to_have_count(2)
    await expect(chat.answers).to_have_count(2)


async def test_a_message_outlives_an_outage_and_a_reload(chat: Chat) -> None:
    """What could not be sent says so, is kept over a reload, and is sent and answered once afterwards."""
    await chat.page.route("**/api/v1/messages", lambda route: route.abort())
    await chat.say("你好")
    await expect(chat.page.locator(".person[data-state=waiting]")).to_be_visible()
    await chat.reload()
    await expect(chat.page.locator(".person[data-state=waiting]")).to_be_visible()
    await chat.page.unroute("**/api/v1/messages")
    await expect(chat.answers).to_have_count(1)
    await expect(chat.said).to_have_count(1)
    await expect(chat.page.locator(".person")).to_have_attribute("data-state", "kept")


async def test_a_store_that_cannot_take_a_message_gets_it_later_under_the_same_id(chat: Chat) -> None:
    """503 keeps the message; the next try carries the same id."""
    ids: list[str] = []

    async def refuse_once(route: Any) -> None:
        ids.append(route.request.post_data_json["id"])
        if len(ids) > 1:
            await route.continue_()
            return
        said = {"error": "unavailable", "message": "请稍后再试"}
        await route.fulfill(status=503, headers={"Retry-After": "1"}, json=said)

    await chat.page.route("**/api/v1/messages", refuse_once)
    await chat.say("你好")
    await expect(chat.answers).to_have_count(1)
    assert len(ids) == 2
    assert ids[0] == ids[1]


async def test_an_expired_session_begins_anew_and_says_so(chat: Chat) -> None:
    """A token nobody knows any more is replaced; the person is told and can go on."""
    await chat.page.evaluate(
        "localStorage['bangban.session.resident'] = "
        "JSON.stringify({...JSON.parse(localStorage['bangban.session.resident']), token: 'x'.repeat(32)})"
    )
    await chat.reload()
    await expect(chat.page.locator(".notice")).to_have_count(1)
    await chat.ask("你好")


async def test_what_people_write_stays_text(chat: Chat) -> None:
    """Markup in a message is shown, not obeyed, now and after a reload."""
    markup = "<img src=x onerror=alert(1)> <b>粗</b>"
    await chat.ask(markup)
    await chat.reload()
    await expect(chat.said).to_contain_text(markup)
    await expect(chat.page.locator(".bubble img, .bubble b")).to_have_count(0)


async def test_staff_and_residents_have_a_conversation_each(chat: Chat) -> None:
    """The demo's switch changes who speaks; each finds their own words again."""
    await chat.ask("你好")
    await chat.page.get_by_role("button", name="工作人员").tap()
    await expect(chat.page.get_by_role("button", name="工作人员")).to_have_attribute("aria-pressed", "true")
    await expect(chat.said).to_have_count(0)
    await chat.ask("谢谢")
    await chat.page.get_by_role("button", name="群众").tap()
    await expect(chat.said).to_have_text([re.compile("你好")])


async def test_an_input_method_finishes_its_word_before_enter_sends(chat: Chat) -> None:
    """Enter within a composition and Shift+Enter leave the text in the box."""
    await chat.box.fill("nihao")
    await chat.box.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    await chat.box.press("Shift+Enter")
    await expect(chat.box).to_have_value("nihao\n")
    await expect(chat.said).to_have_count(0)


async def test_a_second_window_shows_the_same_conversation(chat: Chat) -> None:
    """Both windows of a browser follow one session, whichever of them speaks."""
    other = Chat(chat.context, await chat.context.new_page())
    await other.page.goto(chat.page.url)
    await expect(other.greeting).to_be_visible()
    await chat.ask("你好")
    await expect(other.answers).to_have_count(1)
    assert await other.words() == await chat.words()


async def test_a_web_view_that_cannot_stream_is_served_by_polling(chromium: Browser, address: str) -> None:
    """Without readable streams the same conversation comes by long polls."""
    chat = await Chat.open(chromium, address, script="delete window.ReadableStream")
    await chat.ask(QUESTION)
    await chat.ask("谢谢")
    await expect(chat.said).to_have_count(2)
    assert chat.complaints == []


async def test_a_copied_answer_carries_the_label(chromium: Browser, address: str) -> None:
    """By the button, and by marking words and copying them."""
    chat = await Chat.open(chromium, address, permissions=["clipboard-read", "clipboard-write"])
    answer = await chat.ask(QUESTION)
    await answer.locator("button.copy").click()
    await expect(answer.locator("button.copy")).to_have_attribute("data-state", "copied")
    assert SPOKEN_BY_AI.search(await chat.page.evaluate("navigator.clipboard.readText()"))
    await answer.locator(".said p").first.select_text()
    await chat.page.keyboard.press("Control+c")
    marked = await chat.page.evaluate("navigator.clipboard.readText()")
    assert marked.startswith((await answer.locator(".said p").first.inner_text())[:5])
    assert SPOKEN_BY_AI.search(marked)


async def test_growing_text_counts_code_points(chat: Chat) -> None:
    """Offsets hold beyond the basic plane, overlaps replace, and a gap waits for the reply."""
    text = await chat.page.evaluate(
        """async () => {
          const { Growth } = await import("/static/growth.js");
          const growth = new Growth();
          growth.put(0, "𠮷野");
          growth.put(2, "家😀");
          growth.put(9, "gap");
          growth.put(3, "好");
          return growth.text;
        }"""
    )
    assert text == "𠮷野家好"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("taps", [0, 1, 2])
async def test_type_contrast_and_targets_suit_old_eyes(chromium: Browser, address: str, scheme: Any, taps: int) -> None:
    """18, 24 or 30 px text, contrast of 4.5 to 1, targets of 44 px, and no sideways scrolling, even 320 px wide."""
    chat = await Chat.open(chromium, address, viewport={"width": 320, "height": 640}, color_scheme=scheme)
    for _ in range(taps):
        await chat.page.locator("#type").click()
    answer = await chat.ask(QUESTION)
    await answer.locator("button.cite").first.click()
    seen = await chat.page.evaluate(LOOK)
    assert seen["size"] >= (18, 24, 30)[taps]
    assert seen["pale"] == []
    assert seen["small"] == []
    assert seen["width"] <= 320


LOOK = """() => {
  const numbers = (color) => (color.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const luminance = (color) => numbers(color).slice(0, 3)
    .map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    return numbers(color)[3] === 0 && element.parentElement ? ground(element.parentElement) : color;
  };
  const contrast = (element) => {
    const [a, b] = [luminance(getComputedStyle(element).color), luminance(ground(element))].sort((x, y) => x - y);
    return (b + 0.05) / (a + 0.05);
  };
  const visible = [...document.body.querySelectorAll("*")].filter((e) => e.getClientRects().length);
  const written = visible.filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  const targets = visible.filter((e) => e.matches("button:not(.cite), summary, textarea, .original"));
  return {
    size: parseFloat(getComputedStyle(document.querySelector(".answer:not(.greeting) .said p")).fontSize),
    pale: written.filter((e) => contrast(e) < 4.5).map((e) => e.className || e.tagName),
    small: targets.filter((e) => Math.min(e.offsetHeight, e.offsetWidth) < 44).map((e) => e.className || e.tagName),
    width: document.documentElement.scrollWidth,
  };
}"""


@pytest.mark.parametrize(
    ("name", "options"), [("phone", {"viewport": PHONE, **TOUCH}), ("desktop", {"viewport": DESKTOP})]
)
async def test_pictures(chromium: Browser, address: str, pictures: Path, name: str, options: dict[str, Any]) -> None:
    """Leaves pictures to look at; what they show is within the width of the screen."""
    chat = await Chat.open(chromium, address, **options)
    await chat.page.screenshot(path=pictures / f"{name}-1-empty.png")
    answer = await chat.ask(QUESTION)
    await chat.page.screenshot(path=pictures / f"{name}-2-answer.png")
    await answer.locator("button.cite").first.click()
    await chat.page.screenshot(path=pictures / f"{name}-3-source.png")
    assert await chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert chat.complaints == []
