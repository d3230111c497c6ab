"""Adding up what is measured, and what is read out of it."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Histogram

from hytopus.brain.history.durations import LONGER, Durations, buckets, percentile
from hytopus.brain.history.models import COARSE, FINE
from hytopus.brain.history.queries import Window
from hytopus.brain.history.recent import EVERY_S, KEEP, Recent
from hytopus.brain.history.schemas import Range
from hytopus.brain.history.sums import NodeSums, Span, grown, span_of
from hytopus.brain.history.writer import BATCH, batches
from hytopus.wire.messages import InstanceUsage, NodeLoad

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def _histogram() -> Histogram:
    return Histogram("h", "h", ["route"], buckets=(0.1, 1.0), registry=CollectorRegistry())


def test_durations_are_taken_once_over_all_labels() -> None:
    histogram = _histogram()
    durations = Durations({"api": histogram})
    for route, seconds in (("a", 0.05), ("b", 0.07), ("a", 0.5), ("a", 7)):
        histogram.labels(route).observe(seconds)
    assert dict(durations.take()) == {("api", 100): 2, ("api", 1000): 1, ("api", LONGER): 1}
    assert dict(durations.take()) == {}
    histogram.labels("b").observe(0.5)
    assert dict(durations.take()) == {("api", 1000): 1}
    assert sum(buckets(histogram).values()) == 5


def test_percentiles_lie_between_the_bounds() -> None:
    counts = {100: 50, 1000: 50, LONGER: 0}
    assert percentile(counts, 0.5) == 100
    assert percentile(counts, 0.75) == 550
    assert percentile({100: 1, LONGER: 9}, 0.99) == 100, "what is longer than all is not invented"
    assert percentile({}, 0.5) is None


def test_counters_that_began_anew_count_from_zero() -> None:
    assert grown(None, (7, 1, 1, 9)) == (0, 0, 0, 0), "what was before this Brain is not of this span"
    assert grown((5, 1, 1, 100), (7, 1, 2, 400)) == (2, 0, 1, 300)
    assert grown((5, 1, 1, 100), (3, 0, 0, 40)) == (3, 0, 0, 40)


def test_samples_add_up() -> None:
    sums = NodeSums()
    sums.add(NodeLoad(cpu_percent=10, memory_used_mb=100, running=1), 3, (1, 0, 0, 0))
    sums.add(NodeLoad(cpu_percent=30.5, memory_used_mb=300, running=2), 5, (2, 1, 0, 0))
    assert (sums.samples, sums.cpu_percent, sums.cpu_percent_max) == (2, 405, 305)
    assert (sums.memory_used_mb, sums.players, sums.running, sums.cache_hits) == (400, 8, 3, 3)


def test_a_span_is_written_in_batches_in_the_order_of_the_keys() -> None:
    span = Span(span_of(NOON.timestamp()))
    for index in range(BATCH + 1):
        span.instances[f"i{index:04}"].add(InstanceUsage("", 1, 1))
    made = list(batches(span))
    assert [len(batch.rows) for batch in made] == [BATCH, 1]
    ids = [row["instance_id"] for batch in made for row in batch.rows]
    assert ids == sorted(ids)


def test_the_last_hour_is_kept_and_no_more() -> None:
    recent = Recent(2)
    for index in range(3 * KEEP):
        recent.add(index * EVERY_S, (index, -index))
        recent.add(index * EVERY_S + 1, (index, index))
    kept = recent.since(0)
    assert KEEP <= len(kept) <= KEEP + 30
    assert kept[-1] == ((3 * KEEP - 1) * EVERY_S, [3 * KEEP - 1, 3 * KEEP - 1]), "the later sample of a half minute"
    assert recent.since(recent.last) == kept[-1:]


def test_a_window_names_the_moments_it_reads() -> None:
    day, month = Window.of(Range.DAY, NOON), Window.of(Range.MONTH, NOON)
    assert (day.step, len(day.moments)) == (FINE, 288)
    assert (month.step, len(month.moments)) == (COARSE, 720)
    assert Window.of(Range.DAY, NOON, COARSE).moments[-1] == int(NOON.timestamp())
