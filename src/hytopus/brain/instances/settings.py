"""How long each step of an instance's life may take."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=604_800)]


class InstanceSettings(BaseModel):
    """Deadlines of the states that do not last, and the pace of the loops that watch over them."""

    model_config = ConfigDict(extra="forbid")

    preparing_s: Seconds = 900
    """A preparation without any progress for this long has failed."""
    moving_s: Seconds = 900
    """Packing and uploading a world without any progress for this long is given up; nothing is lost by that."""
    start_slack_s: Seconds = 60
    """Added to the game's readiness timeout; the node judges first, this is for a node that does not."""
    stop_slack_s: Seconds = 30
    """Added to the game's two grace times before the Brain asks for a kill."""
    kill_s: Seconds = 60
    """A kill that has not worked after this long has failed."""
    destroy_s: Seconds = 300
    """A destruction that takes longer is reported as a problem (and goes on)."""
    lost_after_s: Seconds = 60
    """How long a node may be offline before what ran on it counts as lost."""
    replace_after_s: Annotated[float, Field(ge=0, le=604_800)] = 60
    """How long an instance without a world of its own stays lost before another node takes it, if it may be replaced
    and does not say otherwise itself."""
    lease_s: Annotated[float, Field(ge=30, le=604_800)] = 300
    """For how long a node may run an instance that has a world *and* may be replaced without word from a Brain; then
    it stops it. Others are never stopped. At least three heartbeats; counts for instances created from then on."""
    fence_slack_s: Annotated[float, Field(ge=0, le=604_800)] = 60
    """Added to the lease and to what the game's stop may take before such an instance is started elsewhere."""
    sweep_s: Seconds = 15
    """How often everything is looked at, whether or not anybody asked for it."""
    placement_retry_s: Seconds = 30
    """How often waiting instances are tried again, whether or not room seems to have appeared."""
    placement_batch: Annotated[int, Field(ge=1, le=1000)] = 100
    """Placements decided and committed together."""
    workers: Annotated[int, Field(ge=1, le=64)] = 16
    """Instances that are looked at side by side."""
