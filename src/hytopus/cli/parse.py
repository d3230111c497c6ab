"""Option values that need a little reading: `NAME=VALUE`, sizes, lifetimes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from hytopus.cli.failure import Usage

_MEGABYTES: Final = {"": 1, "m": 1, "mb": 1, "g": 1024, "gb": 1024, "t": 1024 * 1024, "tb": 1024 * 1024}
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def pairs(given: Iterable[str], option: str) -> dict[str, str]:
    """`NAME=VALUE` texts as a mapping; a value may hold further `=`."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Usage(why=f"{option} takes NAME=VALUE, not {text!r}")
        found[name] = value
    return found


def ports(given: Iterable[str]) -> dict[str, int]:
    """`30001` (the port named `game`) or `query=30002`."""
    found = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        if not number.isdigit() or not 1 <= int(number) <= 65535 or (equals and not name):
            raise Usage(why=f"--port takes PORT or NAME=PORT, not {text!r}")
        found[name or "game"] = int(number)
    return found


def megabytes(text: str | None, option: str) -> int | None:
    """`512`, `512M`, `2G` in MiB."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower().replace("ib", "b"))
    if match is None or match[2] not in _MEGABYTES:
        raise Usage(why=f"{option} takes megabytes or a number with M, G or T, not {text!r}")
    return int(float(match[1]) * _MEGABYTES[match[2]])


def duration(text: str, option: str) -> timedelta:
    """`90s`, `15m`, `12h`, `30d`; a bare number is seconds."""
    match = re.fullmatch(r"(\d+)\s*([a-z]*)", text.strip().lower())
    if match is None or (match[2] or "s") not in _SECONDS:
        raise Usage(why=f"{option} takes a time such as 90s, 15m, 12h or 30d, not {text!r}")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2] or "s"])


def moment(text: str | None, option: str) -> str | None:
    """An API time for `2027-01-31`, `2027-01-31T12:00+01:00`, or a time from now (`30d`)."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return (datetime.now(UTC) + duration(text, option)).isoformat()
    return (parsed if parsed.tzinfo else parsed.astimezone()).isoformat()


def restart_policy(given: Iterable[str]) -> dict[str, str]:
    """`never`, `on-failure` or `always`, and `KEY=VALUE` of a `[restart]` in game.toml; `game` alone for the game's."""
    values = [text for text in given if text != "game"]
    return {"on" if "=" not in text else text.partition("=")[0]: text.rpartition("=")[2] for text in values}
