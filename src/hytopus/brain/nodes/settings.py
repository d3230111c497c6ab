"""How long a node may be silent."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class NodeSettings(BaseModel):
    """Heartbeats and what their absence means."""

    model_config = ConfigDict(extra="forbid")

    heartbeat_seconds: Seconds = 5
    """How often a node of a small fleet sends a heartbeat."""
    heartbeats_per_second: Annotated[float, Field(gt=0)] = 50
    """What the whole fleet may send; with more nodes each sends less often."""
    suspect_after: Seconds = 15
    """Silence after which nothing new is placed on a node. At least three of its heartbeats."""
    offline_after: Seconds = 45
    """Silence after which a node counts as gone."""
