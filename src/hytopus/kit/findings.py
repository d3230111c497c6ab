"""What a doctor finds: known problems, each with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

F = TypeVar("F")


class Severity(StrEnum):
    ERROR = "error"
    """Something does not work, or soon will not."""
    WARNING = "warning"
    """Somebody should look at it this week."""
    NOTE = "note"
    """It could be better."""


@dataclass(frozen=True, slots=True)
class Finding:
    code: str
    severity: Severity
    subject: str
    """What it is about, as people call it: `node oak`, `the object store`."""
    what: str
    evidence: str
    remedy: str
    link: str = ""
    """Kind and id of what a page can be opened of: `node:ID`, `instance:ID`."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """What the evidence names, for translations of it; `case` tells apart what one code may say."""


def examine(facts: F, checks: Sequence[Callable[[F], Iterable[Finding]]]) -> list[Finding]:
    """What all checks find, the worst first."""
    order = list(Severity)
    found = [finding for check in checks for finding in check(facts)]
    return sorted(found, key=lambda finding: (order.index(finding.severity), finding.code, finding.subject))
