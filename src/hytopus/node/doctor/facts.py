"""What the checks judge, and how it is gathered on the machine itself; needs no Brain."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psutil
from aiodocker import DockerError

from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.node.identity import Identity
from hytopus.node.load import LoadMeter
from hytopus.node.materialise.probe import How, probe
from hytopus.node.runtime.docker.client import call, connect
from hytopus.node.settings import NodeSettings

_PATIENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class EngineFact:
    """`problem` says why the engine does not answer; empty if it does."""

    problem: str = ""
    version: str = ""
    warnings: Sequence[str] = ()
    userland_proxy: bool = False
    cgroup_version: str = "2"
    memory_limit: bool = True
    cpu_limit: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    now: datetime
    certificate_until: datetime
    engine: EngineFact = field(default_factory=EngineFact)
    brain: str = ""
    brain_problem: str = ""
    """Why the Brain's address cannot be reached; empty if it can."""
    ways: Sequence[str] = ("overlay", "copy")
    disk_free_mb: int = 100_000
    disk_total_mb: int = 200_000
    memory_total_mb: int = 8192
    memory_offered_mb: int = 4096
    ports: int = 500
    ports_foreign: Sequence[int] = ()
    ipv4_forwarding: bool = True
    fence_problem: str = ""
    """Why there is no fence around the game servers; empty if there is."""


async def gather(
    settings: NodeSettings,
    identity: Identity,
    clock: Clock,
    *,
    foreign_ports: Sequence[int] | None = None,
    ways: Sequence[str] | None = None,
) -> Facts:
    """Some seconds at most; what does not answer is a fact, too.

    An agent gives what it has measured: it knows which of the ports in use are its own servers', and which `ways` to
    build directories it has found when it started.
    """
    engine, brain_problem = await asyncio.gather(_engine(settings), _reach(identity.session_address))
    if ways is None:
        abilities = await probe(settings.data_dir)
        ways = [how for how in How if how in abilities]
    return await asyncio.to_thread(_machine, settings, identity, clock, engine, brain_problem, ways, foreign_ports)


def _machine(
    settings: NodeSettings,
    identity: Identity,
    clock: Clock,
    engine: EngineFact,
    brain_problem: str,
    ways: Sequence[str],
    foreign_ports: Sequence[int] | None,
) -> Facts:
    """The rest, which reads files. Blocking."""
    disk = shutil.disk_usage(settings.data_dir)
    memory = psutil.virtual_memory().total // 2**20
    if foreign_ports is None:
        meter = LoadMeter(settings.data_dir, first=settings.ports.first, last=settings.ports.last)
        foreign_ports = meter(frozenset()).foreign_ports
    return Facts(
        now=clock.now(),
        certificate_until=identity.valid()[1],
        engine=engine,
        brain=identity.session_address,
        brain_problem=brain_problem,
        ways=ways,
        disk_free_mb=disk.free // 2**20,
        disk_total_mb=disk.total // 2**20,
        memory_total_mb=memory,
        memory_offered_mb=settings.capacity.memory_mb or 0,
        ports=settings.ports.last - settings.ports.first + 1,
        ports_foreign=foreign_ports,
        ipv4_forwarding=_reads(Path("/proc/sys/net/ipv4/ip_forward"), "1"),
        fence_problem=_unfenced(settings),
    )


async def _engine(settings: NodeSettings) -> EngineFact:
    try:
        async with connect(settings.docker.url) as docker:
            info: dict[str, Any] = await call(docker, "GET", "info", seconds=_PATIENCE_S)
    except HytopusError as error:
        return EngineFact(problem=error.message)
    except (OSError, TimeoutError, DockerError) as error:
        return EngineFact(problem=str(error) or type(error).__name__)
    return await asyncio.to_thread(engine_fact, info)


def engine_fact(info: dict[str, Any]) -> EngineFact:
    """Out of what the engine's `/info` says."""
    return EngineFact(
        version=str(info.get("ServerVersion", "")),
        warnings=[str(each) for each in info.get("Warnings") or ()],
        cgroup_version=str(info.get("CgroupVersion", "1")),
        memory_limit=bool(info.get("MemoryLimit", True)),
        cpu_limit=bool(info.get("CpuCfsQuota", True)),
        userland_proxy=_proxies(),
    )


def _proxies() -> bool:
    """Whether the engine forwards game ports by processes of its own."""
    return any(process.info["name"] == "docker-proxy" for process in psutil.process_iter(["name"]))


async def _reach(address: str) -> str:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_PATIENCE_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except TimeoutError:
        return f"no answer within {_PATIENCE_S:.0f} seconds"
    except (OSError, ValueError) as error:
        return str(error)
    writer.close()
    return ""


def _unfenced(settings: NodeSettings) -> str:
    if not settings.docker.fence:
        return "docker.fence is false."
    return "" if shutil.which("iptables") else "There is no iptables."


def _reads(file: Path, wanted: str) -> bool:
    try:
        return file.read_text().strip() == wanted
    except OSError:
        return True
