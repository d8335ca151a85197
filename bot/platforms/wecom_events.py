"""What the app's callbacks mean: one table of messages, one of events."""

from __future__ import annotations

import math
from collections.abc import Callable
from xml.etree.ElementTree import Element

from bot.message import Command, Link, Location, Media, Part, Text, Unsupported
from bot.platforms.wecom_xml import field

WELCOME = "welcome"
CARD_CLICK = "template_card_event"

ALARMS = frozenset({"inactive_alert", "close_inactive_agent", "low_active_alert", "low_active"})
"""The platform says that it may switch the app off: nothing to answer, something to tell the operator."""


def message_part(root: Element) -> Part:
    """What a person sent. A type that is not in the table is `Unsupported`, never an error."""
    kind = field(root, "MsgType")
    read = _MESSAGES.get(kind)
    return read(root) if read else Unsupported(kind)


def event_part(root: Element) -> Part | None:
    """What a person did. None for events nobody waits on."""
    read = _EVENTS.get(field(root, "Event"))
    return read(root) if read else None


def command_of(key: str) -> Command | None:
    """`name:argument`, as menus and cards carry it; None for an empty key."""
    name, _, argument = key.partition(":")
    return Command(name, argument) if name else None


def key_of(command: Command) -> str:
    """The inverse of `command_of`; names hold no colon."""
    return f"{command.name}:{command.argument}" if command.argument else command.name


def card_origin(root: Element) -> dict[str, str]:
    """What is needed to put a used card's buttons out of use."""
    names = {"response_code": "ResponseCode", "task_id": "TaskId", "card_type": "CardType"}
    return {name: field(root, tag) for name, tag in names.items()}


def _text(root: Element) -> Part:
    return Text(field(root, "Content"))


def _image(root: Element) -> Part:
    return Media("image", field(root, "MediaId"))


def _voice(root: Element) -> Part:
    return Media("voice", field(root, "MediaId"), format=field(root, "Format"), transcript=field(root, "Recognition"))


def _video(root: Element) -> Part:
    return Media("video", field(root, "MediaId"))


def _location(root: Element) -> Part:
    try:
        latitude, longitude = float(field(root, "Location_X")), float(field(root, "Location_Y"))
    except ValueError:
        return Unsupported("location")
    if not (math.isfinite(latitude) and math.isfinite(longitude)):
        return Unsupported("location")
    return Location(latitude, longitude, field(root, "Label"))


def _link(root: Element) -> Part:
    return Link(field(root, "Title"), field(root, "Description"), field(root, "Url"))


def _welcome(_: Element) -> Part:
    return Command(WELCOME)


def _click(root: Element) -> Part | None:
    return command_of(field(root, "EventKey"))


def _card(root: Element) -> Part | None:
    command = command_of(field(root, "EventKey"))
    chosen = _selected(root)
    if command is None or not chosen:
        return command
    return Command(command.name, "&".join(filter(None, [command.argument, *chosen])))


def _selected(root: Element) -> list[str]:
    """What was ticked on the card, `question=option,option` each."""
    return [
        f"{field(item, 'QuestionKey')}={','.join(option.text or '' for option in item.iterfind('OptionIds/OptionId'))}"
        for item in root.iterfind("SelectedItems/SelectedItem")
    ]


def _scanned(_: Element) -> Part:
    # The client shows a waiting sign until something comes, so the person must hear that codes are not read.
    return Unsupported("scancode_waitmsg")


_MESSAGES: dict[str, Callable[[Element], Part]] = {
    "text": _text,
    "image": _image,
    "voice": _voice,
    "video": _video,
    "location": _location,
    "link": _link,
}

_EVENTS: dict[str, Callable[[Element], Part | None]] = {
    "subscribe": _welcome,
    "enter_agent": _welcome,
    "click": _click,
    CARD_CLICK: _card,
    "template_card_menu_event": _card,
    "scancode_waitmsg": _scanned,
}
