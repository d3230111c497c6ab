"""What can go wrong while a directory is prepared."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class NotPrepared(HytopusError):
    code: ClassVar[str] = "not_prepared"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The directory of instance {instance} is not prepared on this node: {why}"
    remedy: ClassVar[str] = "Start the instance again; it is prepared anew and keeps its own files."


class CannotMaterialise(HytopusError):
    code: ClassVar[str] = "cannot_materialise"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The node cannot prepare directories by {how}: {why}"
    remedy: ClassVar[str] = "Leave the choice to the node, or choose one that `hytopus node show` lists."
