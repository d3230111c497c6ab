"""When a server that ended by itself is started again: a game's default, and what an instance has instead."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(ge=0, le=86_400)]
Attempts = Annotated[int, Field(ge=1, le=1_000)]


class RestartOn(StrEnum):
    NEVER = "never"
    FAILURE = "on-failure"
    """After a crash, a hang, or a start that failed."""
    ALWAYS = "always"
    """After a clean end, too."""


class RestartPolicy(BaseModel):
    """Whoever asks for a restart with an exit code (`exit.restart`) gets it, whatever the policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: RestartOn = RestartOn.FAILURE
    """`never`, `on-failure` or `always`. A fault of configuration is never tried again."""
    attempts: Attempts = 3
    """So many starts by itself within `interval`; the next end then counts as a failure for good."""
    interval: Seconds = 600
    """Seconds."""
    backoff_min: Seconds = 5
    """Seconds before the first new attempt; doubled with each that follows, with some chance in it."""
    backoff_max: Seconds = 300
    """Seconds it never waits longer than."""
    clear_after: Seconds = 600
    """A server that players could join for so many seconds has recovered: what was counted is forgotten."""

    @model_validator(mode="after")
    def _smallest_first(self) -> RestartPolicy:
        if self.backoff_min > self.backoff_max:
            raise ValueError("backoff_min is greater than backoff_max")
        return self

    def changed(self, choice: RestartChoice | None) -> RestartPolicy:
        """With what an instance wants otherwise. Raises ValidationError where the two do not fit together."""
        if choice is None:
            return self
        return RestartPolicy.model_validate({**self.model_dump(), **choice.model_dump(exclude_none=True)})


class RestartChoice(BaseModel):
    """What an instance wants otherwise than its game; absent values are the game's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: RestartOn | None = None
    """`never`, `on-failure` or `always`."""
    attempts: Attempts | None = None
    interval: Seconds | None = None
    backoff_min: Seconds | None = None
    backoff_max: Seconds | None = None
    clear_after: Seconds | None = None
