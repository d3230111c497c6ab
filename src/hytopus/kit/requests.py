"""Which API request the work at hand goes back to: bound to the context, so that every line logged on the way names it.

A task inherits it from whoever starts it; between Brain and Node it travels as `origin` of what is asked and answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from structlog.contextvars import bound_contextvars, get_contextvars, unbind_contextvars

_KEY: Final = "request_id"
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_request_id(text: str) -> bool:
    """Whether it may stand in logs, headers and the database, whoever made it up."""
    return _ID.fullmatch(text) is not None


def request_id() -> str:
    """The id of the request; empty when nobody asked for what is going on."""
    return str(get_contextvars().get(_KEY, ""))


@contextmanager
def of_request(origin: str) -> Iterator[None]:
    """Work in here goes back to the request with this id. What is none, or empty, changes nothing."""
    if not origin or not is_request_id(origin):
        yield
        return
    with bound_contextvars(**{_KEY: origin}):
        yield


def forget_request() -> None:
    """What this task does from now on, nobody asked for."""
    unbind_contextvars(_KEY)
