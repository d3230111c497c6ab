"""When an instance whose node is lost may be started elsewhere. Pure; the argument is in decision 0022.

| Has it a world there? | Its policy | Its node | It is replaced |
| --- | --- | --- | --- |
| no | replace | lost | after `replace_after_s` |
| no | any | declared lost | at once |
| yes | replace | declared lost | when its lease has run out and the stop that follows is over for certain |
| yes | replace | declared lost, and off | at once |
| yes | wait | any | never: it waits for its node |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hytopus.brain.instances.states import OnNodeLoss

KILL_S: Final = 30.0
"""What a node gives its engine to end a process it has killed."""
DRIFT: Final = 1.02
"""Two clocks that both count seconds may disagree by this much."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What matters when the node of an instance is lost."""

    policy: OnNodeLoss = OnNodeLoss.WAIT
    replace_after_s: float = 0.0
    declared_s: float | None = None
    """For how long its node has been declared lost, by the clock that says the least; None: it was not."""
    off: bool = False
    """The machine is off: nothing of it can run."""
    fence_s: float | None = None
    """How long after the declaration its node has stopped it for certain; None: it never does."""


def gone_in(loss: Loss, *, tied: bool, silent_s: float) -> float | None:
    """Seconds until it may be replaced, 0 for now, None for never as things stand.

    `silent_s`: since when it counts as lost; below 0, it does not yet.
    """
    if not tied:
        if loss.declared_s is not None:
            return 0.0
        return max(0.0, loss.replace_after_s - silent_s) if loss.policy is OnNodeLoss.REPLACE else None
    if loss.policy is OnNodeLoss.WAIT or loss.declared_s is None:
        return None
    if loss.off:
        return 0.0
    return None if loss.fence_s is None else max(0.0, loss.fence_s - loss.declared_s)


def fence_s(lease_s: float, stop_s: float, slack_s: float) -> float | None:
    """How long after the last lease a node has stopped an instance: lease, graceful stop, kill, and some slack."""
    return (lease_s + stop_s + KILL_S + slack_s) * DRIFT if lease_s else None
