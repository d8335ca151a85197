"""The model as the rest of the program sees it: words as they come, or an object."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bot.errors import ModelUnavailable
from bot.llm.endpoint import Call, Client, Endpoint, Failed, Request, Timeouts
from bot.prompts import Prompt

T = TypeVar("T", bound=BaseModel)


class LLM:
    """The endpoints in the order they are tried. With none it is not `configured` and every call is refused."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        timeouts: Timeouts,
        max_concurrency: int,
        record: Callable[[Call], None],
    ) -> None:
        self._clients = tuple(Client(endpoint, timeouts, record) for endpoint in endpoints)
        self._timeouts = timeouts
        self._places = asyncio.Semaphore(max_concurrency)

    @property
    def configured(self) -> bool:
        return bool(self._clients)

    async def aclose(self) -> None:
        for client in self._clients:
            await client.aclose()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        """The visible words as they come. Close it (`aclosing`) if you may stop early.

        Raises `ModelUnavailable` when no endpoint began to answer, and also when an answer broke off after its first
        words: then what was shown must be thrown away, for nothing is tried again.
        """
        async with self._admitted(), aclosing(self._deltas(Request(prompt))) as deltas:
            async for delta in deltas:
                yield delta

    async def structured(self, prompt: Prompt, schema: type[T]) -> T:
        """The answer as `schema`. A model whose JSON cannot be read is asked once more with the prompt's `repair`.

        Raises `ModelUnavailable` like `stream`, and when the second answer cannot be read either.
        """
        async with self._admitted():
            request = Request(prompt, whole=True)
            said = await self._said(request)
            try:
                return _parsed(said, schema)
            except ValidationError:
                said = await self._said(replace(request, refused=said))
            try:
                return _parsed(said, schema)
            except ValidationError:
                # The cause quotes what the model wrote, so it goes no further.
                raise ModelUnavailable("unreadable") from None

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[None]:
        """One of the places the model has, held while inside."""
        try:
            async with asyncio.timeout(self._timeouts.first_token):
                await self._places.acquire()
        except TimeoutError:
            raise ModelUnavailable("busy", self._timeouts.first_token) from None
        try:
            yield
        finally:
            self._places.release()

    async def _said(self, request: Request) -> str:
        async with aclosing(self._deltas(request)) as deltas:
            return "".join([delta async for delta in deltas])

    async def _deltas(self, request: Request) -> AsyncGenerator[str, None]:
        deadline = asyncio.get_running_loop().time() + self._timeouts.total
        reason = "not configured"
        for client in self._clients:
            try:
                async with aclosing(client.answer(request, deadline)) as deltas:
                    async for delta in deltas:
                        yield delta
            except Failed as failed:
                reason = failed.outcome
                if failed.begun:
                    break
            else:
                return
        raise ModelUnavailable(reason)


def _parsed(said: str, schema: type[T]) -> T:
    """The one JSON object in a text, whatever stands around it."""
    return schema.model_validate_json(said[said.find("{") : said.rfind("}") + 1])
