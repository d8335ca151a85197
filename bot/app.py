"""The composition root: the one file that names every class. Builds, starts, and closes in reverse."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog

import handlers
from bot.embedded import EmbeddedServer, url_of
from bot.errors import ConfigurationError, StoreUnavailable
from bot.http.api import Api
from bot.http.feed import Feed
from bot.http.health import Health
from bot.http.server import application, listening
from bot.http.sessions import Sessions
from bot.inbox import Gathering, Inbox, Keeping
from bot.library import Library
from bot.llm import LLM, Call, Endpoint, Timeouts
from bot.outbox import Outbox
from bot.people import Employee
from bot.platforms import Platform
from bot.platforms import web as chat_page
from bot.platforms.tokens import RedisTokens
from bot.platforms.web import WebPage
from bot.platforms.wecom_account import WeComAccount, Words
from bot.platforms.wecom_app import WeComApp
from bot.platforms.wecom_client import WeComClient
from bot.prompts import Prompt, Replies, load_prompts, load_replies
from bot.reception import Reception
from bot.router import Router
from bot.sender import Sender
from bot.settings import EmployeeSettings, EndpointSettings, Settings, WeComAppSettings
from bot.store import Store
from bot.turn import Surfaces
from bot.worker import Pacing, Worker

log = structlog.get_logger("app")

ROLES = ("web", "worker", "sender")
ATTACH_SECONDS = 60.0
"""How long one part waits for the embedded store that another one owns."""
DAY = 86_400
GREETING = Prompt("doctor", "chat", 0, 8, "Answer with one word.", "Are you there?")


@dataclass(frozen=True, slots=True)
class Core:
    """What every role shares."""

    settings: Settings
    store: Store
    inbox: Inbox
    outbox: Outbox
    replies: Replies
    employees: dict[tuple[str, str], Employee]
    platforms: dict[tuple[str, str], Platform]
    page: WebPage

    @property
    def surfaces(self) -> Surfaces:
        return {**self.platforms, (chat_page.KIND, chat_page.ACCOUNT): self.page}


async def serve(settings: Settings, roles: Sequence[str], stop: asyncio.Event) -> None:
    """Run these parts in this process until `stop` is set; then finish or hand back what is under way."""
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(opened(settings))
        tasks: list[asyncio.Task[None]] = []
        # Closed in reverse: nothing new comes in, running turns finish, and the sender still sends what they answered.
        if "sender" in roles:
            sender = Sender(outbox=core.outbox, surfaces=core.surfaces)
            tasks.append(await stack.enter_async_context(_running(sender.run(), "sender")))
        if "worker" in roles:
            tasks.append(await stack.enter_async_context(worker_role(core)))
        if "web" in roles:
            tasks.append(await stack.enter_async_context(web_role(core)))
        _settle_memory()
        log.info("started", roles=list(roles))
        await _first(stop, tasks)
    log.info("stopped", roles=list(roles))


def _settle_memory() -> None:
    """What was built for the start lives to the end: left out of the collector's rounds, which stop every answer."""
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Core]:
    """The store, proved durable, and everything that every role needs."""
    async with AsyncExitStack() as stack:
        store = await _attached(settings)
        stack.push_async_callback(store.aclose)
        await store.require_durable(settings.redis.accept_loss)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        replies = load_replies()
        talk = settings.conversation
        yield Core(
            settings=settings,
            store=store,
            inbox=Inbox(
                store,
                lease=talk.lease,
                gathering=Gathering(talk.quiet, talk.gather),
                keeping=Keeping(talk.keep_turns, talk.keep_days),
            ),
            outbox=Outbox(store, lease=talk.lease),
            replies=replies,
            employees=_employees(settings),
            platforms=_platforms(settings, session, store, replies),
            page=WebPage(store, keep=int(talk.keep_days * DAY)),
        )


@asynccontextmanager
async def visited(settings: Settings) -> AsyncIterator[Core]:
    """The core for a command: the store that is running, else the embedded one for as long as the command takes."""
    async with AsyncExitStack() as stack:
        if not settings.redis.url:
            server = EmbeddedServer(settings.data_dir)
            try:
                await server.start()
                stack.push_async_callback(server.stop)
            except ConfigurationError as error:
                if error.code != "in_use":
                    raise
        yield await stack.enter_async_context(opened(settings))


@asynccontextmanager
async def web_role(core: Core) -> AsyncIterator[asyncio.Task[None]]:
    """The doors. The task inside listens for what changed and ends only with an error."""
    settings = core.settings
    feed = Feed(core.store)
    employee = core.employees[chat_page.KIND, chat_page.ACCOUNT]
    reception = Reception(core.inbox, core.outbox, core.surfaces, core.replies, settings.server.backlog)
    api = Api(
        reception=reception,
        page=core.page,
        sessions=Sessions(core.store, keep=int(settings.conversation.keep_days * DAY)),
        feed=feed,
        replies=core.replies,
        employee=employee,
        greet=lambda role: handlers.greeting(core.replies, employee, role),
        demo=settings.demo,
    )
    app = application(platforms=core.platforms, reception=reception, api=api, health=Health(core.inbox, core.outbox))
    async with (
        _running(feed.listen(), "feed") as listen,
        listening(app, api, host=settings.server.host, port=settings.server.port),
    ):
        yield listen


