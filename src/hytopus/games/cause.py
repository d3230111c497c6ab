"""What crashes have in common: the cause of one, told from how it ended and what the server said, as a fingerprint.

Pure. Two crashes with the same fingerprint have, as far as one can tell from outside, the same cause: numbers, times,
addresses and ids, which change from crash to crash, do not count, nor does where in the log something stood.

A server may print whatever it likes, and while it is looked at here the agent does nothing else. So only the beginning
of a line counts, and no pattern tries a text in more ways than it has characters (hence the possessive `++`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

FRAMES: Final = 5
"""Frames of a stack trace that count; deeper ones differ with what called the code."""

TITLE: Final = 200
"""Characters."""

LINE: Final = 1_000
"""Characters of a line that are looked at."""

_RULES: Final = "1"
"""Grows when the same crash would get another fingerprint."""

_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_PREFIX: Final = re.compile(
    r"^(?:\[?\d{4}[-/]\d\d[-/]\d\d[T ][\d:.,]+Z?\s*[A-Z]*\]?:?\s*|\[[\d:. ]++\s*+[A-Z]*+\]\s*|[\d:.]{5,}\s+"
    r"|\[[A-Z]+\]:?\s*|[A-Z]{4,7}\s+)+"
)
_VOLATILE: Final = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE), "<id>"),
    (re.compile(r"0x[0-9a-f]+", re.IGNORECASE), "<address>"),
    (re.compile(r"@[0-9a-f]{5,}\b"), "@<address>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\d+(?:\.\d+)*"), "#"),
)
_JAVA_HEAD: Final = re.compile(
    r"(?:Exception in thread \"[^\"]*\" |Caused by: )?(?<![\w$.])"
    r"(?P<kind>(?:[\w$]++\.)++(?=[\w$]*?(?:Exception|Error|Throwable))[\w$]++)"
    r"(?:: (?P<what>.*))?$"
)
_JAVA_FRAME: Final = re.compile(r"^\s*at (?:[\w.@-]+/{1,2})*(?P<where>[\w.$<>-]+)\(")
_JAVA_VOLATILE: Final = re.compile(r"\$\$?(?:Lambda|Proxy)[\w$/.<>-]*|lambda\$(\w+)\$\d+|GeneratedMethodAccessor\d+")
_LUA_HEAD: Final = re.compile(r"(?:ServerError|ModError|Runtime error from|AsyncErr).*|lua(?:jit)?: .*", re.IGNORECASE)
_LUA_TRACE: Final = "stack traceback:"
_LUA_FRAME: Final = re.compile(r"^\s*(?P<file>\S+?):\d+: in (?P<where>.+)$|^\s*\[C\]: in (?P<native>.+)$")
_LOUD: Final = re.compile(r"\b(?:ERROR|SEVERE|FATAL|CRITICAL|panic|Segmentation fault|assert(?:ion)?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cause:
    fingerprint: str
    """Twelve hexadecimal digits."""
    title: str
    """One line for people."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended: `kind` as in a crash's record, exit code, and the signal if one ended it."""

    kind: str
    exit_code: int | None = None
    signal: int | None = None
    oom: bool = False


def cause_of(ending: Ending, lines: Sequence[str], *, patterns: Iterable[str] = ()) -> Cause:
    """`patterns`: what the game says that names a cause better than anything else (`crash.patterns` in game.toml)."""
    if ending.oom:
        return _cause(ending, "It ran out of memory.", [])
    said = [_COLOURS.sub("", line[:LINE]).rstrip() for line in lines]
    found = _of_game(said, patterns) or _of_java(said) or _of_lua(said)
    if found is None and ending.kind not in ("hang", "vanished"):
        found = _last_words(said)
    title, marks = found or (_without_words(ending), [])
    return _cause(ending, title, marks)


def normalised(text: str) -> str:
    """Without what changes from crash to crash: times, numbers, addresses, ids."""
    text = _PREFIX.sub("", text)
    for pattern, stand_in in _VOLATILE:
        text = pattern.sub(stand_in, text)
    return " ".join(text.split())


def _cause(ending: Ending, title: str, marks: Iterable[str]) -> Cause:
    whole = "\n".join([_RULES, ending.kind, str(ending.exit_code), str(ending.signal), str(ending.oom), *marks])
    shown = title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"
    return Cause(hashlib.sha256(whole.encode()).hexdigest()[:12], shown)


def _of_game(lines: Sequence[str], patterns: Iterable[str]) -> tuple[str, list[str]] | None:
    """The last line that a pattern matches, with the stack that follows a Java exception in it."""
    compiled = [re.compile(pattern) for pattern in patterns]
    for index in range(len(lines) - 1, -1, -1):
        if any(pattern.search(lines[index]) for pattern in compiled):
            stack = _of_java(lines[index:])
            return stack if stack and _JAVA_HEAD.search(lines[index]) else _one_line(lines[index])
    return None


def _one_line(line: str) -> tuple[str, list[str]]:
    return normalised(line), [normalised(line)]


def _of_java(lines: Sequence[str]) -> tuple[str, list[str]] | None:
    """The last stack trace, down to its root cause: what is thrown, and the frames nearest to it."""
    heads = [index for index in range(len(lines) - 1) if _JAVA_FRAME.match(lines[index + 1])]
    for index in reversed(heads):
        if not _JAVA_FRAME.match(lines[index]) and (head := _JAVA_HEAD.search(lines[index])):
            frames = _java_frames(lines[index + 1 :])
            what = normalised(head["what"] or "")
            title = f"{head['kind']}{f': {what}' if what else ''} at {frames[0]}"
            return title, [head["kind"], *frames]
    return None


def _java_frames(lines: Sequence[str]) -> list[str]:
    frames: list[str] = []
    for line in lines:
        frame = _JAVA_FRAME.match(line)
        if frame is None or len(frames) == FRAMES:
            break
        frames.append(_JAVA_VOLATILE.sub(lambda found: found[1] or "$", frame["where"]))
    return frames


def _of_lua(lines: Sequence[str]) -> tuple[str, list[str]] | None:
    """The last traceback, with the nearest line above it that says what went wrong."""
    for index in range(len(lines) - 1, -1, -1):
        if _LUA_TRACE not in lines[index]:
            continue
        above = next((line for line in reversed(lines[max(0, index - 5) : index]) if _LUA_HEAD.search(line)), "")
        head = _LUA_HEAD.search(above)
        what = normalised(head[0] if head else above)
        return what or "Lua error", [what, *_lua_frames(lines[index + 1 :])]
    return None


def _lua_frames(lines: Sequence[str]) -> list[str]:
    frames: list[str] = []
    for line in lines:
        frame = _LUA_FRAME.match(_PREFIX.sub("", line))
        if frame is None or len(frames) == FRAMES:
            break
        frames.append(normalised(frame["native"] or f"{frame['file'].rsplit('/', 1)[-1]} {frame['where']}"))
    return frames


def _last_words(lines: Sequence[str]) -> tuple[str, list[str]] | None:
    """The last line that complains, else the last line at all."""
    spoken = [line for line in lines if line.strip()]
    if not spoken:
        return None
    line = next((line for line in reversed(spoken[-50:]) if _LOUD.search(line)), spoken[-1])
    return _one_line(line)


def _without_words(ending: Ending) -> str:
    match ending.kind:
        case "hang":
            return "It did not answer any more."
        case "vanished":
            return "Its container was removed."
        case _ if ending.signal is not None:
            return f"Signal {ending.signal} ended it, without a word."
        case _:
            return f"It ended with exit code {ending.exit_code}, without a word."
