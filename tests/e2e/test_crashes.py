"""What follows when a server ends by itself: what it is called, what is kept of it, and whether it is started again."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.servers import NEVER, container, docker
from tests.services.seaweed import S3
from tests.services.stack import Stack
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(120)]

PATIENT = {"on": "on-failure", "attempts": 3, "backoff_min": 600, "backoff_max": 600}
"""A restart policy: whoever has to wait for a start does not get it within a test."""
EAGER = {"on": "on-failure", "attempts": 3, "backoff_min": 0, "backoff_max": 0}


def running(stack: Stack, brisk: str, restart_policy: dict[str, Any]) -> dict[str, Any]:
    name = f"c-{uuid4().hex[:8]}"
    stack.post("instances", {"name": name, "layers": [brisk], "restart_policy": restart_policy})
    return stack.until(name, "running")


def types(stack: Stack, instance: dict[str, Any], line: str) -> None:
    stack.post(f"instances/{instance['name']}/console", {"line": line})


def crashes_of(stack: Stack, instance: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.get("crashes", instance=instance["id"])["items"]
    return found


def crash_of(stack: Stack, instance: dict[str, Any]) -> dict[str, Any]:
    """The only one, once its bundle is in the object store."""

    def stored() -> dict[str, Any] | None:
        found = crashes_of(stack, instance)
        assert len(found) <= 1, found
        return found[0] if found and found[0]["stored"] else None

    kept = eventually_sync(stored, timeout=20, what=f"the bundle\n{stack.tails()}")
    assert kept is not None
    found: dict[str, Any] = stack.get(f"crashes/{kept['id']}")
    return found


def runs_again(stack: Stack, before: dict[str, Any]) -> Callable[[], dict[str, Any] | None]:
    def again() -> dict[str, Any] | None:
        now = stack.instance(before["name"])
        return now if now["state"] == "running" and now["started_at"] > before["started_at"] else None

    return again


def test_out_of_memory_is_called_so_and_everything_about_it_is_kept(
    stack: Stack, brisk: str, s3: S3, tmp_path: Path
) -> None:
    instance = running(stack, brisk, NEVER)
    types(stack, instance, "fake hog 200")
    failed = stack.until(instance["name"], "failed")
    assert failed["exit"] == {**failed["exit"], "code": 137, "kind": "crash", "oom_killed": True}
    crash = crash_of(stack, instance)
    assert (crash["kind"], crash["exit_code"], crash["cause"]) == ("oom", 137, "It ran out of memory.")
    facts = crash["facts"]
    assert (facts["oom_killed"], facts["signal"], facts["was_ready"]) == (True, 9, True)
    assert (crash["layers"], facts["image"], facts["memory_mb"]) == ([brisk], "hytopus/stand-in:1", 64)
    assert facts["node_load"]["memory_total_mb"] > 0
    assert any("Taking 200 MB" in line for line in crash["excerpt"])
    assert "instance.crashed" in kinds(stack, instance)

    ((key, size),) = objects(s3, f"{stack.directory.name}/crashes/", crash["id"])
    content = s3.client().get_object(Bucket=s3.bucket, Key=key)["Body"].read()
    assert size == crash["size"] == len(content)
    with zipfile.ZipFile(io.BytesIO(content)) as bundle:
        assert bundle.namelist() == ["crash.json", "log.txt"]
        assert json.loads(bundle.read("crash.json"))["layers"] == [brisk]
        assert b"Taking 200 MB of memory" in bundle.read("log.txt")

    assert stack.api.get(f"crashes/{crash['id']}/bundle").content == content
    assert any("Taking 200 MB" in line for line in stack.get(f"crashes/{crash['id']}/log")["lines"])
    assert "out of memory" in stack.cli("crash", "list", "--instance", instance["id"])
    shown = json.loads(stack.cli("crash", "show", crash["id"], "--log", "--json"))
    assert (shown["kind"], shown["facts"]) == ("oom", facts)
    stack.cli("crash", "download", crash["id"], "--output", str(tmp_path / "crash.zip"))
    assert (tmp_path / "crash.zip").read_bytes() == content


def test_a_hang_is_noticed_and_the_server_is_started_again(stack: Stack, brisk: str) -> None:
    before = running(stack, brisk, EAGER)
    types(stack, before, "fake hang")
    after = eventually_sync(runs_again(stack, before), timeout=30, what=f"a second start\n{stack.tails()}")
    assert after is not None
    assert after["generation"] == before["generation"]
    crash = crash_of(stack, before)
    assert (crash["kind"], crash["facts"]["problem"]["code"]) == ("hang", "hung")
    assert "who" in crash["facts"]["problem"]["message"]


def test_who_wants_a_restart_gets_it_at_once_and_has_not_crashed(stack: Stack, brisk: str) -> None:
    before = running(stack, brisk, PATIENT)
    types(stack, before, "exit 8")
    after = eventually_sync(runs_again(stack, before), timeout=30, what=f"a second start\n{stack.tails()}")
    assert after is not None
    assert (after["generation"], after["exit"]["kind"]) == (before["generation"], "restart")
    assert crashes_of(stack, before) == []


def test_a_fault_of_configuration_is_not_tried_again(stack: Stack, brisk: str) -> None:
    instance = running(stack, brisk, EAGER)
    types(stack, instance, "exit 5")
    failed = stack.until(instance["name"], "failed")
    assert (failed["exit"]["code"], failed["exit"]["kind"], failed["retry"]) == (5, "configuration", None)
    crash = crash_of(stack, instance)
    assert (crash["kind"], crash["attempt"]) == ("configuration", 1)
    state = docker("inspect", "--format", "{{.State.Status}} {{.RestartCount}}", container(stack, instance["name"]))
    assert state.split() == ["exited", "0"]


def test_crashes_with_one_cause_are_one_group(stack: Stack, brisk: str) -> None:
    """Two of one kind, and one of another."""
    instances = [running(stack, brisk, NEVER) for _ in range(3)]
    for instance, line in zip(instances, ("crash 3", "crash 3", "exit 4"), strict=True):
        types(stack, instance, line)
    first, second, other = (crash_of(stack, instance) for instance in instances)
    assert first["fingerprint"] == second["fingerprint"] != other["fingerprint"]
    (group,) = stack.get("crashes/groups", fingerprint=first["fingerprint"])["items"]
    assert (group["count"], group["instances"], group["nodes"]) == (2, 2, {"node-1": 2})
    assert group["layers"] == {brisk: 2}
    assert "asked to crash" in group["cause"]


def test_a_crash_while_the_brain_is_away_is_followed_by_a_start_and_told_afterwards(stack: Stack, brisk: str) -> None:
    before = running(stack, brisk, EAGER)
    name = container(stack, before["name"])
    stack.brain.kill()
    try:
        docker("kill", name)
        eventually_sync(lambda: attempt(name) == "2 running", timeout=30, every=0.1, what="a second start")
    finally:
        stack.start_brain()
    after = eventually_sync(runs_again(stack, before), timeout=30, what=f"word of it\n{stack.tails()}")
    assert after is not None
    assert after["generation"] == before["generation"]
    crash = crash_of(stack, before)
    assert (crash["kind"], crash["exit_code"], crash["facts"]["signal"]) == ("crash", 137, 9)


def attempt(name: str) -> str:
    """Of the container by that name, if there is one now."""
    form = '{{.Label "hytopus.attempt"}} {{.State}}'
    return docker("ps", "--all", "--filter", f"name={name}", "--format", form).strip()


def kinds(stack: Stack, instance: dict[str, Any]) -> list[str]:
    return [event["kind"] for event in stack.get(f"instances/{instance['id']}/events")["items"]]


def objects(s3: S3, prefix: str, name: str) -> list[tuple[str, int]]:
    listed = s3.client().list_objects_v2(Bucket=s3.bucket, Prefix=prefix).get("Contents", ())
    return [(each["Key"], each["Size"]) for each in listed if name in each["Key"]]
