"""All that this node remembers of its instances, for a Brain that came back from a backup."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from hytopus.node.journal import Journal
from hytopus.node.runner.instance import Instance


def recall(crew: Iterable[Instance], journal: Journal) -> dict[str, Any]:
    """`brain.instances.recollection` reads it. Holds the instances' secrets, as the Brain once sent them."""
    held = list(crew)
    known = {instance.id for instance in held}
    return {
        "instances": [_held(instance) for instance in held],
        "destroyed": [asdict(grave) for grave in journal.graves if grave.instance_id not in known],
    }


def _held(instance: Instance) -> dict[str, Any]:
    record, assignment = instance.record, instance.record.assignment
    return {
        "report": asdict(instance.standing()),
        "record": assignment.record,
        "prepared_generation": assignment.generation,
        "ports": [asdict(port) for port in assignment.ports],
        "prepared": record.prepared,
        "destroying": record.destroying and not record.superseded,
        "superseded": record.superseded,
    }