@asynccontextmanager
async def worker_role(core: Core) -> AsyncIterator[asyncio.Task[None]]:
    """The turns, with the library and the model."""
    settings, talk = core.settings, core.settings.conversation
    async with answering(settings, core.replies) as router:
        worker = Worker(
            inbox=core.inbox,
            router=router,
            surfaces=core.surfaces,
            employees=core.employees,
            replies=core.replies,
            pacing=Pacing(seconds=talk.turn, turns=talk.turns_at_once),
        )
        async with _running(worker.run(), "worker") as task:
            yield task


@asynccontextmanager
async def answering(settings: Settings, replies: Replies) -> AsyncIterator[Router]:
    """Everything that turns a question into a reply; needs no store."""
    async with modelled(settings) as llm:
        yield Router(handlers.routes(library=library_of(settings), llm=llm, prompts=load_prompts(), replies=replies))


@asynccontextmanager
async def modelled(settings: Settings) -> AsyncIterator[LLM]:
    """The model and its fallback, as far as they are configured."""
    llm = LLM(
        [_endpoint(endpoint) for endpoint in (settings.model, settings.model.fallback) if endpoint.configured],
        timeouts=Timeouts(**settings.model.timeouts.model_dump()),
        max_concurrency=settings.model.max_concurrency,
        record=_record_call,
    )
    try:
        yield llm
    finally:
        await llm.aclose()


async def greet_model(settings: Settings) -> None:
    """One short call, for the doctor. Raises `ModelUnavailable`."""
    async with modelled(settings) as llm, aclosing(llm.stream(GREETING)) as deltas:
        async for _ in deltas:
            return


def library_of(settings: Settings) -> Library:
    return Library(settings.data_dir / "library")


def employee_of(settings: EmployeeSettings, unit: str) -> Employee:
    return Employee(settings.id, settings.name, settings.unit or unit, settings.duties, tuple(settings.scenes))


def _employees(settings: Settings) -> dict[tuple[str, str], Employee]:
    """Who answers on which account; the chat page belongs to the first."""
    by_id = {employee.id: employee_of(employee, settings.unit.name) for employee in settings.employees}
    answering = {(p.kind, p.account): by_id[p.employee] for p in settings.platforms}
    return answering | {(chat_page.KIND, chat_page.ACCOUNT): by_id[settings.employees[0].id]}


def _platforms(
    settings: Settings, session: aiohttp.ClientSession, store: Store, replies: Replies
) -> dict[tuple[str, str], Platform]:
    tokens = RedisTokens(store)
    return {(p.kind, p.account): _wecom_app(p, session, tokens, replies) for p in settings.platforms}


def _wecom_app(
    settings: WeComAppSettings, session: aiohttp.ClientSession, tokens: RedisTokens, replies: Replies
) -> WeComApp:
    account = wecom_account(settings)
    client = WeComClient(account, session=session, tokens=tokens)
    return WeComApp(account, client=client, words=Words(**replies.section("wecom")), clock=time.time)


def wecom_account(settings: WeComAppSettings) -> WeComAccount:
    return WeComAccount(
        account=settings.account,
        corp_id=settings.corp_id,
        agent_id=settings.agent_id,
        secret=settings.secret.get_secret_value(),
        token=settings.token.get_secret_value(),
        aes_key=settings.aes_key.get_secret_value(),
        api_base=settings.api_base,
        proxy=settings.proxy,
        tls_ca=settings.tls_ca,
        features=settings.features,
    )


def _endpoint(settings: EndpointSettings) -> Endpoint:
    return Endpoint(
        base_url=settings.base_url,
        api_key=settings.api_key.get_secret_value(),
        chat=settings.chat,
        reasoner=getattr(settings, "reasoner", settings.chat),
        proxy=settings.proxy,
        tls_ca=settings.tls_ca,
    )


def _record_call(call: Call) -> None:
    log.info("model call", model=call.model, outcome=call.outcome, ms=call.ms, tokens=call.tokens)


async def _attached(settings: Settings) -> Store:
    """The store of `redis.url`, else the embedded one that its owner keeps running."""
    if settings.redis.url:
        return Store.at(settings.redis.url, settings.unit.id)
    store = Store.at(url_of(settings.data_dir), settings.unit.id)
    try:
        async with asyncio.timeout(ATTACH_SECONDS):
            await _until_it_answers(store)
    except TimeoutError:
        await store.aclose()
        raise ConfigurationError("redis.url", "no_store", path=str(settings.data_dir.resolve())) from None
    return store


async def _until_it_answers(store: Store) -> None:
    while True:
        try:
            return await store.ping()
        except StoreUnavailable:
            await asyncio.sleep(0.1)


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[asyncio.Task[None]]:
    """A task that lives as long as the block; leaving cancels it and waits until it has cleaned up."""
    task = asyncio.create_task(work, name=name)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _first(stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Until told to stop; a part that ends by itself ends the process with its error."""
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in done - {waiting}:
        task.result()
