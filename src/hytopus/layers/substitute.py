"""Placeholders: `${NAME}`, `${NAME:-default}`, and `$${NAME}` for a literal `${NAME}`. Every other `$` stays.

One pass over the bytes, so a value is never searched for placeholders again. The default counts where the variable
has no value or an empty one, as in a shell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from hytopus.layers.errors import UnresolvedVariables

MAX_FILE: Final = 4 << 20
"""Files above this many bytes are never substituted."""

SNIFF: Final = 8 << 10
"""A NUL in this many first bytes makes a file binary."""

_PLACEHOLDER: Final = re.compile(rb"\$\{([A-Z][A-Z0-9_]*)(?::-([^}\n]*))?\}")
"""Begins with a literal, which makes the search through megabytes several times faster."""

_SHOWN: Final = 10


class Unresolved(NamedTuple):
    """A placeholder nobody gave a value for; `line` counts from 1."""

    layer: str
    path: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.layer}:{self.path}:{self.line} ${{{self.name}}}"


def placeholders(data: bytes) -> tuple[str, ...] | None:
    """The names a file uses, sorted; None where substitution would leave it exactly as it is.

    Empty where only `$${NAME}` literals occur: such a file is rewritten, but needs no variable.
    """
    if data.find(0, 0, SNIFF) >= 0 or b"$" not in data or b"${" not in data or len(data) > MAX_FILE:
        return None
    found = list(_PLACEHOLDER.finditer(data))
    if not found:
        return None
    return tuple(sorted({one[1].decode() for one in found if not _is_literal(one, data)}))


def substitute(
    data: bytes, variables: Mapping[str, str], *, allow: AbstractSet[str] = frozenset()
) -> tuple[bytes, list[tuple[int, str]]]:
    """The data with its placeholders replaced, and what had no value as (line, name).

    Names in `allow` may stay without a value: their placeholders are left as written.
    """
    unresolved: list[tuple[int, str]] = []
    parts: list[bytes] = []
    at = 0
    for match in _PLACEHOLDER.finditer(data):
        name = match[1].decode()
        if _is_literal(match, data):
            parts += data[at : match.start() - 1], match[0]
        elif (value := _value(name, match[2], variables)) is not None:
            parts += data[at : match.start()], value
        else:
            if name not in allow:
                unresolved.append((data.count(b"\n", 0, match.start()) + 1, name))
            parts.append(data[at : match.end()])
        at = match.end()
    parts.append(data[at:])
    return b"".join(parts), unresolved


def _is_literal(match: re.Match[bytes], data: bytes) -> bool:
    start = match.start()
    return start > 0 and data[start - 1] == ord("$")


def _value(name: str, default: bytes | None, variables: Mapping[str, str]) -> bytes | None:
    value = variables.get(name)
    if default is not None and not value:
        return default
    return None if value is None else value.encode()


def render_text(text: str, variables: Mapping[str, str], *, where: str = "text") -> str:
    """Substitute in a text that is not a template's file (a game's command, an environment value)."""
    rendered, unresolved = substitute(text.encode(), variables)
    if unresolved:
        raise unresolved_error([Unresolved(where, "-", line, name) for line, name in unresolved])
    return rendered.decode()


def unresolved_error(found: Sequence[Unresolved]) -> UnresolvedVariables:
    """One error for all of them; the first ten are spelled out."""
    places = ", ".join(map(str, found[:_SHOWN]))
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return UnresolvedVariables(count=len(found), places=places + more, names=sorted({one.name for one in found}))
