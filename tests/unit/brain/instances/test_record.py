"""What a node keeps of an instance for a Brain that has lost it."""

from __future__ import annotations

from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.record import PASSING, describe, remembered
from tests.harness.factories import make_instance


def test_every_column_either_travels_or_says_how_it_stands() -> None:
    """A new column travels unless it is added to PASSING: then this list stays as it is."""
    columns = {column.key for column in Instance.__table__.columns}
    assert columns >= PASSING
    assert columns - PASSING == {
        "autostart",
        "cpus",
        "created_at",
        "defaults",
        "definition",
        "details",
        "dev",
        "disk_mb",
        "environment",
        "game",
        "layers",
        "lease_s",
        "memory_mb",
        "name",
        "on_node_loss",
        "persistent",
        "pinned_node",
        "region",
        "replace_after_s",
        "requested_layers",
        "requested_ports",
        "restart_choice",
        "secret_names",
        "secrets",
        "tags",
        "variables",
    }


def test_what_travels_comes_back() -> None:
    instance = make_instance(secrets={"TOKEN": "s"}, variables={"A": "ä"}, details={"x": [1, None]})
    values = remembered(describe(instance))
    assert values == {name: getattr(instance, name) for name in values}
    assert values["secrets"] == {"TOKEN": "s"}


def test_a_record_of_another_release_is_read_as_far_as_it_is_understood() -> None:
    assert remembered('{"name": "a", "of_the_future": 1, "state": "running"}') == {"name": "a"}
