"""Fields of pydantic models as rows of a table: what they hold, what they are without being given, what they mean."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tools.docs.attributes import attribute_docs
from tools.docs.markdown import code

_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", SecretStr: "text"}
_BOUNDS = (("ge", "at least {}"), ("gt", "more than {}"), ("le", "at most {}"), ("lt", "less than {}"))


class Row(NamedTuple):
    """`path` is the key with dots; `type`, `default` and `text` are Markdown."""

    path: str
    type: str
    default: str
    text: str


def rows(model: type[BaseModel], prefix: str = "") -> Iterator[Row]:
    """Every field, those of nested models (also of lists and tables of them) below their own name."""
    docs = attribute_docs(model)
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        nested = nested_model(field.annotation)
        if nested is not None:
            yield from rows(nested, f"{path}.")
        else:
            yield Row(path, type_of(field), default_of(field), docs.get(name, ""))


def nested_model(annotation: Any) -> type[BaseModel] | None:
    """The model a field holds, also inside a list, a table or an optional one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (nested_model(part) for part in typing.get_args(annotation))
    return next((model for model in found if model is not None), None)


def type_of(field: FieldInfo) -> str:
    return ", ".join([_name(field.annotation), *_constraints(field.metadata)])


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is PydanticUndefined:
        value = field.get_default(call_default_factory=True) if _is_collection(field.annotation) else None
    if value in (None, "", (), [], {}, frozenset()):
        return ""
    return code(_literal(value))


def _literal(value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, frozenset):
        value = sorted(value)
    if isinstance(value, Path):
        value = str(value)
    return json.dumps(value, ensure_ascii=False)


def _is_collection(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (list, tuple, dict, frozenset)


def _name(annotation: Any) -> str:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return ", ".join([_name(parts[0]), *_constraints(parts[1:])])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_name(part) for part in parts if part is not types.NoneType)
    if origin is typing.Literal:
        return ", ".join(code(str(part)) for part in parts)
    if origin in (list, tuple, frozenset):
        return f"list of {_name(parts[0])}"
    if origin is dict:
        return f"table of {_name(parts[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(code(str(member.value)) for member in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "tables"
    return _PLAIN.get(annotation, "text")


def _constraints(metadata: Iterable[Any]) -> Iterator[str]:
    for part in metadata:
        if isinstance(part, FieldInfo):
            yield from _constraints(part.metadata)
            continue
        for bound, text in _BOUNDS:
            if getattr(part, bound, None) is not None:
                yield text.format(f"{getattr(part, bound):,}")
        if getattr(part, "pattern", None):
            yield f"matching {code(str(part.pattern))}"
