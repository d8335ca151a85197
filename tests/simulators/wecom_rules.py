"""What the platform accepts in one message, as documented; kept apart from the server that applies it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

MEDIA_LIMITS = {"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "file": 20 << 20}
TEXT_BYTES = 2048
_TASK = re.compile(r"[0-9a-zA-Z_\-@]{1,128}")


def cut(content: dict[str, Any]) -> dict[str, Any]:
    """What is left of a content after the platform cut it."""
    if "content" not in content:
        return content
    return {**content, "content": content["content"].encode()[:TEXT_BYTES].decode(errors="ignore")}


def problem_of(body: dict[str, Any], media: Collection[str]) -> int:
    """The error code for a body of message/send, 0 for a good one."""
    kind = body.get("msgtype", "")
    content = body.get(kind)
    if not isinstance(content, dict):
        return 40008
    match kind:
        case "text" | "markdown":
            return 0 if content.get("content", "").strip() else 44004
        case "image" | "file":
            return 0 if content.get("media_id") in media else 40007
        case "textcard":
            return 0 if _text_card(content) else 40058
        case "template_card":
            return 0 if _button_card(content) else 40058
    return 40008


def _text_card(card: dict[str, Any]) -> bool:
    return (
        0 < len(card["title"].encode()) <= 128
        and 0 < len(card["description"].encode()) <= 512
        and card["url"].startswith(("http://", "https://"))
        and len(card.get("btntxt", "")) <= 4
    )


def _button_card(card: dict[str, Any]) -> bool:
    buttons = card["button_list"]
    return (
        card["card_type"] == "button_interaction"
        and bool(card.get("main_title", {}).get("title") or card.get("sub_title_text"))
        and len(card.get("main_title", {}).get("title", "")) <= 36
        and len(card.get("sub_title_text", "")) <= 160
        and _TASK.fullmatch(card["task_id"]) is not None
        and 1 <= len(buttons) <= 6
        and all(0 < len(button["text"]) <= 10 and len(button["key"].encode()) <= 1024 for button in buttons)
    )
