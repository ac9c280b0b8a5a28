"""Structured logs: JSON lines outside a terminal, readable in one.

No log line ever holds a token, a comment's text or a password: callers log ids, numbers and counts, and the last step
here drops the fields that would, whoever passes them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import orjson
import structlog

from runtime.settings import Settings

SAY_AGAIN_S: Final = 30.0  # how often something that goes on and on is logged
_NEVER_LOGGED: Final = frozenset({"token", "authorization", "cookie", "message", "text", "payload", "password", "dsn"})


def get_logger(part: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a part."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(part=part)
    return logger


class Repeats:
    """Whether what happens again and again is worth another line: at first, and then once in `SAY_AGAIN_S`."""

    def __init__(self) -> None:
        self._said_at: dict[str, float] = {}

    def worth_saying(self, kind: str, now: float) -> bool:
        """Return whether to say it now. Kinds are few: the names of errors, say, and not their texts."""
        if now - self._said_at.get(kind, float("-inf")) < SAY_AGAIN_S:
            return False
        self._said_at[kind] = now
        return True

    def forget(self) -> None:
        """Begin anew: it is over."""
        self._said_at.clear()


def set_up_logs(settings: Settings) -> None:
    """Send the logs of this process, and of the libraries it uses (warnings and worse), to standard error."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _drop_secrets,
    ]
    renderer: list[structlog.types.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_to_json)]
    )
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)


def quiet_logs() -> None:
    """Log errors alone: for a command that itself tells a person, in one line, what went wrong."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


def _drop_secrets(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in _NEVER_LOGGED & fields.keys():
        del fields[name]
    return fields


def _to_json(fields: Any, **_: Any) -> str:
    return orjson.dumps(fields, default=str).decode()
