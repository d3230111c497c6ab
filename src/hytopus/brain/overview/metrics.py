"""The Brain's metrics (specification 9.2), counted when Prometheus asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from sqlalchemy import select

from hytopus.brain.backups.models import RunState
from hytopus.brain.backups.queries import Standing, standing
from hytopus.brain.brains.fleet import is_alive
from hytopus.brain.brains.models import Brain
from hytopus.brain.db.time import database_now
from hytopus.brain.http.edge import Edge
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.states import NodeState
from hytopus.brain.overview.queries import Overview, over_disk, overview, waiting_since
from hytopus.wire.messages import NodeLoad

_LOADS: Final = (
    ("cpu_percent", "gauge", "How busy the node's processors are."),
    ("memory_used_mb", "gauge", "Memory in use on the node."),
    ("memory_total_mb", "gauge", "Memory of the node."),
    ("disk_free_mb", "gauge", "Free disk space of the node."),
    ("disk_total_mb", "gauge", "Size of the file system that holds the node's data."),
    ("network_in", "gauge", "Bytes a second the node receives."),
    ("network_out", "gauge", "Bytes a second the node sends."),
    ("engine_up", "gauge", "1 while the node's Docker Engine answers."),
    ("cache_bytes", "gauge", "Size of the node's template cache."),
    ("cache_versions", "gauge", "Template versions in the node's cache."),
    ("cache_hits", "counter", "Template versions taken from the node's cache."),
    ("cache_misses", "counter", "Template versions the node had to fetch."),
    ("cache_evictions", "counter", "Template versions that left the node's cache for its size or their age."),
    ("s3_requests", "counter", "Requests the node made to the object store."),
    ("s3_bytes", "counter", "Bytes the node fetched from the object store."),
    ("s3_errors", "counter", "Requests of the node to the object store that came to nothing."),
)


async def exposition(edge: Edge, presence: Presence, *, sessions: int = 0) -> bytes:
    """All metrics in Prometheus' text format. `sessions` of nodes stand at this Brain."""
    async with edge.database.read() as session:
        numbers, backups, waiting = await overview(session), await standing(session), await waiting_since(session)
        brains, over = list(await session.scalars(select(Brain))), await over_disk(session)
        now = await database_now(session, edge.clock)
    loads = presence.loads()
    families = [*_counts(numbers), *_nodes(numbers, loads), *_edge(edge), *_backups(backups), *_brains(brains, now)]
    families += _waiting(waiting, edge.clock.now())
    families += [*_players(numbers, presence), *_ignored(numbers, presence)]
    text = "Instances that take more disk than is reserved for them."
    families.append(GaugeMetricFamily("hytopus_instances_over_disk", text, value=over))
    families.append(GaugeMetricFamily("hytopus_node_sessions", "Sessions of nodes with this Brain.", value=sessions))
    registry = CollectorRegistry()
    registry.register(_Once(families))
    return generate_latest(edge.metrics.registry) + generate_latest(registry)


