"""What a node that somebody broke into may say of instances, and what of it is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from hytopus.brain.instances.record import describe
from hytopus.brain.instances.relocating.packed import Packed
from hytopus.brain.instances.reports.recollection import Recollection
from hytopus.brain.instances.reports.record_shape import believed
from tests.harness.factories import make_instance

SUM = "0" * 64
ID = "0" * 16


def record(**changed: Any) -> str:
    return json.dumps({**json.loads(describe(make_instance(name="lobby"))), **changed})


def layer(**changed: Any) -> list[dict[str, Any]]:
    honest = {"template_id": "base", "version": "1", "checksum": SUM, "size": 1, "type": "master"}
    return [{**honest, "s3_key": "network/templates/base/1/x.tar.zst", **changed}]


def test_an_honest_record_is_believed() -> None:
    assert believed(record())["name"] == "lobby"
    assert believed(record(layers=layer()))["layers"] == layer()


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "../lobby"},
        {"name": 5},
        {"definition": {}},
        {"definition": []},
        {"layers": "base"},
        {"layers": [1]},
        {"layers": layer(s3_key="network/backups/1.hytopus")},
        {"layers": layer(s3_key="network/templates/another/1/x.tar.zst")},
        {"layers": layer(template_id="../base", s3_key="templates/../base/1")},
        {"layers": layer(version="..")},
        {"variables": {"A": 1}},
        {"variables": {"A": "\0"}},
        {"requested_ports": {"game": 70_000}},
        {"memory_mb": 2**40},
        {"cpus": "many"},
        {"tags": {"a": 1}},
        {"created_at": 5},
        {"on_node_loss": {}},
        {"restart_choice": {"on": "sometimes"}},
    ],
)
def test_a_record_that_could_not_be_ours_is_none(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        believed(record(**changed))


def memory(**changed: Any) -> dict[str, Any]:
    return {"report": {"instance_id": ID, "generation": 1, "status": "running"}, **changed}


def port(**changed: Any) -> dict[str, Any]:
    return {"name": "game", "host": 30_000, "container": 30_000, "protocol": "udp", **changed}


@pytest.mark.parametrize(
    ("instances", "destroyed"),
    [
        ([memory(report={"instance_id": "../../etc", "generation": 1, "status": "running"})], []),
        ([memory(prepared_generation=2**70)], []),
        ([memory(ports=[port(host=0)])], []),
        ([memory(ports=[port(), port(name="query")])], []),
        ([memory(ports=[port(protocol="of its own")])], []),
        ([memory(ports=[port(name="n" * 33)])], []),
        ([], [{"instance_id": ID, "generation": 2**40}]),
        ([], [{"instance_id": "i" * 65, "generation": 1}]),
    ],
)
def test_a_memory_that_no_database_takes_is_none(instances: list[Any], destroyed: list[Any]) -> None:
    with pytest.raises(ValidationError):
        Recollection.model_validate({"instances": instances, "destroyed": destroyed})


def test_an_honest_memory_is_read() -> None:
    told = Recollection.model_validate({"instances": [memory(ports=[port()])], "destroyed": []})
    assert told.instances[0].ports[0].host == 30_000


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"state": "packed", "progress": 0.0},
        {"state": "packed", "progress": 0.0, "checksum": "../../backups/x", "size": 1, "parts": [SUM]},
        {"state": "packed", "progress": 0.0, "checksum": SUM, "size": -1, "parts": [SUM]},
        {"state": "packed", "progress": 0.0, "checksum": SUM, "size": 1, "parts": [SUM], "etags": {"x": "y"}},
        {"state": "packing", "progress": 7.0},
        {"state": "failed", "progress": 0.0, "problem": "it failed"},
        {"state": "failed", "progress": 0.0},
    ],
)
def test_a_world_is_packed_as_agreed_or_not_at_all(answer: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Packed.model_validate(answer)


def test_a_world_is_closed_once_each_part_is_there() -> None:
    said = {"state": "packed", "progress": 1.0, "checksum": SUM, "size": 1, "parts": [SUM, SUM]}
    assert Packed.model_validate({**said, "etags": {"1": "a", "3": "c"}}).tags_of(2) is None
    assert Packed.model_validate({**said, "etags": {"2": "b", "1": "a"}}).tags_of(2) == ["a", "b"]
