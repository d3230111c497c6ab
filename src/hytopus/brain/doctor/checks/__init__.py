"""One file for each known problem; a check is a plain function of the facts."""

from __future__ import annotations

from typing import Final

from hytopus.brain.doctor.checks import (
    admins,
    backup,
    brain_certificate,
    ca_rotation,
    cache_size,
    claims,
    clock_skew,
    cordoned,
    crash_loops,
    database,
    disk_over,
    doubled_identity,
    durability,
    engine_down,
    findings_of_nodes,
    memory,
    node_certificate,
    node_disk,
    node_offline,
    old_engine,
    ports,
    readmitted,
    second_factor,
    slow_directories,
    store,
    versions,
    waiting,
)

CHECKS: Final = (
    admins.check,
    backup.check,
    brain_certificate.check,
    ca_rotation.check,
    cache_size.check,
    claims.check,
    clock_skew.check,
    cordoned.check,
    crash_loops.check,
    database.check,
    doubled_identity.check,
    disk_over.check,
    durability.check,
    engine_down.check,
    findings_of_nodes.check,
    memory.check,
    node_certificate.check,
    node_disk.check,
    node_offline.check,
    old_engine.check,
    ports.check,
    readmitted.check,
    second_factor.check,
    slow_directories.check,
    store.check,
    versions.check,
    waiting.check,
)

FOR_ADMINS: Final = (admins.check, second_factor.check)
"""What they find is nobody else's business."""
