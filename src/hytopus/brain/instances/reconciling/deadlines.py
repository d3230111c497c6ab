"""Until when each state may last. Deadlines follow from the row, so nothing has to be armed or disarmed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.states import State, Wanted


def allowance(instance: Instance, settings: InstanceSettings) -> float | None:
    """Seconds the present state may last; None where it may last for ever."""
    ready = instance.definition.get("ready", {})
    match instance.state:
        case State.PREPARING:
            return settings.preparing_s
        case State.MOVING:
            return settings.moving_s
        case State.STARTING:
            return _number(ready, "timeout", 120) + settings.start_slack_s
        case State.STOPPING if instance.kill_at is not None:
            return settings.kill_s
        case State.STOPPING:
            return stop_s(instance) + settings.stop_slack_s
        case State.STOPPED | State.FAILED if instance.wanted is Wanted.DESTROYED:
            return settings.destroy_s
        case _:
            return None


def stop_s(instance: Instance) -> float:
    """Seconds its game gives a server to end before it is killed."""
    stop = instance.definition.get("stop", {})
    return _number(stop, "grace", 60) + _number(stop, "signal_grace", 10)


def deadline(instance: Instance, settings: InstanceSettings) -> datetime | None:
    """When the present state has lasted too long. Later where Brain or node were away meanwhile: see `patience`."""
    seconds = allowance(instance, settings)
    return None if seconds is None else counted_from(instance) + timedelta(seconds=seconds)


def counted_from(instance: Instance) -> datetime:
    """The last sign of progress of the present state. May lie ahead: a server's next start may have to wait."""
    moments: list[datetime | None] = [instance.state_since]
    if instance.state is State.STARTING:
        moments.append(instance.retry_at)
    if instance.state in (State.PREPARING, State.MOVING):
        moments.append(instance.progress_at)
    if instance.state is State.STOPPING:
        moments.append(instance.kill_at)
    return max(moment for moment in moments if moment is not None)


def _number(table: Mapping[str, Any], key: str, default: float) -> float:
    return float(table.get(key, default))
