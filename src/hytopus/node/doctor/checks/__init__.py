"""One file for each known problem; a check is a plain function of the facts."""

from __future__ import annotations

from typing import Final

from hytopus.node.doctor.checks import (
    brain,
    certificate,
    directories,
    disk,
    engine,
    fence,
    forwarding,
    limits,
    memory,
    ports,
    proxy,
)

CHECKS: Final = (
    brain.check,
    certificate.check,
    directories.check,
    disk.check,
    engine.check,
    fence.check,
    forwarding.check,
    limits.check,
    memory.check,
    ports.check,
    proxy.check,
)
