"""A strict reader of the YAML that our Compose file uses: mappings, lists, texts, `[flow, lists]`, comments."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

_KEY = re.compile(r"([A-Za-z0-9_.-]+):(?: (.*))?")
_UNSAFE = re.compile(r"^[&*!|>%@`]|: ")
"""What would mean something else to a whole YAML reader."""


class NotInSubset(ValueError):
    pass


class _Line(NamedTuple):
    number: int
    indent: int
    text: str


def read_yaml(text: str) -> dict[str, Any]:
    """Raises `NotInSubset` with the line for anything it does not know."""
    lines = [
        _Line(number, len(raw) - len(raw.lstrip()), raw.strip())
        for number, raw in enumerate(text.splitlines(), 1)
        if raw.strip() and not raw.lstrip().startswith("#")
    ]
    if "\t" in text:
        raise NotInSubset("tabs")
    value, rest = _block(lines, 0)
    if rest or not isinstance(value, dict):
        raise NotInSubset(f"line {rest[0].number if rest else 1}: unexpected indentation")
    return value


def _block(lines: list[_Line], indent: int) -> tuple[Any, list[_Line]]:
    if lines[0].text.startswith("- "):
        return _list(lines, indent)
    return _mapping(lines, indent)


def _list(lines: list[_Line], indent: int) -> tuple[list[Any], list[_Line]]:
    found = []
    while lines and lines[0].indent == indent and lines[0].text.startswith("- "):
        found.append(_scalar(lines[0], lines[0].text.removeprefix("- ")))
        lines = lines[1:]
    return found, lines


def _mapping(lines: list[_Line], indent: int) -> tuple[dict[str, Any], list[_Line]]:
    found: dict[str, Any] = {}
    while lines and lines[0].indent == indent:
        line, lines = lines[0], lines[1:]
        match = _KEY.fullmatch(line.text)
        if match is None or match[1] in found:
            raise NotInSubset(f"line {line.number}: {line.text!r}")
        if match[2]:
            found[match[1]] = _scalar(line, match[2])
        elif lines and lines[0].indent > indent:
            found[match[1]], lines = _block(lines, lines[0].indent)
        else:
            found[match[1]] = None
    if lines and lines[0].indent > indent:
        raise NotInSubset(f"line {lines[0].number}: unexpected indentation")
    return found, lines


def _scalar(line: _Line, text: str) -> Any:
    if text.startswith("["):
        inner = text.removeprefix("[").removesuffix("]")
        return [_scalar(line, part.strip()) for part in re.findall(r'"[^"]*"|[^,]+', inner)]
    if text.startswith('"'):
        return json.loads(text)
    if _UNSAFE.search(text) or " #" in text:
        raise NotInSubset(f"line {line.number}: quote {text!r}")
    return text
