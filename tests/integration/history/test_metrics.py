"""Every item of specification 9.2 in real scrapes, and nothing in dashboards and rules that no scrape has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from hytopus.brain.accounts.roles import Role
from hytopus.brain.activity.commands import record
from hytopus.brain.db.engine import Database
from hytopus.brain.overview.health import router as health
from hytopus.node.metrics import Metrics, Sample
from hytopus.node.runner.host import CacheNumbers
from hytopus.storage.memory import MemoryStore
from hytopus.wire.messages import Heartbeat, InstanceUsage, NodeLoad, NodeStatus
from tests.harness.brain import Brain
from tests.integration.api.clock import StepClock
from tests.integration.api.world import open_world
from tests.services import machine

DEPLOY: Final = Path(__file__).parents[3] / "deploy"
DASHBOARD: Final = DEPLOY / "grafana/hytopus.json"
RULES: Final = DEPLOY / "prometheus/hytopus.rules.yaml"

SPECIFIED: Final = {
    "Anzahl Instanzen pro Node": 'hytopus_node_instances{node="oak",state="running"} 1.0',
    "Anzahl Instanzen gesamt, Statusverteilung": 'hytopus_instances{state="running"} 1.0',
    "Statusverteilung (failed)": 'hytopus_instances{state="failed"} 0.0',
    "Statusverteilung (preparing)": 'hytopus_instances{state="preparing"} 0.0',
    "Template-Cache-Hit-Rate (Treffer)": 'hytopus_node_cache_hits_total{node="oak"} 30.0',
    "Template-Cache-Hit-Rate (Fehlschläge)": 'hytopus_node_cache_misses_total{node="oak"} 10.0',
    "S3-Traffic der Nodes": 'hytopus_node_s3_bytes_total{node="oak"} 4096.0',
    "S3-Requests der Nodes": 'hytopus_node_s3_requests_total{node="oak"} 12.0',
    "S3-Traffic des Brains": 'hytopus_s3_bytes_total{direction="sent",operation="put_object"} 5.0',
    "S3-Requests des Brains": 'hytopus_s3_requests_total{operation="put_object",outcome="ok"} 1.0',
    "Node-Online-Status": 'hytopus_node_online{node="oak"} 1.0',
    "Antwortzeiten Brain-API": 'hytopus_http_request_seconds_count{method="GET",route="/api/v1/me",status="200"} 1.0',
}
BEYOND: Final = (
    "hytopus_node_sessions",
    "hytopus_live_streams",
    "hytopus_instances_waiting_seconds",
    "hytopus_instances_over_disk",
    "hytopus_node_players",
    "hytopus_instance_start_seconds_bucket",
    "hytopus_database_write_seconds_bucket",
    "hytopus_events_total",
    "hytopus_node_engine_up",
    "process_resident_memory_bytes",
    "python_info",
)
_METRIC: Final = re.compile(r"\b(?:hytopus|process|python)_[a-z0-9_]+")


@pytest.fixture
async def brain_scrape(database: Database) -> AsyncIterator[str]:
    brain = Brain(database)
    node = await brain.has_node(name="oak")
    await brain.has_template()
    await brain.create()
    await brain.schedule()
    for status in (NodeStatus.PREPARED, NodeStatus.RUNNING):
        await brain.hears_status(node, status)
    load = NodeLoad(cache_hits=30, cache_misses=10, s3_requests=12, s3_bytes=4096)
    brain.presence.heartbeat(node.id, Heartbeat("", False, load, (InstanceUsage("i", 1, 1, 2),)))
    clock = StepClock()
    store = MemoryStore(clock)
    await store.put("key", b"12345")
    async with open_world(database, store, clock, outside=[health], extra={"presence": brain.presence}) as world:
        metrics = world.app.state.edge.metrics
        database.observe_write = metrics.writes.observe
        metrics.events.labels("instance.started").inc()
        async with database.write() as session:
            record(session, "node.x", subject=("node", node.id), message="x", at=clock.now())
        assert (await world.acting(Role.VIEWER).get("/me")).is_success
        async with httpx2.AsyncClient() as client:
            yield (await client.get(f"{world.url}/metrics")).text


@pytest.fixture
def node_scrape() -> str:
    metrics = Metrics(lambda: Sample({}, CacheNumbers(), engine_up=True, dev_mode=False))
    metrics.observe_step("fetch", 1)
    return metrics.text().decode()


@pytest.mark.parametrize("item", SPECIFIED)
async def test_what_is_specified_is_measured(brain_scrape: str, item: str) -> None:
    assert SPECIFIED[item] in brain_scrape.splitlines()


async def test_more_than_that_is_measured(brain_scrape: str) -> None:
    assert [name for name in BEYOND if name not in brain_scrape] == []


def test_nodes_measure_it_themselves_too(node_scrape: str) -> None:
    for name in ("instances", "cache_hits_total", "cache_misses_total", "s3_requests_total", "s3_bytes_total"):
        assert f"hytopus_node_{name}" in node_scrape
    for name in ("s3_errors_total", "cache_evictions_total", "disk_free_mb", "network_in", "connected", "players"):
        assert f"hytopus_node_{name}" in node_scrape


async def test_dashboards_and_rules_name_what_is_measured(brain_scrape: str, node_scrape: str) -> None:
    measured = {line.partition("{")[0].partition(" ")[0] for line in f"{brain_scrape}\n{node_scrape}".splitlines()}
    asked = [*_of_dashboard(), *_of_rules()]
    unknown = {name for expression in asked for name in _METRIC.findall(expression) if name not in measured}
    assert len(asked) > 30
    assert unknown == set()


def test_rules_are_well_formed_and_do_what_they_say() -> None:
    if shutil.which("promtool") is None:
        machine.install("prometheus", needed_for="checking the alert rules")
    for command in (["check", "rules", RULES.name], ["test", "rules", "hytopus.rules.test.yaml"]):
        done = subprocess.run(["promtool", *command], cwd=RULES.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_remedy() -> None:
    text = RULES.read_text()
    assert text.count("- alert:") == text.count("remedy:") == text.count("summary:") > 8


def _of_dashboard() -> Iterator[str]:
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def _of_rules() -> Iterator[str]:
    for part in RULES.read_text().split("expr:")[1:]:
        yield re.split(r"\n\s+(?:for|labels|- record|- alert|- name):?", part)[0]
