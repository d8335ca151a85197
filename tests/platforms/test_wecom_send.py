"""Sending against the simulated platform: what arrives, what is tried again, and what is given up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from bot.errors import ConfigurationError, Refused, Unavailable, Undeliverable
from bot.message import Command, Outcome, Paragraphs, Reply, Suggestion
from bot.platforms import Wire
from bot.platforms.tokens import RedisTokens
from bot.platforms.wecom_client import WeComClient
from bot.platforms.wecom_errors import Hindered, error_of, remedy_of
from bot.store import Store
from tests.platforms.conftest import MESSAGE, NOW, World, account, app_of, delivery, renderer, text_wire
from tests.simulators.wecom import Fault, WeCom, running
from tests.simulators.wecom_caller import Caller

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100


async def test_words_arrive_and_the_token_is_fetched_once(world: World) -> None:
    """Ten messages, one gettoken, all shown in order to the right member."""
    for n in range(10):
        await world.say(f"第{n}条")
    assert world.wecom.texts("limei") == [f"第{n}条" for n in range(10)]
    assert world.wecom.counts["gettoken"] == 1


async def test_every_send_asks_for_the_duplicate_check(world: World) -> None:
    """A retry of the same words is hidden by the platform; other words are not."""
    for content in ("你好 A7K2", "你好 A7K2", "你好 B8L3"):
        await world.say(content)
    assert world.wecom.texts("limei") == ["你好 A7K2", "你好 B8L3"]
    assert world.wecom.counts["hidden"] == 1


async def test_a_send_whose_answer_was_lost_is_shown_once(world: World) -> None:
    """The platform took it and hung up: we try again, the person sees it once."""
    world.wecom.faults.append(Fault("message/send", lost=True))
    with pytest.raises(Unavailable):
        await world.say("你好 A7K2")
    await world.say("你好 A7K2")
    assert world.wecom.texts("limei") == ["你好 A7K2"]


async def test_a_dead_token_is_replaced_within_the_send(world: World) -> None:
    """42001: one new token, one more try, and the sender notices nothing."""
    await world.say("一")
    world.wecom.end_token()
    await world.say("二")
    assert world.wecom.texts("limei") == ["一", "二"]
    assert (world.wecom.counts["gettoken"], world.wecom.counts["message/send"]) == (2, 3)


@pytest.mark.parametrize("code", [40014, 42001])
async def test_a_new_token_refused_too_waits_a_minute(world: World, code: int) -> None:
    """Two tries, two tokens, no loop."""
    world.wecom.faults.append(Fault("message/send", times=-1, errcode=code))
    with pytest.raises(Unavailable) as error:
        await world.say("一")
    assert error.value.retry_after >= 60
    assert (world.wecom.counts["gettoken"], world.wecom.counts["message/send"]) == (2, 2)


async def test_a_wrong_secret_is_given_up_and_asked_once_a_minute(wecom: WeCom, world: World) -> None:
    """40001 from gettoken: the operator must act; the next send does not ask again at once."""
    wecom.secret = "rotated"
    with pytest.raises(Undeliverable) as error:
        await world.say("一")
    assert (error.value.code, error.value.remedy) == (40001, "wecom_secret")
    with pytest.raises(Unavailable):
        await world.say("二")
    assert wecom.counts["gettoken"] == 1


async def test_40001_on_a_call_is_tried_once_with_a_new_token(world: World) -> None:
    """Some deployments answer an ended token so; if it stays, the secret is wrong."""
    world.wecom.faults.append(Fault("message/send", errcode=40001))
    await world.say("一")
    assert world.wecom.texts("limei") == ["一"]
    world.wecom.faults.append(Fault("message/send", times=2, errcode=40001))
    with pytest.raises(Undeliverable):
        await world.say("二")


@pytest.mark.parametrize(("code", "least"), [(-1, 1.0), (45009, 60.0), (45033, 1.0), (60020, 60.0), (-40, 1.0)])
async def test_what_passes_is_tried_later(world: World, code: int, least: float) -> None:
    """Busy, too often, too many at once, address not trusted: later, as late as the platform wants, never dropped."""
    world.wecom.faults.append(Fault("message/send", errcode=code))
    with pytest.raises(Unavailable) as error:
        await world.say("一")
    assert error.value.retry_after >= least
    await world.say("一")
    assert world.wecom.texts("limei") == ["一"]


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (40013, "wecom_corp_id"), (40091, "wecom_secret"), (40056, "wecom_agent_id"), (301002, "wecom_agent_id"),
        (48002, "wecom_permission"), (50003, "wecom_disabled"), (40003, "wecom_recipient"), (40031, "wecom_recipient"),
        (60111, "wecom_recipient"), (81013, "wecom_recipient"), (82001, "wecom_recipient"), (50002, "wecom_scope"),
        (60011, "wecom_scope"), (85002, "wecom_wording"), (86001, "wecom_recipient"), (44004, "wecom_unknown"),
        (45002, "wecom_unknown"), (40058, "wecom_unknown"), (99999, "wecom_unknown"),
    ],
)  # fmt: skip
async def test_what_no_retry_mends_is_given_up_with_a_remedy(world: World, code: int, remedy: str) -> None:
    """One call, then the record: the line goes on, and the operator knows what to do."""
    world.wecom.faults.append(Fault("message/send", errcode=code))
    with pytest.raises(Undeliverable) as error:
        await world.say("一")
    assert (error.value.code, error.value.remedy) == (code, remedy)
    assert world.wecom.counts["message/send"] == 1


async def test_success_beside_an_invalid_user_is_no_success(world: World) -> None:
    """errcode 0 with the receiver in a list of failures: nobody saw it."""
    for lists in ({"invaliduser": "limei"}, {"unlicenseduser": "limei"}):
        world.wecom.faults.append(Fault("message/send", answer=lists))
        with pytest.raises(Undeliverable):
            await world.say("一")


@pytest.mark.parametrize("recipient", ["limei|wangwu", "@all"])
async def test_one_reply_goes_to_one_member(world: World, recipient: str) -> None:
    """No name can be made to mean several people."""
    with pytest.raises(Undeliverable):
        await world.say("一", recipient=recipient)
    assert not world.wecom.shown


@pytest.mark.parametrize(
    "fault",
    [
        Fault("message/send", status=500), Fault("message/send", status=502), Fault("message/send", status=404),
        Fault("message/send", broken=True), Fault("message/send", answer={"errcode": None}),
        Fault("message/send", answer={"errcode": "x"}), Fault("gettoken", status=503), Fault("gettoken", broken=True),
        Fault("gettoken", answer={"access_token": None, "expires_in": "soon"}),
    ],
    ids=range(9),
)  # fmt: skip
async def test_a_platform_in_trouble_is_tried_again(world: World, fault: Fault) -> None:
    """5xx, pages instead of answers, broken JSON, answers without their fields: later."""
    world.wecom.faults.append(fault)
    with pytest.raises(Unavailable):
        await world.say("一")


async def test_a_platform_that_is_not_there_is_tried_again(
    wecom: WeCom, session: aiohttp.ClientSession, store: Store
) -> None:
    """Nobody listens: later."""
    wecom.base = "http://127.0.0.1:1"
    with pytest.raises(Unavailable):
        await app_of(wecom, session, store).say("一")


async def test_a_platform_that_hangs_is_left_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time-out ends the wait, and it is `Unavailable`: the message may be there already."""
    monkeypatch.setattr("bot.platforms.wecom_client.TIMEOUT", aiohttp.ClientTimeout(total=0.05))
    world.wecom.faults.append(Fault("message/send", delay=30))
    with pytest.raises(Unavailable):
        await world.say("一")


