"""Bases of the API's shapes."""

from __future__ import annotations

import math
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, model_validator

DEEPEST: Final = 32
"""How deep objects and lists of a request may lie in one another."""


class Schema(BaseModel):
    """A request body. An unknown field is an error, so that a misspelt one is never silently ignored.

    So is what Python reads out of JSON although no database and no other reader takes it.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, data: Any) -> Any:
        check_plain(data)
        return data


class Output(BaseModel):
    """A response body; can be made from a row with `model_validate(row)`."""

    model_config = ConfigDict(from_attributes=True)


def check_plain(value: Any, depth: int = 0) -> None:
    """Raises ValueError for texts that are no text, numbers that are none, and what lies too deep."""
    if isinstance(value, str) and not is_text(value):
        raise ValueError("holds a text with U+0000 or half a character, which cannot be kept")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("holds a number without an end")
    if not isinstance(value, dict | list):
        return
    if depth == DEEPEST:
        raise ValueError(f"is nested more than {DEEPEST} deep")
    for each in (*value.keys(), *value.values()) if isinstance(value, dict) else value:
        check_plain(each, depth + 1)


def is_text(text: str) -> bool:
    """Whether every database and every reader of JSON takes it: no U+0000, no lone surrogates."""
    if "\0" in text:
        return False
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
