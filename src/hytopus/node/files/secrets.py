"""Secret values in files: shown as `⟦NAME⟧`, and turned back when such a text is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from hytopus.layers.variables import mark

_MARK: Final = re.compile(r"⟦([A-Z][A-Z0-9_]*)⟧")


class Secrets:
    """The values of an instance's variables, of which some are never shown."""

    def __init__(self, values: Mapping[str, str], names: Iterable[str]) -> None:
        self._values = values
        self._secret = {name: values[name] for name in sorted(names) if values.get(name)}
        by_length = sorted({*self._secret.values()}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, by_length))) if by_length else None
        self._names = {value: name for name, value in reversed(self._secret.items())}
        self.longest = len(by_length[0]) if by_length else 0

    @property
    def marked(self) -> dict[str, str]:
        """All values, with marks in place of the secret ones."""
        return {**self._values, **{name: mark(name) for name in self._secret}}

    def used(self, names: Iterable[str]) -> list[str]:
        return sorted(self._secret.keys() & set(names))

    def hide(self, text: str) -> tuple[str, list[str]]:
        """The text without secret values, and the names of those that were in it."""
        found: set[str] = set()
        if self._pattern is None:
            return text, []

        def put(match: re.Match[str]) -> str:
            found.add(self._names[match[0]])
            return mark(self._names[match[0]])

        return self._pattern.sub(put, text), sorted(found)

    def reveal(self, text: str) -> str:
        """Marks turned back into what they stand for; others stay as they are."""
        return _MARK.sub(lambda match: self._secret.get(match[1], match[0]), text)
