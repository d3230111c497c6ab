"""Structured logs: coloured lines for a person at a terminal, one JSON object a line for everything else."""

from __future__ import annotations

import io
import logging
import re
import sys
import textwrap
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog

_HARMFUL: Final = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Moves cursors, sets titles, answers with keystrokes, turns text around."""
_CONTROL: Final = re.compile(rf"[\n{_HARMFUL}]")
_CONTROL_IN_LINES: Final = re.compile(rf"[{_HARMFUL}]")


def configure_logging(*, json: bool, level: str = "info") -> None:
    """Set up the process's logging once. Libraries' own log records come out in the same form."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=True,
    )
    # Plain tracebacks: pretty ones print local variables, and with them tokens and passwords.
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if json
        else [
            _tame,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_traceback),
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    _gather_less()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("botocore", "aiobotocore", "aiosqlite", "urllib3", "alembic", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _gather_less() -> None:
    """Nothing that is written says which line, thread or process it came from, and finding out takes half the time."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # as the documentation of `logging` has it


def _tame(_logger: Any, _name: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What libraries say may hold what somebody sent them; values come out as `repr` has them anyway."""
    entry["event"] = _CONTROL.sub(_escaped, str(entry["event"]))
    return entry


def _traceback(stream: TextIO, error: Any) -> None:
    """The same for messages of exceptions; set in, so that no line of one looks like the next entry."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, error)
    stream.write(textwrap.indent(_CONTROL_IN_LINES.sub(_escaped, text.getvalue()), "    "))


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose calls take an event name and key-value pairs: `log.info("instance placed", node=…)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
