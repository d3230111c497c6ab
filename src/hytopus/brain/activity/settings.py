"""What the audit log must not keep."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    return text


class AuditSettings(BaseModel):
    """The audit log."""

    model_config = ConfigDict(extra="forbid")

    redact: list[Annotated[str, AfterValidator(_pattern)]] = []
    """Further regular expressions for secrets in console lines; a group `secret` is masked, else the whole match."""
