"""Path patterns as templates write them: `*` and `?` stay inside one folder, `**` crosses folders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> re.Pattern[str]:
    """A regular expression for whole paths. A leading `/` and a trailing one are ignored.

    Everything before the last wildcard of its kind is matched atomically, so that no pattern, however hostile, takes
    more than a moment.

    >>> bool(compile_glob("config/**").fullmatch("config/a/b.json"))
    True
    >>> bool(compile_glob("*.txt").fullmatch("a/b.txt"))
    False
    """
    groups: list[list[str]] = [[]]
    for part in pattern.strip("/").split("/"):
        if part == "**":
            groups.append([])
        elif part not in ("", "."):
            groups[-1].append(_component(part))
    return re.compile(_join(["/".join(group) for group in groups]), re.DOTALL)


def matches_any(path: str, patterns: Iterable[str]) -> bool:
    """Whether the path, or a folder it lies in, is named by one of the patterns."""
    return any(_matches(path, compile_glob(pattern)) for pattern in patterns)


def _matches(path: str, compiled: re.Pattern[str]) -> bool:
    if compiled.fullmatch(path):
        return True
    end = path.rfind("/")
    while end > 0:
        if compiled.fullmatch(path, 0, end):
            return True
        end = path.rfind("/", 0, end)
    return False


def _join(groups: list[str]) -> str:
    """The groups of components between the `**` of a pattern."""
    if len(groups) == 1:
        return groups[0]
    first, *middle, last = groups
    regex = f"{first}/" if first else ""
    regex += "".join(f"(?>(?:[^/]+/)*?{group}/)" for group in middle if group)
    return regex + (f"(?:[^/]+/)*{last}" if last else ".+")


def _component(part: str) -> str:
    first, *rest = _pieces(part)
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle if piece) + f"[^/]*{last}"


def _pieces(part: str) -> list[str]:
    """The fixed-length expressions between the `*` of a component."""
    pieces, index = [""], 0
    while index < len(part):
        char = part[index]
        index += 1
        if char == "*":
            pieces.append("")
        elif char == "?":
            pieces[-1] += "[^/]"
        elif char == "[" and (end := part.find("]", index + 1)) > 0:
            pieces[-1] += _character_class(part[index:end])
            index = end + 1
        else:
            pieces[-1] += re.escape(char)
    return pieces


def _character_class(body: str) -> str:
    negated = body[0] in "!^"
    items = re.sub(r"([\\\[\]^&~|])", r"\\\1", body[1:] if negated else body)
    try:
        re.compile(f"[{items}]")
    except re.error:  # a range that runs backwards matches nothing
        return r"(?!)"
    return f"(?!/)[{'^' if negated else ''}{items}]"
