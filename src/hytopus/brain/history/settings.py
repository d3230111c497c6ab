"""How long measurements and events are kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class HistorySettings(BaseModel):
    """What is kept for looking back, and for how long."""

    model_config = ConfigDict(extra="forbid")

    days: Annotated[int, Field(ge=1, le=400)] = 30
    """How long measurements are kept, one for each hour."""
    fine_hours: Annotated[int, Field(ge=2, le=168)] = 48
    """How long they are also kept for every five minutes."""
    event_days: Annotated[int, Field(ge=7, le=3650)] = 90
    """How long the event log reaches back. The audit log is never cut, nor what an existing instance's page needs."""
