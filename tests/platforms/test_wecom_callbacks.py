"""Every message and event type becomes what it should, and nothing that was not sealed for us becomes anything."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.errors import Refused
from bot.message import Command, Link, Location, Media, Message, Part, Role, Text, Unsupported
from bot.platforms import Callback
from bot.platforms.wecom_app import WeComApp
from bot.platforms.wecom_callback import WeComCallbacks
from bot.platforms.wecom_events import command_of, key_of
from tests.platforms.conftest import NOW, account
from tests.simulators.wecom_caller import Caller, Envelope

Offline = Callable[..., WeComApp]

CALLER = Caller(clock=lambda: NOW)
CALLBACKS = WeComCallbacks(account(), lambda: NOW)


def received(envelope: Envelope) -> Message | None:
    return CALLBACKS.receive(envelope.callback()).message


def said(envelope: Envelope) -> Message:
    message = received(envelope)
    assert message
    return message


def refused(callback: Callback) -> Refused:
    with pytest.raises(Refused) as error:
        CALLBACKS.receive(callback)
    return error.value


MESSAGES: list[tuple[str, dict[str, Any], Part]] = [
    ("text", {"Content": "残疾人自主创业有什么补贴"}, Text("残疾人自主创业有什么补贴")),
    ("text", {"Content": ""}, Text("")),
    ("text", {"Content": "字" * 33_000}, Text("字" * 33_000)),
    ("text", {"Content": "𠮷田 👨‍👩‍👧 é \u202e <b>&amp;"}, Text("𠮷田 👨‍👩‍👧 é \u202e <b>&amp;")),
    ("text", {"Content": "]]><Content>x"}, Text("]]><Content>x")),
    ("text", {"Content": '<!DOCTYPE html><!ENTITY x "y">'}, Text('<!DOCTYPE html><!ENTITY x "y">')),
    ("text", {"Content": "响\x07铃"}, Text("响铃")),
    ("image", {"PicUrl": "http://p.example/1", "MediaId": "m1"}, Media("image", "m1")),
    ("voice", {"MediaId": "m2", "Format": "amr"}, Media("voice", "m2", format="amr")),
    (
        "voice",
        {"MediaId": "m2", "Format": "speex", "Recognition": "我想问低保"},
        Media("voice", "m2", format="speex", transcript="我想问低保"),
    ),
    ("video", {"MediaId": "m3", "ThumbMediaId": "t3"}, Media("video", "m3")),
    (
        "location",
        {"Location_X": 23.1, "Location_Y": 113.2, "Scale": 15, "Label": "示例路1号", "AppType": "wxwork"},
        Location(23.1, 113.2, "示例路1号"),
    ),
    ("location", {"Location_X": "north", "Location_Y": "1"}, Unsupported("location")),
    ("location", {"Location_X": "nan", "Location_Y": "1"}, Unsupported("location")),
    (
        "link",
        {"Title": "通知", "Description": "关于", "Url": "https://example.gov.cn/1", "PicUrl": ""},
        Link("通知", "关于", "https://example.gov.cn/1"),
    ),
    ("file", {"MediaId": "m4"}, Unsupported("file")),
    ("hologram", {}, Unsupported("hologram")),
]


@pytest.mark.parametrize(("kind", "fields", "part"), MESSAGES)
def test_every_message_type_becomes_its_part(kind: str, fields: dict[str, Any], part: Part) -> None:
    """A message of staff, in their own conversation, with the platform's id and time, whatever its type."""
    message = said(CALLER.message("limei", kind, fields, msg_id="456"))
    assert message == Message(
        id="wecom-app/banshi/456",
        platform="wecom-app",
        account="banshi",
        conversation="wecom-app/banshi/limei",
        sender="limei",
        parts=(part,),
        time=NOW,
        role=Role.STAFF,
    )


