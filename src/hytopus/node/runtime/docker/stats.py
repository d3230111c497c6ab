"""What running containers use, read from the kernel where possible and from the engine where not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiodocker import Docker, DockerError

from hytopus.node.runtime.base import Usage
from hytopus.node.runtime.docker.client import call
from hytopus.node.runtime.docker.errors import is_conflict, is_missing
from hytopus.node.runtime.docker.names import INSTANCE, scope_filter

_CGROUPS: Final = Path("/sys/fs/cgroup")
_PROC: Final = Path("/proc")
_NANOSECONDS: Final = 1_000_000_000
_MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """CPU time since the start in nanoseconds, memory in bytes without what the kernel can drop at once."""

    cpu: int
    memory: int
    at: float
    received: int = 0
    sent: int = 0
    """Bytes over the network since the start."""


class Meter:
    """Turns samples into percentages, which takes the sample before."""

    def __init__(self, docker: Docker, scope: str, cgroups: Path = _CGROUPS) -> None:
        self._docker = docker
        self._scope = scope
        self._cgroups = cgroups
        self._last: dict[str, Sample] = {}

    async def read(self) -> Mapping[str, Usage]:
        """By instance id. The first reading of a container averages over its life."""
        params = {"filters": scope_filter(self._scope, status=["running"])}
        listed = await call(self._docker, "GET", "containers/json", params=params)
        ids = [entry["Id"] for entry in listed]
        samples = await asyncio.to_thread(read_cgroups, self._cgroups, ids)
        missing = [container for container in ids if container not in samples]
        samples |= dict(await asyncio.gather(*(_ask(self._docker, container) for container in missing)))
        usage = {}
        for entry in listed:
            sample = samples.get(entry["Id"])
            if sample:
                age = max(time.time() - entry["Created"], 1.0)
                before = self._last.get(entry["Id"]) or Sample(0, 0, sample.at - age)
                usage[entry["Labels"][INSTANCE]] = _usage(before, sample)
        self._last = {container: sample for container, sample in samples.items() if sample}
        return usage


def read_cgroups(root: Path, containers: list[str]) -> dict[str, Sample | None]:
    """Samples of the containers whose control groups this process can read; blocking, some 50 µs each."""
    samples: dict[str, Sample | None] = {}
    for container in containers:
        try:
            sample = _read_v2(root, container) or _read_v1(root, container)
        except (OSError, ValueError, KeyError):
            continue  # gone meanwhile, or laid out as we do not know it: the engine will say
        if sample:
            samples[container] = sample
    return samples


def _usage(before: Sample, now: Sample) -> Usage:
    seconds = max(now.at - before.at, 0.001)
    cpu = max(now.cpu - before.cpu, 0) / _NANOSECONDS / seconds * 100
    return Usage(
        cpu_percent=cpu,
        memory_mb=now.memory / _MEGABYTE,
        network_in=max(now.received - before.received, 0) / seconds,
        network_out=max(now.sent - before.sent, 0) / seconds,
    )


def _read_v2(root: Path, container: str) -> Sample | None:
    for folder in (root / f"system.slice/docker-{container}.scope", root / f"docker/{container}"):
        if (folder / "cpu.stat").is_file():
            cpu = dict(_pairs(folder / "cpu.stat"))["usage_usec"] * 1000
            memory = int((folder / "memory.current").read_text())
            cache = dict(_pairs(folder / "memory.stat")).get("inactive_file", 0)
            return Sample(cpu, max(memory - cache, 0), time.monotonic(), *_network(folder))
    return None


def _read_v1(root: Path, container: str) -> Sample | None:
    for place in (f"docker/{container}", f"system.slice/docker-{container}.scope"):
        cpu, memory = root / "cpuacct" / place, root / "memory" / place
        if (cpu / "cpuacct.usage").is_file():
            used = int((memory / "memory.usage_in_bytes").read_text())
            cache = dict(_pairs(memory / "memory.stat")).get("total_inactive_file", 0)
            seen = int((cpu / "cpuacct.usage").read_text())
            return Sample(seen, max(used - cache, 0), time.monotonic(), *_network(cpu))
    return None


def _network(cgroup: Path, proc: Path = _PROC) -> tuple[int, int]:
    """Bytes received and sent in the network of a control group's first process; nothing where it is hidden from us."""
    try:
        first = (cgroup / "cgroup.procs").read_text().split()[0]
        return read_network((proc / first / "net/dev").read_text())
    except (OSError, IndexError):
        return 0, 0


def read_network(table: str) -> tuple[int, int]:
    """Bytes received and sent over all interfaces but the loopback, out of a `/proc/…/net/dev`."""
    received = sent = 0
    for row in table.splitlines()[2:]:
        name, _, numbers = row.partition(":")
        fields = numbers.split()
        if name.strip() != "lo" and len(fields) > 8:
            received += int(fields[0])
            sent += int(fields[8])
    return received, sent


def _pairs(file: Path) -> Iterator[tuple[str, int]]:
    for line in file.read_text().splitlines():
        name, _, value = line.partition(" ")
        yield name, int(value)


async def _ask(docker: Docker, container: str) -> tuple[str, Sample | None]:
    """One sample from the engine; None for a container that ended meanwhile."""
    params = {"stream": "0", "one-shot": "1"}
    try:
        stats: dict[str, Any] = await call(docker, "GET", f"containers/{container}/stats", params=params)
    except DockerError as error:
        if is_missing(error) or is_conflict(error):
            return container, None
        raise
    memory = stats.get("memory_stats", {})
    details = memory.get("stats", {})
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    cpu = stats["cpu_stats"]["cpu_usage"]["total_usage"]
    networks = (stats.get("networks") or {}).values()
    return container, Sample(
        cpu,
        max(memory.get("usage", 0) - cache, 0),
        time.monotonic(),
        sum(network["rx_bytes"] for network in networks),
        sum(network["tx_bytes"] for network in networks),
    )
