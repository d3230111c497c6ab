"""Frozen dataclasses ⇄ protobuf messages whose fields have the same names, derived once for each class.

Texts, numbers, `StrEnum`s, tuples, mappings, other dataclasses, and `| None` for what may be absent.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, TypeVar

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

D = TypeVar("D")


class UnknownValue(ValueError):
    """A peer sent a value that this release has no word for."""


class _Field(NamedTuple):
    name: str
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    optional: bool


def to_protobuf(value: Any, descriptor: Any) -> Message:
    """The protobuf message for a dataclass. Raises ValueError or TypeError for what protobuf cannot hold."""
    fields = {field.name: field.encode(getattr(value, field.name)) for field in _fields(value.__class__, descriptor)}
    return GetMessageClass(descriptor)(**fields)


def from_protobuf(message: Message, kind: Callable[..., D]) -> D:
    """The dataclass of a message. Raises UnknownValue for an enum value from the future."""
    values = {}
    for field in _fields(kind, message.DESCRIPTOR):
        absent = field.optional and not message.HasField(field.name)
        values[field.name] = None if absent else field.decode(getattr(message, field.name))
    return kind(**values)


@cache
def _fields(kind: Any, descriptor: Any) -> tuple[_Field, ...]:
    hints = typing.get_type_hints(kind)
    return tuple(
        _field(field.name, hints[field.name], descriptor.fields_by_name[field.name])
        for field in dataclasses.fields(kind)
    )


def _field(name: str, hint: Any, descriptor: Any) -> _Field:
    hint, optional = _strip_none(hint)
    origin = typing.get_origin(hint)
    if origin is tuple:
        encode, decode = _scalar(typing.get_args(hint)[0], descriptor)
        return _Field(name, lambda values: [encode(v) for v in values], lambda found: tuple(map(decode, found)), False)
    if origin is Mapping:
        encode, decode = _scalar(typing.get_args(hint)[1], descriptor.message_type.fields_by_name["value"])
        return _Field(
            name,
            lambda mapping: {_text(k): encode(v) for k, v in mapping.items()},
            lambda mapping: {k: decode(v) for k, v in mapping.items()},
            False,
        )
    encode, decode = _scalar(hint, descriptor)
    if optional:
        return _Field(name, lambda value: None if value is None else encode(value), decode, True)
    return _Field(name, encode, decode, False)


def _strip_none(hint: Any) -> tuple[Any, bool]:
    if not isinstance(hint, types.UnionType):
        return hint, False
    (rest,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
    return rest, True


def _scalar(hint: Any, descriptor: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    if dataclasses.is_dataclass(hint):
        inner = descriptor.message_type
        return lambda value: to_protobuf(value, inner), lambda message: from_protobuf(
            message, typing.cast("type[Any]", hint)
        )
    if issubclass(hint, StrEnum):
        return _enum(hint, descriptor)
    if hint is str:
        return _text, _keepable
    if hint is float:
        return float, _finite
    return hint, hint


def _enum(kind: type[StrEnum], descriptor: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """`NodeStatus.RUNNING` is NODE_STATUS_RUNNING; zero is kept for "not said"."""
    suffixes = {value.name.upper(): value.number for value in descriptor.enum_type.values}
    prefix = descriptor.enum_type.values_by_number[0].name.removesuffix("UNSPECIFIED")
    numbers = {member: suffixes[prefix + member.name] for member in kind}
    members = {number: member for member, number in numbers.items()}

    def decode(number: int) -> StrEnum:
        if number not in members:
            raise UnknownValue(f"{kind.__name__} {number}")
        return members[number]

    return numbers.__getitem__, decode


def _text(value: str) -> str:
    """Game servers may print anything; a lone surrogate must not keep a report from being sent."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _keepable(value: str) -> str:
    """Game servers print U+0000, too, which PostgreSQL takes in no text."""
    return value.replace("\0", "\ufffd") if "\0" in value else value


def _finite(value: float) -> float:
    """JSON has no other numbers: one such load would break the live view of everybody."""
    return value if math.isfinite(value) else 0.0