EVENTS: list[tuple[str, dict[str, Any], Part | None]] = [
    ("subscribe", {}, Command("welcome")),
    ("enter_agent", {}, Command("welcome")),
    ("click", {"EventKey": "menu"}, Command("menu")),
    ("click", {"EventKey": "policy:残疾人:创业"}, Command("policy", "残疾人:创业")),
    ("click", {"EventKey": ""}, None),
    ("template_card_event", {"EventKey": "more:3", "TaskId": "t1"}, Command("more", "3")),
    (
        "template_card_event",
        {
            "EventKey": "submit",
            "TaskId": "t1",
            "SelectedItems": {
                "SelectedItem": [
                    {"QuestionKey": "q1", "OptionIds": {"OptionId": ["a", "b"]}},
                    {"QuestionKey": "q2", "OptionIds": {"OptionId": "c"}},
                ]
            },
        },
        Command("submit", "q1=a,b&q2=c"),
    ),
    ("template_card_menu_event", {"EventKey": "less", "TaskId": "t1"}, Command("less")),
    ("scancode_waitmsg", {"ScanCodeInfo": {"ScanType": "qrcode", "ScanResult": "1"}}, Unsupported("scancode_waitmsg")),
]
IGNORED = [
    "unsubscribe", "LOCATION", "view", "view_miniprogram", "scancode_push", "pic_sysphoto", "pic_photo_or_album",
    "pic_weixin", "location_select", "change_contact", "batch_job_result", "open_approval_change",
    "share_agent_change", "share_chain_change", "inactive_alert", "close_inactive_agent", "reopen_inactive_agent",
    "low_active_alert", "low_active", "active_restored", "kf_msg_or_event", "something_new", "",
]  # fmt: skip


@pytest.mark.parametrize(("event", "fields", "part"), EVENTS)
def test_every_event_becomes_its_command(event: str, fields: dict[str, Any], part: Part | None) -> None:
    """Menus, buttons and welcomes are commands; nothing waits on an event without a key."""
    message = received(CALLER.event("limei", event, fields))
    assert (message.parts[0] if message else None) == part


@pytest.mark.parametrize("event", IGNORED)
def test_events_nobody_waits_on_are_acknowledged_and_ignored(event: str) -> None:
    """They are no messages, and no errors either: an error would bring them back."""
    assert received(CALLER.event("sys", event)) is None


@pytest.mark.parametrize("event", ["inactive_alert", "close_inactive_agent", "low_active_alert", "low_active"])
def test_the_operator_hears_that_the_app_may_be_switched_off(event: str) -> None:
    """The platform switches unused apps off; its warnings reach the log."""
    with capture_logs() as lines:
        received(CALLER.event("sys", event, {"EffectTime": 1}))
    assert [(line["log_level"], line["platform_event"]) for line in lines] == [("warning", event)]


def test_a_tap_carries_what_closes_its_card() -> None:
    """The response code, task and card type travel with the message; a menu of the card closes nothing."""
    tapped = said(CALLER.tap("limei", "more:1", "code-1", "task-9"))
    assert tapped.origin == {"response_code": "code-1", "task_id": "task-9", "card_type": "button_interaction"}
    menu = CALLER.event("limei", "template_card_menu_event", {"EventKey": "less", "ResponseCode": "code-2"})
    assert said(menu).origin == {}


def test_a_repeated_callback_has_the_same_id_and_other_taps_have_another() -> None:
    """Who, when, what, on which button and of which card: any difference is another event."""
    first = said(CALLER.tap("limei", "more:1", "code-1", "task-1"))
    assert said(CALLER.tap("limei", "more:1", "code-1", "task-1")).id == first.id
    later = Caller(clock=lambda: NOW + 1)
    others = [
        CALLER.tap("limei", "more:2", "code-1", "task-1"),
        CALLER.tap("limei", "more:1", "code-1", "task-2"),
        CALLER.tap("wangwu", "more:1", "code-1", "task-1"),
        CALLER.event("limei", "click", {"EventKey": "more:1"}),
        later.tap("limei", "more:1", "code-1", "task-1"),
    ]
    assert len({first.id, *(said(other).id for other in others)}) == 6


@given(st.text("abcdefgh_-", min_size=1), st.text())
def test_button_keys_read_back_as_the_command_they_were_made_from(name: str, argument: str) -> None:
    """Whatever a command carries survives its way through a button."""
    assert command_of(key_of(Command(name, argument))) == Command(name, argument)


