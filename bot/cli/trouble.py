"""Every trouble as a sentence: the cause and the remedy, in the operator's language."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import typer

from bot.cli.console import say, wanted
from bot.errors import BangbanError, ConfigurationError, DocumentRefused, StoreUnavailable, Unavailable


def misused(mistake: typer._click.ClickException) -> str:
    """What was typed wrong, and where to read how it goes."""
    context = getattr(mistake, "ctx", None)
    command = context.command_path if context else "bangban"
    return say.sentence("usage.wrong", detail=mistake.format_message(), command=command)


def explain(error: BangbanError) -> str:
    """The cause and the remedy, in the operator's language."""
    if isinstance(error, ConfigurationError):
        return "\n".join(_mistake_in_configuration(error))
    if isinstance(error, StoreUnavailable):
        return say.sentence("store.unavailable", reason=error.reason)
    if isinstance(error, Unavailable) and error.reason in say.section("unavailable"):
        return say.sentence(f"unavailable.{error.reason}")
    if isinstance(error, DocumentRefused):
        return say.sentence("library.metadata_refused", reason=say.sentence(f"refused.{error.reason}"))
    return say.sentence("failed.other", reason=str(error))


def _mistake_in_configuration(error: ConfigurationError) -> Iterator[str]:
    key = f"configuration.{error.code}"
    yield say.sentence("configuration.heading", key=error.key)
    yield say.sentence(key, **wanted(key, error.slots))
    if (more := error.slots.get("more", "0")) != "0":
        yield say.sentence("configuration.more", count=more)


def blamed(error: OSError) -> str:
    """What the system refused, by its kind; the system's own words only where we have none."""
    path = str(error.filename or "")
    if error.errno == errno.EADDRINUSE:
        return say.sentence("failed.port_in_use")
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return say.sentence("failed.address_unusable")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return say.sentence("failed.disk_full")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST) and path:
        return say.sentence("failed.path", path=path)
    return say.sentence("failed.other", reason=error.strerror or type(error).__name__)
