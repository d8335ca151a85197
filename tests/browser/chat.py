"""The chat page as a person uses it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}
TOUCH: dict[str, Any] = {"device_scale_factor": 2, "has_touch": True, "is_mobile": True}

# Claims are about what comes to be, not about how fast a busy machine gets there.
expect.set_options(timeout=30_000)


@dataclass
class Chat:
    """One window. `complaints` are what the browser's console said that is no mere network trouble."""

    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    @classmethod
    async def open(cls, browser: Browser, address: str, *, script: str = "", **options: Any) -> Chat:
        context = await browser.new_context(**{"viewport": PHONE, "locale": "zh-CN", **options})
        if script:
            await context.add_init_script(script)
        chat = cls(context, await context.new_page())
        chat.page.on("console", chat._listen)
        chat.page.on("pageerror", lambda error: chat.complaints.append(str(error)))
        await chat.page.goto(f"{address}/chat")
        await expect(chat.greeting).to_be_visible()
        return chat

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    async def reload(self) -> None:
        await self.page.reload()
        await expect(self.greeting).to_be_visible()

    async def say(self, text: str) -> None:
        await self.box.fill(text)
        await self.box.press("Enter")

    async def ask(self, text: str) -> Locator:
        """The answer to `text`, once it is whole."""
        known = await self.answers.count()
        await self.say(text)
        await expect(self.answers).to_have_count(known + 1)
        return self.answers.last

    @property
    def box(self) -> Locator:
        return self.page.locator("#box")

    @property
    def greeting(self) -> Locator:
        return self.page.locator(".greeting")

    @property
    def said(self) -> Locator:
        """What the person said, as shown."""
        return self.page.locator(".person .bubble")

    @property
    def answers(self) -> Locator:
        """Whole answers: neither the greeting nor one still growing."""
        return self.page.locator("[data-outcome]:not(.greeting):not(.growing)")

    async def words(self) -> list[str]:
        """The conversation, line by line as read."""
        return await self.page.locator(".bubble, .said").all_inner_texts()