def test_the_address_is_proved_by_the_plain_echo() -> None:
    """A GET is answered with exactly the opened text."""
    receipt = CALLBACKS.receive(CALLER.verification("1616140317555161061").callback("GET"))
    assert (receipt.message, receipt.response) == (None, "1616140317555161061")


def sample(vector: dict[str, Any], agent_id: int = 218) -> WeComCallbacks:
    """The app that a published vector was made for, at the time it was made."""
    ours = dataclasses.replace(
        account(),
        corp_id=vector["receive_id"],
        agent_id=agent_id,
        token=vector["token"],
        aes_key=vector["encoding_aes_key"],
    )
    return WeComCallbacks(ours, lambda: float(vector["timestamp"]))


def query_of(vector: dict[str, Any]) -> dict[str, str]:
    return {"msg_signature": vector["signature"], "timestamp": vector["timestamp"], "nonce": vector["nonce"]}


def published(name: str) -> dict[str, Any]:
    vectors = json.loads((Path(__file__).parent.parent / "payloads" / "wecom_vectors.json").read_text("utf-8"))
    return next(vector for vector in vectors["vectors"] if vector["id"] == name)


def test_an_echo_survives_a_plus_sign_decoded_into_a_space() -> None:
    """The published echo holds one; proxies that decode it once too often must not cost the set-up."""
    vector = published("wecom-url-verify-sample2")
    assert "+" in vector["encrypt"]
    query = query_of(vector) | {"echostr": vector["encrypt"].replace("+", " ")}
    assert sample(vector).receive(Callback("GET", query, {}, b"")).response == vector["plaintext"]


def test_the_published_post_is_received_whole() -> None:
    """The official sample passes the whole way from body to message."""
    vector = published("wecom-post-xml-official")
    body = f"<xml><Encrypt><![CDATA[{vector['encrypt']}]]></Encrypt></xml>".encode()
    message = sample(vector).receive(Callback("POST", query_of(vector), {}, body)).message
    assert message
    assert (message.id, message.text) == ("wecom-app/banshi/4561255354251345929", "hello")


def test_the_json_form_says_the_same() -> None:
    """JSON outside and inside gives the very message that XML gives."""
    fields = {"ToUserName": CALLER.corp_id, "FromUserName": "limei", "CreateTime": int(NOW), "MsgType": "text"}
    inner = {**fields, "Content": "你好\ud800", "MsgId": 456, "AgentID": CALLER.agent_id}
    assert said(CALLER.seal_json(inner)) == said(CALLER.text("limei", "你好?", msg_id="456"))


def test_nothing_is_returned_to_the_callback(offline: Offline) -> None:
    """Answers are sent; the acknowledgement is an empty 200."""
    receipt = offline().receive(CALLER.text("limei", "你好").callback())
    assert (receipt.response, receipt.content_type) == ("", "text/plain")


# --- what must not be accepted -----------------------------------------------------------------


@pytest.mark.parametrize("age", [-601, 601])
def test_a_replay_of_ten_minutes_ago_is_refused(age: int) -> None:
    """Rightly signed, but not now."""
    inner = CALLER.document("limei", "text", {"Content": "x", "MsgId": 1})
    assert refused(CALLER.seal(inner, timestamp=str(int(NOW) + age)).callback()).status == 403


def test_a_callback_of_nine_minutes_ago_is_still_heard() -> None:
    """Clocks differ; a message must not be lost for it."""
    inner = CALLER.document("limei", "text", {"Content": "x", "MsgId": 1})
    assert received(CALLER.seal(inner, timestamp=str(int(NOW) - 540)))


