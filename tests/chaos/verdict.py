"""What must be so in the end: nothing lost, nothing doubled, nothing left over."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.faults import Site
from tests.chaos.workload import Workload
from tests.services.waiting import eventually_sync


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the report: what was counted, and those that make it wrong."""

    what: str
    wrong: Sequence[str]


def converge(site: Site, workload: Workload, database: str, *, seconds: float = 300) -> list[Finding]:
    """Wait until everything is as asked, trying failed instances again as an operator would; then count."""
    findings: list[Finding] = []

    def settled() -> bool:
        findings[:] = inspect(site, workload, database)
        for item in _instances(site):
            if item["state"] == "failed" and workload.wanted.get(item["name"]) == "running":
                site.stack.api.post(f"instances/{item['id']}/start")
        return not any(finding.wrong for finding in findings)

    try:
        eventually_sync(settled, timeout=seconds, every=2.0)
    except AssertionError:
        return findings
    return findings


def inspect(site: Site, workload: Workload, database: str) -> list[Finding]:
    """Every count, as it is now."""
    stack, engine = site.stack, site.stack.engine
    assert engine is not None
    rows = {item["id"]: item for item in _instances(site)}
    ids = {instance_id: name for name, instance_id in workload.ids.items()}
    states = {instance_id: item["state"] for instance_id, item in rows.items()}
    running = Counter(_ours(engine.docker("ps", "--format", "{{.Names}}")))
    every = Counter(_ours(engine.docker("ps", "-a", "--format", "{{.Names}}")))
    volumes = _ours(engine.docker("volume", "ls", "-q"))
    folder = stack.directory / "node" / "instances"
    folders = [path.name for path in folder.iterdir()] if folder.exists() else []
    ports = site.postgres.server.sql("select instance_id, port from port_leases", database=database).split()
    leases = [tuple(row.split("|")) for row in ports]
    asked = {ids[key]: state for key, state in states.items() if key in ids}
    return [
        Finding("lost: asked for, but not there", sorted(set(ids.values()) - set(asked))),
        Finding("not asked for, but there", [rows[key]["name"] for key in rows.keys() - ids.keys()]),
        Finding(
            "not in the state asked for",
            [
                f"{name}: {state}, not {workload.wanted[name]}"
                for name, state in asked.items()
                if not _as_asked(state, workload.wanted[name])
            ],
        ),
        Finding("doubled: more than one container", [key for key, count in every.items() if count > 1]),
        Finding(
            "running, but without a container",
            [key for key, state in states.items() if state == "running" and not running[key]],
        ),
        Finding("leaked running containers", [key for key in running if states.get(key) != "running"]),
        Finding("leaked containers", [key for key in every if key not in rows]),
        Finding("leaked volumes", [key for key in volumes if key not in rows]),
        Finding("leaked directories", [key for key in folders if key not in rows]),
        Finding("leaked ports", [f"{key}: {port}" for key, port in leases if key not in rows]),
        Finding("ports used twice", [port for port, count in Counter(p for _, p in leases).items() if count > 1]),
    ]


def _as_asked(state: str, wanted: str) -> bool:
    return state == wanted or (wanted == "stopped" and state == "failed")


def _instances(site: Site) -> list[dict[str, Any]]:
    answer = site.stack.api.get("instances", params={"limit": 500})
    assert answer.is_success, answer.text
    items: list[dict[str, Any]] = json.loads(answer.text)["items"]
    return items


def _ours(listing: str | None) -> list[str]:
    return [name.removeprefix("hytopus-") for name in (listing or "").split() if name.startswith("hytopus-")]
