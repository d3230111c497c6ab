"""What a node says, cut to a size that harms nobody: whoever broke into it may say anything.

The codec bounds a whole message; here each text, list and number in it is bounded, so that none can fill a row, a feed
or a screen, or be larger than what a column of the database takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeVar

from hytopus.wire.codec import MAX_BYTES

M = TypeVar("M")

_TEXT: Final = 255
_TEXTS: Final = {"message": 4_000, "remedy": 2_000, "evidence": 2_000, "log_tail": 4_000, "body": MAX_BYTES}
_MANY: Final = 10_000
_COUNTS: Final = {
    "log_tail": 1_000,
    "players": 2_000,
    "timings_ms": 32,
    "params": 32,
    "tags": 64,
    "materialisers": 16,
    "trusts": 64,
    "inventory": 50_000,
}
_NUMBER: Final = 2**30
"""Fits every 32-bit column, with room for whoever adds to it."""
_LARGE: Final = frozenset({"sequence", "number", "size", "cache_bytes", "s3_bytes", "s3_requests", "cache_hits"})
_LARGEST: Final = 2**53
_FLOAT: Final = 1e15


def bounded(message: M) -> M:
    """The message itself where nothing has to be cut, which is nearly always: that is told without making anything."""
    return message if _all_fits(message) else _cut(message)


def _all_fits(message: Any) -> bool:
    return all(_fits(getattr(message, name), *limits) for name, *limits in _limits(message.__class__))


def _fits(value: Any, text: int, many: int, number: int) -> bool:
    kind = value.__class__
    if kind is float:
        return bool(-_FLOAT <= value <= _FLOAT)
    if kind is int:
        return bool(-number <= value <= number)
    if kind is str:
        return len(value) <= text and "\0" not in value
    if kind is tuple:
        return len(value) <= many and all(_fits(each, text, many, number) for each in value)
    if value is None or kind is bool or isinstance(value, StrEnum):
        return True
    if isinstance(value, Mapping):
        return len(value) <= many and all(
            _fits(key, _TEXT, 0, 0) and _fits(each, text, many, number) for key, each in value.items()
        )
    return _all_fits(value)


@cache
def _limits(kind: Any) -> tuple[tuple[str, int, int, int], ...]:
    """Of each field: characters, elements, and how far a number may be from zero."""
    return tuple(
        (name, _TEXTS.get(name, _TEXT), _COUNTS.get(name, _MANY), _LARGEST if name in _LARGE else _NUMBER)
        for name in (field.name for field in fields(kind))
    )


def _cut(message: Any) -> Any:
    limits = _limits(message.__class__)
    return replace(message, **{name: _fit(getattr(message, name), *most) for name, *most in limits})


def _fit(value: Any, text: int, many: int, number: int) -> Any:
    if _fits(value, text, many, number):
        return value
    match value:
        case str():
            return value.replace("\0", "\ufffd")[:text]
        case int():
            return max(-number, min(value, number))
        case float():
            return 0.0
        case tuple():
            return tuple(_fit(each, text, many, number) for each in value[:many])
        case Mapping():
            kept = list(value.items())[:many]
            return {_fit(key, _TEXT, 0, 0): _fit(each, text, many, number) for key, each in kept}
        case _:
            return _cut(value)
