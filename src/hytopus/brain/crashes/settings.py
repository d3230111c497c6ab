"""How long crashes are kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class CrashSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keep_days: Annotated[float, Field(gt=0, le=3650)] = 30
    """Days until a crash and its bundle are deleted."""
    max_bundle_mb: Annotated[float, Field(gt=0, le=256)] = 8
    """A larger bundle is not taken; the crash itself is."""
    instance_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 30
    """More crashes of one instance are not kept; an event says so."""
    node_per_hour: Annotated[int, Field(ge=1, le=100_000)] = 300
    """More crashes of one node are not kept; an event says so."""
    prune_s: Annotated[float, Field(ge=1, le=86_400)] = 3600
    """How often what is too old is looked for."""
