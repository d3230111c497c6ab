"""Text from servers, made harmless for a terminal.

A game server's log, a player's name or a template's description must not be able to move the cursor, change the
window title, answer queries with keystrokes or turn the text around.
"""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = re.compile(
    r"""
      (?P<colour>\x1b\[[0-9;:]*m)                      # SGR: colours, bold; the only ones that may stay
    | (?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]                 # other control sequences
    | (?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])          # titles, hyperlinks, device control ...
      [^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)             # ... with all that belongs to them
    | \x1b[ -/]*[0-~]?                                 # two-character escapes, and a lone ESC
    | [\x00-\x08\x0b-\x1f\x7f-\x9f]                    # every control character but tab and newline
    | [\u200e\u200f\u202a-\u202e\u2066-\u2069]         # changes of writing direction
    """,
    re.VERBOSE,
)
_RESET: Final = "\x1b[0m"
_RAW_IN_JSON: Final = re.compile(r"[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""JSON escapes the lower control characters by itself, and these only where it must be ASCII."""


def sanitise(text: str, *, colours: bool = False) -> str:
    """The text without control sequences; with `colours`, those that set colours stay and are reset at the end."""
    clean = _ESCAPES.sub(lambda match: (match["colour"] or "") if colours else "", text)
    return clean + _RESET if "\x1b[" in clean else clean


def sanitise_line(text: str, *, colours: bool = False) -> str:
    """The same for one line: line breaks in it become spaces."""
    return sanitise(text, colours=colours).replace("\n", " ")


def sanitise_json(text: str) -> str:
    """The same document of JSON, with nothing in it that a terminal obeys."""
    return _RAW_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
