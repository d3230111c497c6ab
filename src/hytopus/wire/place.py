"""How far somebody has read a server's output: what a viewer comes back with to go on without a gap."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LARGEST: Final = 2**53 - 1
"""What browsers hold exactly."""

_START: Final = re.compile(r"[0-9]{1,10}\.[0-9]{1,10}")
_PLACE: Final = re.compile(rf"([0-9]{{1,16}})(?:@({_START.pattern}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """The last line seen, as `number@start`; number 0 stands before the first.

    Numbers begin again with every start, so a number alone (`start` empty, from peers of earlier releases) is a guess.
    """

    number: int = 0
    start: str = ""

    def __str__(self) -> str:
        """Safe to put into an event stream, whatever a node calls its starts."""
        return f"{self.number}@{self.start}" if _START.fullmatch(self.start) else str(self.number)

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises ValueError."""
        found = _PLACE.fullmatch(text)
        if found is None or int(found[1]) > _LARGEST:
            raise ValueError(f"{text[:64]!r} is no place in an output")
        return cls(int(found[1]), found[2] or "")


BEGINNING: Final = Place()