@pytest.mark.parametrize(
    ("caller", "reason"),
    [
        (dataclasses.replace(CALLER, token="other"), "wrong signature"),
        (dataclasses.replace(CALLER, aes_key="B" * 43), "wrong padding"),
        (dataclasses.replace(CALLER, receiver="wwother"), "sealed for another receiver"),
        (dataclasses.replace(CALLER, corp_id="wwother", receiver=CALLER.corp_id), "meant for another corp"),
        (dataclasses.replace(CALLER, agent_id=7), "meant for another app"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_sealed_for_somebody_else_is_refused(caller: Caller, reason: str) -> None:
    """Another token, key, corp or app: refused, and the reason says which."""
    error = refused(caller.text("limei", "你好").callback())
    assert error.reason == reason
    assert error.status in {400, 403}


def test_a_body_over_one_mebibyte_is_refused_unread() -> None:
    """413, whatever is in it."""
    envelope = CALLER.text("limei", "x")
    assert refused(Callback("POST", envelope.query, {}, b"<" * ((1 << 20) + 1))).status == 413


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<xml><Encrypt>",
        b"<a>" * 100_000,
        BOMB.encode() + b"<xml><Encrypt>&b;</Encrypt></xml>",
        b"<?x <!-- ?>" + BOMB.encode() + b"<?y --> ?><xml><Encrypt>&b;</Encrypt></xml>",
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml/>',
        '<?xml version="1.0" encoding="utf-16"?><xml/>'.encode("utf-16"),
        b"\xff\xfe",
        b"<xml><Encrypt>\xe5\xad</Encrypt></xml>",
        b'{"encrypt": ',
        b'{"encrypt": ' + b"[" * 500_000,
        b'{"encrypt": ' + b'{"a":' * 990 + b"1" + b"}" * 991,
        b'{"encrypt": {"x": 1}}',
        b"[]",
        b"<xml></xml>",
    ],
    ids=range(16),
)
def test_a_body_that_is_no_envelope_is_refused(body: bytes) -> None:
    """Broken XML, entities, other encodings, bottomless JSON: refused, never an accident."""
    assert refused(Callback("POST", CALLER.text("limei", "x").query, {}, body)).status in {400, 403}


@pytest.mark.parametrize("name", ["msg_signature", "timestamp", "nonce"])
@pytest.mark.parametrize("value", [None, "", "签名", "9" * 400, "-1"])
def test_a_query_that_is_incomplete_or_odd_is_refused(name: str, value: str | None) -> None:
    """Nothing of a stranger's query may surprise us."""
    envelope = CALLER.text("limei", "x")
    query = {key: item for key, item in envelope.query.items() if key != name} | (
        {name: value} if value is not None else {}
    )
    assert refused(Callback("POST", query, {}, envelope.body)).status in {400, 403}


@pytest.mark.parametrize(
    "inner",
    [
        "not XML",
        BOMB + "<xml>&b;</xml>",
        CALLER.document("", "text", {"MsgId": 1, "Content": "x"}),
        CALLER.document("limei", "text", {"Content": "x"}),
        CALLER.document("limei", "text", {"Content": "x", "MsgId": 1}).replace(str(int(NOW)), "soon"),
        CALLER.document("limei", "text", {"Content": "x", "MsgId": 1}).replace(str(int(NOW)), "9" * 400),
    ],
    ids=range(6),
)
def test_a_sealed_message_without_its_fields_is_refused(inner: str) -> None:
    """Even a right seal makes no message out of nonsense."""
    assert refused(CALLER.seal(inner).callback()).status == 400


def test_other_methods_are_refused() -> None:
    """Callbacks are GET or POST."""
    assert refused(CALLER.text("limei", "x").callback("PUT")).status == 405


@given(st.binary(max_size=300))
def test_no_body_raises_anything_but_refused(body: bytes) -> None:
    """The door answers strangers with a status, whatever they post."""
    refused(Callback("POST", CALLER.text("limei", "x").query, {}, body))


def test_a_rejected_callback_leaves_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Neither its words nor its bytes: the reason and the status are all there is."""
    caplog.set_level(logging.DEBUG)
    with capture_logs() as lines:
        error = refused(dataclasses.replace(CALLER, token="other").text("limei", "秘密").callback())
    assert not lines
    assert not caplog.records
    assert "秘密" not in f"{error!r}{error.__cause__!r}{error.__context__!r}"
