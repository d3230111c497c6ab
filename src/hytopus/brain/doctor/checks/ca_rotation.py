"""A certificate authority that is being replaced, and nobody ends it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from hytopus.brain.doctor.facts import Facts
from hytopus.kit.findings import Finding, Severity

LONG: Final = timedelta(days=7)
_NAMES: Final = 5


def check(facts: Facts) -> Iterator[Finding]:
    since = facts.rotating_since
    if since is None:
        return
    left = facts.left_behind
    told = ", ".join(left[:_NAMES]) + (", …" if len(left) > _NAMES else "")
    yield Finding(
        "ca_rotation",
        Severity.WARNING if facts.now - since > LONG else Severity.NOTE,
        "the certificate authority",
        "It is being replaced; until that is ended, the former one still counts.",
        f"{len(left)} nodes have not changed over: {told}." if left else "Every node has changed over.",
        "Bring those nodes back or revoke them, then `hytopus brain ca retire`."
        if left
        else "Run `hytopus brain ca retire`.",
        params={"count": len(left), "names": told} if left else {"case": "done"},
    )
