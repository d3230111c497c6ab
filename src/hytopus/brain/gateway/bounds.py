"""What a node says, cut to a size that harms nobody: whoever broke into it may say anything.

The codec bounds a whole message; here each text, list and number in it is bounded, so that none can fill a row, a feed
or a screen, or be larger than what a column of the database takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from enum import StrEnum
from functools import cache
from operator import is_
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
    """The message itself where nothing had to be cut."""
    kind: Any = message.__class__
    found = {name: getattr(message, name) for name in _names(kind)}
    fit = {name: _fit(name, value) for name, value in found.items()}
    cut = {name: value for name, value in fit.items() if value is not found[name]}
    return _replaced(message, cut) if cut else message


def _replaced(message: Any, values: Mapping[str, Any]) -> Any:
    return replace(message, **values)


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _fit(name: str, value: Any) -> Any:
    match value:
        case None | bool() | StrEnum():
            return value
        case str():
            return _text(value, _TEXTS.get(name, _TEXT))
        case int():
            most = _LARGEST if name in _LARGE else _NUMBER
            return value if -most <= value <= most else max(-most, min(value, most))
        case float():
            return value if -_FLOAT <= value <= _FLOAT else 0.0
        case tuple():
            fit = tuple(_fit(name, each) for each in value[: _COUNTS.get(name, _MANY)])
            return value if len(fit) == len(value) and all(map(is_, fit, value)) else fit
        case Mapping():
            return _mapping(name, value)
        case _:
            return bounded(value)


def _text(value: str, most: int) -> str:
    plain = value.replace("\0", "\ufffd") if "\0" in value else value
    return plain if len(plain) <= most else plain[:most]


def _mapping(name: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
    most = _COUNTS.get(name, _MANY)
    fit = {_text(key, _TEXT): _fit(name, each) for key, each in list(value.items())[:most]}
    return value if fit == value else fit
