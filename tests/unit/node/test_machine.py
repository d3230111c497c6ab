"""Facts, load, settings and metrics of a node."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

from hytopus.node.facts import node_facts, usable_cpus, usable_memory_mb
from hytopus.node.load import LoadMeter
from hytopus.node.metrics import Metrics, Sample, serve_metrics
from hytopus.node.runner.host import CacheNumbers
from hytopus.node.settings import NodeSettings
from hytopus.wire.messages import NodeStatus


def test_facts_leave_a_reserve_for_the_system(tmp_path: Path) -> None:
    facts = node_facts(NodeSettings(data_dir=tmp_path / "not" / "yet", address="a.example"), materialisers=["copy"])
    assert facts.cpus > 0
    assert facts.memory_mb > 0
    assert facts.disk_mb > 0
    assert (facts.slots, facts.port_first, facts.port_last) == (50, 30_000, 30_499)
    assert (facts.address, facts.materialisers) == ("a.example", ("copy",))


@pytest.mark.parametrize(("total", "usable"), [(512, 256), (2048, 1536), (65_536, 58_983)])
def test_the_reserve_fits_small_and_large_machines(total: int, usable: int) -> None:
    assert usable_memory_mb(total) == usable


def test_a_single_core_is_not_given_away_whole() -> None:
    assert (usable_cpus(1, 1), usable_cpus(16, 1), usable_cpus(2, 2)) == (0.75, 15.75, 3.5)


def test_the_operator_decides_what_is_used(tmp_path: Path) -> None:
    settings = NodeSettings.model_validate(
        {"data_dir": tmp_path, "capacity": {"cpus": 2, "memory_mb": 1000, "disk_mb": 500, "slots": 3}, "tags": ["ssd"]}
    )
    facts = node_facts(settings, materialisers=())
    assert (facts.cpus, facts.memory_mb, facts.disk_mb, facts.slots, facts.tags) == (2, 1000, 500, 3, ("ssd",))


def test_environment_goes_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "node.toml"
    file.write_text('region = "eu"\n[ports]\nfirst = 31000\nlast = 31010\n[docker]\nnetwork = "games"\n')
    monkeypatch.setenv("HYTOPUS_NODE_CONFIG", str(file))
    monkeypatch.setenv("HYTOPUS_NODE__PORTS__LAST", "31099")
    settings = NodeSettings()
    assert (settings.region, settings.docker.network) == ("eu", "games")
    assert (settings.ports.first, settings.ports.last) == (31_000, 31_099)


@pytest.mark.parametrize(
    "wrong", [{"ports": {"first": 5, "last": 4}}, {"materialiser": "magic"}, {"capacity": {"cpu": 1}}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NodeSettings.model_validate(wrong)


def test_foreign_ports_are_those_of_the_pool_that_are_not_ours(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("::1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", 0))
        ports = {tcp.getsockname()[1], udp.getsockname()[1]}
        meter = LoadMeter(tmp_path, first=min(ports), last=max(ports))
        assert ports <= set(meter(frozenset()).foreign_ports)
        assert not ports & set(meter(frozenset(ports)).foreign_ports)
        outside = LoadMeter(tmp_path, first=1, last=2)
        assert outside(frozenset()).foreign_ports == ()


def test_connections_are_not_listeners(tmp_path: Path) -> None:
    rows = [
        "  sl  local_address rem_address   st tx_queue",
        "   0: 0100007F:7530 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 1 1",
        "   1: 00000000:7531 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1",
    ]
    (tmp_path / "tcp").write_text("\n".join(rows) + "\n")
    assert LoadMeter(tmp_path, first=30_000, last=30_010, proc=tmp_path)(frozenset()).foreign_ports == (30_001,)


def test_load_says_what_the_machine_has_left(tmp_path: Path) -> None:
    load = LoadMeter(tmp_path, first=1, last=2)(frozenset())
    assert load.memory_used_mb > 0
    assert load.disk_free_mb > 0
    assert 0 <= load.cpu_percent <= 100


async def fetch(port: int, path: str) -> tuple[str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return head.partition("\r\n")[0], body


async def test_metrics_over_http() -> None:
    metrics = Metrics(
        lambda: Sample(
            {NodeStatus.RUNNING: 3}, CacheNumbers(bytes=10, hits=7, s3_requests=2), engine_up=True, dev_mode=False
        )
    )
    metrics.observe_step("fetch", 0.2)
    metrics.count_engine_error("engine_unavailable")
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = asyncio.ensure_future(serve_metrics(metrics, "127.0.0.1", 0, started=port.set_result))
    status, body = await fetch(await port, "/metrics")
    assert status == "HTTP/1.1 200 OK"
    for line in (
        'hytopus_node_instances{status="running"} 3.0',
        'hytopus_node_instances{status="failed"} 0.0',
        "hytopus_node_cache_hits_total 7.0",
        "hytopus_node_s3_requests_total 2.0",
        "hytopus_node_engine_up 1.0",
        'hytopus_node_step_seconds_count{step="fetch"} 1.0',
        'hytopus_node_docker_errors_total{code="engine_unavailable"} 1.0',
    ):
        assert line in body.splitlines()
    assert await fetch(await port, "/healthz") == ("HTTP/1.1 200 OK", "ok\n")
    assert (await fetch(await port, "/"))[0] == "HTTP/1.1 404 Not Found"
    server.cancel()
    await asyncio.gather(server, return_exceptions=True)
