"""The last hour in memory, two samples a minute: what a chart of the last hour begins with.

Lost with the Brain; the rows of the database fill in then.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

EVERY_S: Final = 30
KEEP: Final = 120
"""Samples of each series: an hour."""
_SLACK: Final = 30
"""Cut only now and then."""


class Recent:
    """One thing's samples. `width` numbers each; 4 bytes for every number and 8 for the time."""

    __slots__ = ("_at", "_values", "_width")

    def __init__(self, width: int) -> None:
        self._width = width
        self._at = array("q")
        self._values = array("f")

    def add(self, at: float, values: Sequence[float]) -> None:
        """A sample within the same half minute takes the place of the one before."""
        slot = int(at) // EVERY_S * EVERY_S
        if self._at and self._at[-1] == slot:
            del self._values[-self._width :]
        else:
            self._at.append(slot)
        self._values.extend(values)
        if len(self._at) > KEEP + _SLACK:
            del self._at[:-KEEP]
            del self._values[: -KEEP * self._width]

    @property
    def last(self) -> int:
        return self._at[-1] if self._at else 0

    def since(self, at: float) -> list[tuple[int, list[float]]]:
        """Time and numbers, oldest first."""
        width = self._width
        return [
            (when, [round(value, 2) for value in self._values[index * width : (index + 1) * width]])
            for index, when in enumerate(self._at)
            if when >= at
        ]
