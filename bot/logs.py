"""One line a fact, as JSON or for a terminal. Loggers are given ids, counts and outcomes, never anyone's words."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from bot.errors import place_of
from bot.settings import LogSettings


class Discreet(logging.Formatter):
    """Lines of libraries. One about an error tells only its type and place: an HTTP server quotes the request it could
    not read, tokens and signatures included, and any error may quote the value it choked on.
    """

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        said = place_of(error) if error else record.getMessage()
        return f"{record.levelname} {record.name} {said}"


def configure(settings: LogSettings) -> None:
    """Send every line to standard error; libraries speak only when something is wrong."""
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(Discreet())
    logging.basicConfig(handlers=[lines], level=logging.WARNING)