class _Once:
    """A collector of what was counted already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _counts(numbers: Overview) -> Iterator[Metric]:
    instances = GaugeMetricFamily("hytopus_instances", "Instances by state.", labels=["state"])
    for state, count in numbers.instances_by_state.items():
        instances.add_metric([state.value], count)
    yield instances
    nodes = GaugeMetricFamily("hytopus_nodes", "Nodes by state.", labels=["state"])
    for node_state, count in numbers.nodes_by_state.items():
        nodes.add_metric([node_state.value], count)
    yield nodes
    yield GaugeMetricFamily("hytopus_templates", "Templates.", value=numbers.templates)
    yield GaugeMetricFamily("hytopus_template_versions", "Template versions.", value=numbers.template_versions)


def _nodes(numbers: Overview, loads: Mapping[str, NodeLoad]) -> Iterator[Metric]:
    names = {node.id: node.name for node in numbers.nodes}
    online = GaugeMetricFamily("hytopus_node_online", "1 while the node is online.", labels=["node"])
    for node in numbers.nodes:
        online.add_metric([node.name], node.state is NodeState.ONLINE)
    yield online
    placed = GaugeMetricFamily("hytopus_node_instances", "Instances by node and state.", labels=["node", "state"])
    for node_id, states in numbers.instances_by_node.items():
        for state, count in states.items():
            placed.add_metric([names.get(node_id, node_id), state.value], count)
    yield placed
    for field, kind, text in _LOADS:
        family = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(
            f"hytopus_node_{field}", text, labels=["node"]
        )
        for node_id, load in loads.items():
            family.add_metric([names.get(node_id, node_id)], getattr(load, field))
        yield family


def _ignored(numbers: Overview, presence: Presence) -> Iterator[Metric]:
    text = "What a node's heartbeats said of instances that are not on it; it was ignored."
    ignored = CounterMetricFamily("hytopus_node_claims_ignored", text, labels=["node"])
    for node in numbers.nodes:
        ignored.add_metric([node.name], presence.ignored[node.id])
    yield ignored


def _brains(brains: Iterable[Brain], now: datetime) -> Iterator[Metric]:
    alive = GaugeMetricFamily("hytopus_brain_alive", "1 while the Brain gives signs of life.", labels=["brain"])
    for name in sorted({brain.name for brain in brains}):
        alive.add_metric([name], any(is_alive(brain, now) for brain in brains if brain.name == name))
    yield alive


def _players(numbers: Overview, presence: Presence) -> Iterator[Metric]:
    players = GaugeMetricFamily("hytopus_node_players", "Players on the node.", labels=["node"])
    for node in numbers.nodes:
        players.add_metric([node.name], presence.players(node.id))
    yield players


def _waiting(since: Sequence[datetime], now: datetime) -> Iterator[Metric]:
    """Instances that are to run and for which no node has room."""
    longest = max((now - at for at in since), default=timedelta())
    yield GaugeMetricFamily("hytopus_instances_waiting", "Instances that wait for a node.", value=len(since))
    yield GaugeMetricFamily(
        "hytopus_instances_waiting_seconds", "How long the first of them has waited.", value=longest.total_seconds()
    )


def _edge(edge: Edge) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "hytopus_s3_requests", "Requests of the Brain to the object store.", labels=["operation", "outcome"]
    )
    for (operation, outcome), count in edge.store.requests.items():
        requests.add_metric([operation, outcome], count)
    yield requests
    traffic = CounterMetricFamily(
        "hytopus_s3_bytes",
        "Bytes of objects the Brain sent to and received from the object store.",
        labels=["operation", "direction"],
    )
    for (operation, direction), count in edge.store.traffic.items():
        traffic.add_metric([operation, direction], count)
    yield traffic
    yield GaugeMetricFamily("hytopus_live_streams", "Live responses that are open.", value=edge.streams.open)


def _backups(known: Standing) -> Iterator[Metric]:
    """The age of the last good backup is `time() - hytopus_backup_last_success_timestamp_seconds`."""
    good, ended = known.last_good, known.last_ended
    if ended is not None:
        failed = ended.state is RunState.FAILED
        yield GaugeMetricFamily("hytopus_backup_last_failed", "1 if the last backup failed.", value=failed)
    if good is None or good.finished_at is None or good.started_at is None:
        return
    yield GaugeMetricFamily(
        "hytopus_backup_last_success_timestamp_seconds",
        "When the last good one ended.",
        value=good.finished_at.timestamp(),
    )
    seconds = (good.finished_at - good.started_at).total_seconds()
    yield GaugeMetricFamily("hytopus_backup_last_duration_seconds", "How long it took.", value=seconds)
    yield GaugeMetricFamily("hytopus_backup_last_size_bytes", "Its size.", value=good.size)
    if good.verified_at is not None:
        yield GaugeMetricFamily(
            "hytopus_backup_last_verified_timestamp_seconds",
            "When the last good one was restored on trial.",
            value=good.verified_at.timestamp(),
        )
