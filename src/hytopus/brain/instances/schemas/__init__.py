"""Shapes of instances in the API."""

from __future__ import annotations

from hytopus.brain.instances.schemas.asked import (
    ConsoleLine,
    CreateInstance,
    CreateInstances,
    InstanceWithoutName,
    LayerText,
    MoveInstance,
    PreviewInstance,
    UpdateInstance,
    UpgradeInstance,
)
from hytopus.brain.instances.schemas.judged import (
    CheckOut,
    Explanation,
    LinesOut,
    PlacedOut,
    PreviewOut,
    ProvenanceOut,
    VariableOut,
    VerdictOut,
)
from hytopus.brain.instances.schemas.parts import (
    ExitOut,
    LayerOut,
    MoveOut,
    NodeRef,
    PortOut,
    ProblemOut,
    ProgressOut,
    RetryOut,
    UsageOut,
    WaitingOut,
)
from hytopus.brain.instances.schemas.shown import (
    CreatedManyOut,
    CreatedOut,
    Home,
    InstanceOut,
    InstanceSummary,
)

__all__ = [
    "CheckOut",
    "ConsoleLine",
    "CreateInstance",
    "CreateInstances",
    "CreatedManyOut",
    "CreatedOut",
    "ExitOut",
    "Explanation",
    "Home",
    "InstanceOut",
    "InstanceSummary",
    "InstanceWithoutName",
    "LayerOut",
    "LayerText",
    "LinesOut",
    "MoveInstance",
    "MoveOut",
    "NodeRef",
    "PlacedOut",
    "PortOut",
    "PreviewInstance",
    "PreviewOut",
    "ProblemOut",
    "ProgressOut",
    "ProvenanceOut",
    "RetryOut",
    "UpdateInstance",
    "UpgradeInstance",
    "UsageOut",
    "VariableOut",
    "VerdictOut",
    "WaitingOut",
]
