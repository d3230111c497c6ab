"""Taking what looks like a secret out of console lines before they are written down."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = "•••"
_WORD: Final = r"(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_-]?key|credentials?|otp|pin)"
_CHANGE: Final = rf"(?:change|set|reset)-?{_WORD}"
_BUILT_IN: Final = (
    # Commands whose arguments are secrets: /login x, /register x x, authme changepassword player x.
    rf"(?i)^\s*/?(?:login|register|reg|unregister|{_CHANGE}|{_WORD})\s+(?P<secret>\S.*)$",
    rf"(?i)^\s*/?(?!say\b)\w+\s+(?:login|register|{_CHANGE}|{_WORD})\s+(?P<secret>\S.*)$",
    # name=value and "name": "value", wherever they stand.
    rf"(?i)\b\w*{_WORD}\w*[\"']?\s*[=:]\s*(?P<secret>\"[^\"]*\"|'[^']*'|\S+)",
    # --password value, Authorization: Bearer value.
    rf"(?i)--?\w*{_WORD}\w*\s+(?P<secret>\S+)",
    r"(?i)\bbearer\s+(?P<secret>\S+)",
)


class Redaction:
    """The built-in patterns and the operator's own. What a group `secret` holds is masked, else the whole match."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._patterns = [re.compile(pattern) for pattern in (*_BUILT_IN, *patterns)]

    def line(self, text: str) -> str:
        """The line without its secrets."""
        for pattern in self._patterns:
            text = pattern.sub(_masked, text)
        return text


def _masked(match: re.Match[str]) -> str:
    if "secret" not in match.re.groupindex:
        return MASK
    start, end = match.span("secret")
    whole = match.start()
    return match[0][: start - whole] + MASK + match[0][end - whole :]
