"""The node's composition root: settings and identity in, an agent with its link to the Brain out."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import ClassVar

from hytopus.errors import HytopusError
from hytopus.kit.clock import SystemClock
from hytopus.kit.logs import configure_logging, get_logger
from hytopus.layers.archive import Limits
from hytopus.node.agent import Agent
from hytopus.node.cache.cache import TemplateCache
from hytopus.node.cache.eviction import bounds_of
from hytopus.node.crashes.queue import CrashQueue
from hytopus.node.crashes.sender import CrashSender
from hytopus.node.directories import CachedDirectories
from hytopus.node.doctor.facts import Facts, gather
from hytopus.node.doctor.rounds import Rounds
from hytopus.node.facts import node_facts
from hytopus.node.files.desk import FileDesk
from hytopus.node.guard import fence_of, keep_guard
from hytopus.node.identity import Identity, agent_id, load_identity, lock_data_directory
from hytopus.node.journal import Journal
from hytopus.node.lease import Lease
from hytopus.node.link.dialer import GrpcDialer
from hytopus.node.link.link import Link, dial_brain
from hytopus.node.link.outbox import Outbox
from hytopus.node.link.renewal import keep_renewed
from hytopus.node.load import LoadMeter
from hytopus.node.materialise.probe import Abilities, How, probe
from hytopus.node.materialise.workspace import Workspaces
from hytopus.node.metrics import Metrics, Sample, serve_metrics
from hytopus.node.runner.host import Host
from hytopus.node.runtime.docker import DockerRuntime
from hytopus.node.settings import NodeSettings

log = get_logger(__name__)


class MaterialiserMissing(HytopusError):
    code: ClassVar[str] = "materialiser_missing"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "Directories cannot be built by {how} in {directory}; what works here: {works}."
    remedy: ClassVar[str] = "Leave `materialiser` out of the node's settings, or move data_dir to another file system."


class MetricsPortTaken(HytopusError):
    code: ClassVar[str] = "metrics_port_taken"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The metrics of the node cannot be served on {host}:{port}: {why}"
    remedy: ClassVar[str] = "Set metrics.port in the node's settings to a free one, or metrics.enabled to false."


async def run(settings: NodeSettings, *, ready: Callable[[Agent], None] = lambda agent: None) -> None:
    """Run the agent until SIGTERM or SIGINT; game servers go on. Raises what makes it impossible, with a remedy."""
    configure_logging(json=settings.log.json_lines, level=settings.log.level)
    with lock_data_directory(settings.data_dir):
        identity = load_identity(settings.data_dir)
        async with _runtime(settings, identity) as runtime:
            await _serve(settings, identity, runtime, ready)


async def _serve(
    settings: NodeSettings, identity: Identity, runtime: DockerRuntime, ready: Callable[[Agent], None]
) -> None:
    clock, metrics = SystemClock(), Metrics()
    outbox, dialer = Outbox(clock), GrpcDialer(identity)
    cache = _cache(settings)
    await cache.recover()
    abilities = await _abilities(settings)
    workspaces = _workspaces(settings, cache, abilities)
    directories = CachedDirectories(
        cache,
        workspaces,
        monotonic=clock.monotonic,
        bounds=lambda: bounds_of(settings.data_dir, settings.cache.max_mb, settings.cache.max_days),
    )
    await directories.count()
    crashes = CrashSender(CrashQueue(settings.data_dir / "crashes"), outbox.crash, clock=clock)
    host = Host(
        runtime=runtime,
        directories=directories,
        journal=Journal(settings.data_dir / "journal"),
        clock=clock,
        lease=Lease(clock, settings.data_dir / "lease.json"),
        report=outbox.report,
        renew_urls=outbox.renew_urls,
        logs=settings.data_dir / "logs",
        observe=metrics.observe_step,
        count_error=metrics.count_engine_error,
        engine_patience=settings.docker.patience,
        keep_crash=crashes.keep,
        building=asyncio.Semaphore(settings.cache.parallel_prepares),
    )
    facts = await asyncio.to_thread(node_facts, settings, materialisers=[how for how in How if how in abilities])
    meter = LoadMeter(settings.data_dir, first=settings.ports.first, last=settings.ports.last)
    desk = FileDesk(cache, workspaces)
    rounds = Rounds(partial(_look, settings, identity, host, facts.materialisers), outbox.findings, clock)
    agent = Agent(host, facts=facts, measure=meter, files=desk, crashes=crashes, rounds=rounds)
    link = dial_brain(agent, outbox, identity, dialer, agent_id=agent_id(settings.data_dir), clock=clock)
    metrics.sample = lambda: _sample(agent, link, outbox)
    with _stop_signals() as stop:
        async with _first_error(), asyncio.TaskGroup() as tasks:
            work = [
                tasks.create_task(cache.run(), name="cache"),
                tasks.create_task(directories.run(), name="directories"),
                tasks.create_task(agent.run(), name="agent"),
                tasks.create_task(link.run(), name="link"),
                tasks.create_task(keep_renewed(identity, dialer, clock=clock), name="renewal"),
                tasks.create_task(keep_guard(runtime.guard, clock), name="guard"),
            ]
            if settings.metrics.enabled:
                work.append(tasks.create_task(_metrics(settings, metrics), name="metrics"))
            await agent.adopted.wait()
            log.info("node runs", node=identity.node_name, brain=identity.brain_url)
            ready(agent)
            await stop.wait()
            log.info("agent stops; game servers go on")
            for task in work:
                task.cancel()


async def _look(settings: NodeSettings, identity: Identity, host: Host, ways: Sequence[str]) -> Facts:
    """For the doctor."""
    return await gather(settings, identity, host.clock, foreign_ports=host.vitals.load.foreign_ports, ways=ways)


@asynccontextmanager
async def _runtime(settings: NodeSettings, identity: Identity) -> AsyncIterator[DockerRuntime]:
    docker = settings.docker
    async with DockerRuntime.open(
        identity.node_id,
        url=docker.url,
        network=docker.network,
        bind_address=docker.bind_address,
        pull_timeout=docker.pull_timeout,
        progress=lambda line: log.info("pulling", progress=line),
        fence=fence_of(settings, identity),
    ) as runtime:
        yield runtime


def _cache(settings: NodeSettings) -> TemplateCache:
    limits = Limits(entries=settings.cache.max_layer_files, bytes=settings.cache.max_layer_mb * 2**20)
    return TemplateCache(settings.data_dir, owner=(settings.owner_uid, settings.owner_gid), limits=limits)


async def _abilities(settings: NodeSettings) -> Abilities:
    abilities = await probe(settings.data_dir)
    if settings.materialiser and How(settings.materialiser) not in abilities:
        works = ", ".join(how for how in How if how in abilities)
        raise MaterialiserMissing(how=settings.materialiser, directory=settings.data_dir, works=works)
    log.info("ways to build directories", best=settings.materialiser or abilities.best)
    return abilities


def _workspaces(settings: NodeSettings, cache: TemplateCache, abilities: Abilities) -> Workspaces:
    return Workspaces(cache, abilities, how=How(settings.materialiser) if settings.materialiser else None)


def _sample(agent: Agent, link: Link, outbox: Outbox) -> Sample:
    return replace(agent.sample(), connected=link.connected, unacknowledged=len(outbox))


async def _metrics(settings: NodeSettings, metrics: Metrics) -> None:
    where = settings.metrics
    try:
        await serve_metrics(metrics, where.host, where.port)
    except OSError as error:
        raise MetricsPortTaken(host=where.host, port=where.port, why=error.strerror or error) from error


@asynccontextmanager
async def _first_error() -> AsyncIterator[None]:
    """What ended the agent, as itself instead of in a group."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


@contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
