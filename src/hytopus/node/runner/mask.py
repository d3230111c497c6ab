"""Secret values do not leave the node: not in logs, reports, problems or console lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from hytopus.errors import HytopusError
from hytopus.wire.messages import Problem

MASK: Final = "********"
SHORTEST: Final = 4
"""Shorter values stay: masking every `1` would make logs unreadable and hide nothing."""

Mask = Callable[[str], str]


def mask_of(variables: Mapping[str, str], secrets: Iterable[str]) -> Mask:
    """A function that replaces every secret value in a text, the longest first."""
    values = {variables[name] for name in secrets if name in variables}
    shown = sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True)
    if not shown:
        return str
    pattern = re.compile("|".join(map(re.escape, shown)))
    return lambda text: pattern.sub(MASK, text)


def problem_of(error: HytopusError, mask: Mask) -> Problem:
    return Problem(
        code=error.code,
        message=mask(error.message),
        remedy=mask(error.advice),
        params={name: mask(str(value)) for name, value in error.params.items()},
    )
