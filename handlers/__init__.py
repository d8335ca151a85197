"""What the product does, in the order it is tried; the last route takes everything."""

from __future__ import annotations

from bot.library import EVIDENCE_FLOOR, Library
from bot.llm import LLM
from bot.message import Outcome, Reply, Role
from bot.people import Employee
from bot.prompts import Prompts, Replies
from bot.router import Route
from handlers.composing import Compose
from handlers.fixed import Choose, Greet, Offer, Say, Shorten, Welcome, questions_for
from handlers.matching import a_number, anything, asks, says, tapped_but, too_long, unheard, unusable, wordless
from handlers.policy import FindPolicy, NextSteps
from handlers.quoting import Quote
from handlers.search import LibrarySearch
from handlers.understanding import POLICY, Understand
from handlers.words import load_phrases


def routes(*, library: Library, llm: LLM, prompts: Prompts, replies: Replies) -> tuple[Route, ...]:
    """The table of contents. Raises `ConfigurationError` for a mistake in the phrases."""
    phrases = load_phrases()
    whole = phrases.whole
    search = LibrarySearch(library)
    menu = Offer(replies, Outcome.ANSWERED_MENU)
    help_ = Offer(replies, Outcome.ANSWERED_HELP)
    policy = FindPolicy(
        understand=Understand(phrases, llm, prompts),
        search=search,
        floor=EVIDENCE_FLOOR,
        compose=Compose(llm, prompts, replies),
        quote=Quote(replies),
        next_steps=NextSteps(phrases, replies),
        replies=replies,
    )
    return (
        Route("forget", asks("forget", whole.forget), Say(replies, Outcome.ANSWERED_FORGOTTEN)),
        Route("welcome", asks("welcome"), Welcome(replies, greeting)),
        Route("menu", asks("menu", whole.menu), menu),
        Route("help", asks("help", whole.help), help_),
        Route("unknown button", tapped_but(POLICY), menu),
        Route("greeting", says(whole.greeting), Greet(replies)),
        Route("thanks", says(whole.thanks), Say(replies, Outcome.ANSWERED_THANKS)),
        Route("voice", unheard, Say(replies, Outcome.UNANSWERABLE_VOICE)),
        Route("media", unusable, Say(replies, Outcome.UNANSWERABLE_MEDIA)),
        Route("empty", wordless, Offer(replies, Outcome.CLARIFY_EMPTY)),
        Route("too long", too_long, Shorten(replies, search, EVIDENCE_FLOOR)),
        Route("choice", a_number, Choose(replies, {POLICY: policy, "menu": menu, "help": help_})),
        Route("policy", anything, policy),
    )


def greeting(replies: Replies, employee: Employee, role: Role) -> Reply:
    """The first words of a conversation."""
    questions = questions_for(replies, role)
    return replies.reply(Outcome.ANSWERED_WELCOME, suggestions=questions, name=employee.name, unit=employee.unit)