async def test_the_whole_send_ends_before_its_lease(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Token, upload and second try share one deadline, below the outbox's lease."""
    monkeypatch.setattr("bot.platforms.wecom_app.SEND_SECONDS", 0.05)
    world.wecom.faults.append(Fault("gettoken", delay=30))
    with pytest.raises(Unavailable):
        await world.say("一")


async def test_neither_words_nor_secrets_reach_the_log(world: World) -> None:
    """Of an error: account, call, code, remedy and our own address. Of errors raised: no address with a token in it."""
    world.wecom.faults += [Fault("message/send", errcode=60020), Fault("message/send", lost=True)]
    errors = []
    with capture_logs() as lines:
        for _ in range(2):
            with pytest.raises(Unavailable) as error:
                await world.say("秘密")
            errors.append(error.value)
    assert lines == [
        {
            "event": "api_error",
            "log_level": "warning",
            "account": "banshi",
            "call": "message/send",
            "code": 60020,
            "remedy": "wecom_trusted_ip",
            "our_address": "192.0.2.9",
        }
    ]
    assert [str(error) for error in errors] == ["message/send answered 60020", "message/send: ServerDisconnectedError"]
    assert all(error.__cause__ is None and error.__suppress_context__ for error in errors[1:])
    assert "sample-secret" not in repr(account())


# --- cards -------------------------------------------------------------------------------------


async def test_a_tap_closes_its_card_once_and_the_answer_follows(world: World) -> None:
    """From the tap's callback to the update: the code works once, and a second use is given up, not repeated."""
    code = world.wecom.response_code()
    tapped = world.app.receive(Caller(clock=lambda: NOW).tap("limei", "more:3", code).callback()).message
    assert tapped
    assert tapped.command == Command("more", "3")
    wires = world.app.render(Reply(Outcome.ANSWERED, (Paragraphs("材料如下。"),), number="A7K2"), tapped)
    for wire in wires:
        await world.app.send(delivery(wire))
    assert [update["response_code"] for update in world.wecom.updates] == [code]
    assert world.wecom.texts("limei") == ["材料如下。\n\n编号 A7K2"]
    with pytest.raises(Undeliverable):
        await world.app.send(delivery(wires[0]))


async def test_a_card_with_buttons_is_shown(world: World) -> None:
    """The simulated platform, which checks every documented limit, takes it."""
    reply = Reply(Outcome.CLARIFY, (Paragraphs("哪一项？"),), (), (Suggestion("低保", Command("ask", "1")),))
    (wire,) = renderer("template_card").render(reply, MESSAGE)
    await world.app.send(delivery(wire))
    assert world.wecom.seen_by("limei")[0].type == "template_card"


async def test_a_message_can_be_taken_back(world: World) -> None:
    """By the id that sending it returned."""
    message_id = await world.client.send({"touser": "limei", "agentid": 1000002, **text_wire("一").body})
    await world.client.recall(message_id)
    assert world.wecom.recalled == {message_id}


async def test_the_connection_is_checked_by_a_harmless_call(world: World) -> None:
    """The doctor learns the platform's addresses, or what is wrong."""
    assert await world.client.callback_addresses() == ("192.0.2.1", "192.0.2.2")
    world.wecom.faults.append(Fault("getcallbackip", errcode=60020))
    with pytest.raises(Hindered) as error:
        await world.client.callback_addresses()
    assert error.value.remedy == "wecom_trusted_ip"


# --- files -------------------------------------------------------------------------------------


def file_wire(path: Path, kind: str = "file", name: str = "") -> Wire:
    return Wire("media", {"type": kind, "name": name or path.name, "path": str(path)})


async def test_a_file_arrives_under_its_own_name(world: World, tmp_path: Path) -> None:
    """Chinese names and spaces as they are; what no file may be called is replaced."""
    path = tmp_path / "f"
    path.write_bytes(b"hello world")
    await world.app.send(delivery(file_wire(path, name='补贴 "一览"/2024%.xlsx')))
    (shown,) = world.wecom.seen_by("limei")
    assert world.wecom.media[shown.content["media_id"]] == ("file", "补贴 _一览_2024%.xlsx", b"hello world")


async def test_a_picture_arrives_as_a_picture(world: World, tmp_path: Path) -> None:
    """PNG and JPEG are images."""
    path = tmp_path / "图.png"
    path.write_bytes(PNG)
    await world.app.send(delivery(file_wire(path, "image")))
    assert world.wecom.seen_by("limei")[0].type == "image"


async def test_a_retried_file_is_not_uploaded_again(world: World, tmp_path: Path) -> None:
    """The same media id, so that the duplicate check knows it: shown once, although sent twice."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"hello world")
    world.wecom.faults.append(Fault("message/send", lost=True))
    with pytest.raises(Unavailable):
        await world.app.send(delivery(file_wire(path)))
    await world.app.send(delivery(file_wire(path)))
    assert len(world.wecom.shown) == 1
    assert world.wecom.counts["media/upload"] == 1


async def test_a_file_the_platform_forgot_is_uploaded_again(world: World, tmp_path: Path) -> None:
    """40007 for an upload we remembered: a new one with the next try. For a fresh one: given up, no loop."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"hello world")
    world.wecom.faults += [Fault("message/send", errcode=-1), Fault("message/send", errcode=40007)]
    for _ in range(2):
        with pytest.raises(Unavailable):
            await world.app.send(delivery(file_wire(path)))
    await world.app.send(delivery(file_wire(path)))
    assert (len(world.wecom.shown), world.wecom.counts["media/upload"]) == (1, 2)
    world.wecom.faults.append(Fault("message/send", errcode=40007))
    with pytest.raises(Undeliverable):
        await world.app.send(delivery(file_wire(path), key="k2"))


@pytest.mark.parametrize(
    ("data", "kind", "remedy"),
    [
        (None, "file", "wecom_file_gone"),
        (b"12345", "file", "wecom_file_size"),
        (b"x" * ((20 << 20) + 1), "file", "wecom_file_size"),
        (PNG + b"x" * (10 << 20), "image", "wecom_file_size"),
        (b"GIF89a" + b"x" * 10, "image", "wecom_file_type"),
    ],
    ids=["gone", "tiny", "file too large", "image too large", "no picture"],
)
async def test_a_file_the_platform_would_refuse_is_not_sent(
    world: World, tmp_path: Path, data: bytes | None, kind: str, remedy: str
) -> None:
    """Checked before a byte is uploaded."""
    path = tmp_path / "f"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(Undeliverable) as error:
        await world.app.send(delivery(file_wire(path, kind)))
    assert error.value.remedy == remedy
    assert world.wecom.counts["media/upload"] == 0


async def test_media_is_downloaded_in_pieces(world: World) -> None:
    """More than the platform gives at once comes in ranges and is whole again."""
    data = bytes(range(256)) * (100 << 10)
    world.wecom.media["m1"] = ("file", "a.bin", data)
    assert await world.app.media.download("m1", limit=64 << 20) == data
    assert world.wecom.counts["media/get"] == 2


@pytest.mark.parametrize(("name", "data"), [("b.amr", b"#!AMR12345"), ("c.json", b'{"errcode": 40007}')])
async def test_media_of_any_kind_is_what_was_sent(world: World, name: str, data: bytes) -> None:
    """A person's JSON file is a file, not an error."""
    world.wecom.media["m1"] = ("file", name, data)
    assert await world.app.media.download("m1") == data


async def test_media_over_the_limit_is_refused(world: World) -> None:
    """Before it is read when the platform says how much there is."""
    world.wecom.media["m1"] = ("file", "a.bin", b"x" * (22 << 20))
    with pytest.raises(Refused) as error:
        await world.app.media.download("m1", limit=21 << 20)
    assert error.value.status == 413
    assert world.wecom.counts["media/get"] == 1


async def test_media_that_is_gone_says_so(world: World) -> None:
    """The platform answers JSON instead of bytes: the code decides, also for a dead token."""
    with pytest.raises(Undeliverable) as error:
        await world.app.media.download("nothing")
    assert (error.value.code, error.value.remedy) == (40007, "wecom_media")
    world.wecom.media["m1"] = ("file", "a.bin", b"123456")
    world.wecom.end_token()
    assert await world.app.media.download("m1") == b"123456"


# --- accounts ----------------------------------------------------------------------------------


async def test_two_apps_share_nothing(session: aiohttp.ClientSession, store: Store) -> None:
    """Two accounts in one process: two secrets, two tokens, each message in its own app."""
    async with running(WeCom()) as first, running(WeCom(secret="other", agent_id=7)) as second:
        one = app_of(first, session, store)
        tokens = RedisTokens(store)
        two = WeComClient(account(second.base, secret="other", agent_id=7), session=session, tokens=tokens)
        await asyncio.gather(
            one.say("一"), two.send({"touser": "limei", "agentid": 7, "msgtype": "text", "text": {"content": "二"}})
        )
        assert (first.texts("limei"), second.texts("limei")) == (["一"], ["二"])


@pytest.mark.parametrize("suffix", ["/", "/cgi-bin", "/cgi-bin/"])
async def test_a_private_deployment_is_another_base(
    wecom: WeCom, session: aiohttp.ClientSession, store: Store, suffix: str
) -> None:
    """With or without the path that all deployments share."""
    wecom.base += suffix
    await app_of(wecom, session, store).say("一")
    assert wecom.texts("limei") == ["一"]


async def test_certificates_that_cannot_be_read_stop_the_start(session: aiohttp.ClientSession, store: Store) -> None:
    """The setting is named."""
    with pytest.raises(ConfigurationError) as error:
        WeComClient(account(tls_ca="/nowhere.pem"), session=session, tokens=RedisTokens(store))
    assert error.value.key == "tls_ca"


def test_our_pace_stays_below_the_platforms() -> None:
    """30 a minute and 1000 an hour are dropped without a word beyond; we stop earlier."""
    from bot.platforms.wecom_app import WeComApp

    assert all(pace.count < {60: 30, 3600: 1000}[pace.seconds] for pace in WeComApp.paces)


def test_every_code_of_the_documentation_is_decided() -> None:
    """No documented error is left to chance: it waits, or it ends with a remedy."""
    waiting = {-1, 45009, 45033, 60020}
    documented = [-1, 40001, 40003, 40007, 40013, 40031, 40056, 40091, 45009, 45033, 48002, 50002, 50003, 60011, 60020,
                  60111, 81013, 82001, 85002, 86001, 301002]  # fmt: skip
    for code in documented:
        assert isinstance(error_of("message/send", code), Unavailable) == (code in waiting)
        assert code in {-1, 45009, 45033} or remedy_of(code) != "wecom_unknown"
