"""From a reply to send calls. As few as the limits allow: a member is shown thirty a minute and no more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from bot.message import Card, File, Image, Message, Paragraphs, Reply, Source, Table
from bot.platforms import Wire
from bot.platforms.wecom_account import WeComAccount, Words
from bot.platforms.wecom_events import key_of
from bot.platforms.wecom_markup import MARKDOWN, TEXT, Markup, is_web
from bot.platforms.wecom_text import numbered, size

SEND = "message/send"
UPDATE = "message/update_template_card"
MEDIA = "media"

TEXT_BYTES = 2048
TITLE_BYTES = 128
DESCRIPTION_BYTES = 512
CARD_CHARACTERS = 160
BUTTONS = 6
BUTTON_CHARACTERS = 10
KEY_BYTES = 1024


class WeComRenderer:
    """Cuts replies for one app."""

    def __init__(self, account: WeComAccount, words: Words) -> None:
        self._agent = account.agent_id
        self._words = words
        self._markup = MARKDOWN if "markdown" in account.features else TEXT
        self._buttons_shown = "template_card" in account.features

    def render(self, reply: Reply, message: Message) -> tuple[Wire, ...]:
        """In order: the used card closed, words, cards, files, buttons. Every message of words carries the reply's
        number, because the platform hides equal ones for half an hour and only a retry may be equal.
        """
        buttons = self._has_buttons(reply)
        said = self._compose(reply, TEXT, choices=False) if buttons else ""
        if said and len(said) <= CARD_CHARACTERS and "<a " not in said:
            spoken = [self._button_card(reply, message, {"sub_title_text": said})]
            return (*self._used_card(message), *self._cards(reply), *_files(reply), *spoken)
        words = self._texts(reply, self._compose(reply, self._markup, choices=not buttons))
        offered = [self._button_card(reply, message, self._choose(reply))] if buttons else []
        return (*self._used_card(message), *words, *self._cards(reply), *_files(reply), *offered)

    # --- words -----------------------------------------------------------------------------------

    def _compose(self, reply: Reply, markup: Markup, *, choices: bool) -> str:
        """All that is said in words, the label last. Empty when cards or buttons say it all."""
        blocks = [
            *(block for part in reply.parts for block in self._words_of(part, reply, markup)),
            self._sources(reply, markup),
            self._choices(reply) if choices else "",
        ]
        said = "\n\n".join(filter(None, (block.strip() for block in blocks)))
        alone = any(isinstance(part, File | Image) for part in reply.parts) and reply.label
        return f"{said}\n\n{self._label(reply)}".strip() if said or alone else ""

    def _words_of(self, part: object, reply: Reply, markup: Markup) -> Iterator[str]:
        match part:
            case Paragraphs(text):
                yield markup.words(text)
            case Card() if not self._fits(part, reply):
                yield from (markup.strong(part.title), markup.words(part.body))
                yield markup.link(self._words.details, part.url) if is_web(part.url) else ""
            case Table():
                yield "\n".join(_table_lines(part, markup))

    def _texts(self, reply: Reply, text: str) -> Iterator[Wire]:
        kind = self._markup.type
        for piece in numbered(
            text, TEXT_BYTES, lambda n, of: f"（{'·'.join(filter(None, [f'{n}/{of}', reply.number]))}）"
        ):
            yield Wire(SEND, {"msgtype": kind, kind: {"content": piece}})

    def _sources(self, reply: Reply, markup: Markup) -> str:
        if not reply.sources:
            return ""
        lines = (self._source(n, source, markup) for n, source in enumerate(reply.sources, start=1))
        return "\n".join([markup.strong(self._words.sources), *lines])

    def _source(self, n: int, source: Source, markup: Markup) -> str:
        title = source.document if source.document.startswith("《") else f"《{source.document}》"
        number = f"（{source.number}）" if source.number else ""
        link = markup.link(self._words.original, source.url) if is_web(source.url) else ""
        about = " · ".join(filter(None, [source.date, source.status, source.clause, link]))
        return f"[{n}] {title}{number}\n{about}".rstrip()

    def _choices(self, reply: Reply) -> str:
        if not reply.suggestions:
            return ""
        lines = (f"{n}. {suggestion.label}" for n, suggestion in enumerate(reply.suggestions, start=1))
        return "\n".join([self._words.choices, *lines])

    def _label(self, reply: Reply) -> str:
        if not reply.number:
            return reply.label
        sentence = self._words.label if reply.label else self._words.number
        return sentence.format(label=reply.label, number=reply.number)

    # --- cards -----------------------------------------------------------------------------------

    def _fits(self, card: Card, reply: Reply) -> bool:
        """Whether a text card shows all of it: one without a link is refused, and a long one is cut."""
        whole = size(card.title) <= TITLE_BYTES and size(self._description(card, reply)) <= DESCRIPTION_BYTES
        return bool(card.title.strip()) and is_web(card.url) and whole

    def _description(self, card: Card, reply: Reply) -> str:
        return f"{card.body}\n{self._label(reply)}".strip()

    def _cards(self, reply: Reply) -> Iterator[Wire]:
        for card in reply.parts:
            if isinstance(card, Card) and self._fits(card, reply):
                description = self._description(card, reply)
                shown = {
                    "title": card.title,
                    "description": description,
                    "url": card.url,
                    "btntxt": self._words.details,
                }
                yield Wire(SEND, {"msgtype": "textcard", "textcard": shown})

    # --- buttons ---------------------------------------------------------------------------------

    def _has_buttons(self, reply: Reply) -> bool:
        """Whether the suggestions can be buttons; a label or key that would be cut makes them a numbered list."""
        return (
            self._buttons_shown
            and 0 < len(reply.suggestions) <= BUTTONS
            and all(len(suggestion.label) <= BUTTON_CHARACTERS for suggestion in reply.suggestions)
            and all(size(key_of(suggestion.command)) <= KEY_BYTES for suggestion in reply.suggestions)
        )

    def _choose(self, reply: Reply) -> dict[str, Any]:
        return {"main_title": {"title": self._words.choose}, "sub_title_text": self._label(reply)}

    def _button_card(self, reply: Reply, message: Message, words: dict[str, Any]) -> Wire:
        card = {
            "card_type": "button_interaction",
            **words,
            "task_id": hashlib.blake2b(f"{message.id}/{reply.number}".encode(), digest_size=16).hexdigest(),
            "button_list": [
                {"text": suggestion.label, "key": key_of(suggestion.command)} for suggestion in reply.suggestions
            ],
        }
        return Wire(SEND, {"msgtype": "template_card", "template_card": card})

    def _used_card(self, message: Message) -> Iterator[Wire]:
        """Puts the tapped buttons out of use, so that nobody taps twice; not a message, so not paced."""
        code = message.origin.get("response_code")
        if code:
            button = {"replace_name": self._words.chosen}
            body = {"userids": [message.sender], "agentid": self._agent, "response_code": code, "button": button}
            yield Wire(UPDATE, body, paced=False)


def _files(reply: Reply) -> Iterator[Wire]:
    for part in reply.parts:
        if isinstance(part, File | Image):
            yield Wire(MEDIA, {"type": part.kind, "name": part.name, "path": part.path})


def _table_lines(table: Table, markup: Markup) -> Iterator[str]:
    """One line a row: this messenger draws no tables."""
    if table.title:
        yield markup.strong(table.title)
    for row in table.rows:
        cells = zip(table.headers, row, strict=True)
        yield "· " + "；".join(f"{header}：{cell}" for header, cell in cells if cell)
