"""The Brain's composition root: settings, database, object store, loops, gateway, web, in one task group."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from hytopus.brain import tls
from hytopus.brain.accounts.commands import ensure_admin
from hytopus.brain.accounts.oidc.provider import open_provider
from hytopus.brain.accounts.passwords import Passwords
from hytopus.brain.activity.redact import Redaction
from hytopus.brain.app import Parts, build_app
from hytopus.brain.authority.ca import Authority
from hytopus.brain.authority.keeper import follow, open_authority
from hytopus.brain.backups.api import Backups
from hytopus.brain.backups.keeper import run_keeper
from hytopus.brain.backups.sealing import BackupKey
from hytopus.brain.backups.work import Source
from hytopus.brain.brains.fleet import BEAT_S, Fleet
from hytopus.brain.crashes.pruner import run_pruner
from hytopus.brain.db.engine import Database
from hytopus.brain.db.leases import Leases
from hytopus.brain.db.migrate import migrate
from hytopus.brain.db.notify import carry_signals
from hytopus.brain.db.signals import Signals
from hytopus.brain.db.unlock import unlock
from hytopus.brain.doctor.certificates import own_certificates
from hytopus.brain.features import API, OUTSIDE
from hytopus.brain.games.catalogue import Catalogue
from hytopus.brain.gateway.cut_off import send_nodes_away
from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.gateway.peers import Peers
from hytopus.brain.gateway.reach import Reach
from hytopus.brain.gateway.server import open_gateway
from hytopus.brain.history.durations import Durations, watch_events
from hytopus.brain.history.prune import run_pruning
from hytopus.brain.history.recorder import Recorder
from hytopus.brain.http.metrics import Metrics
from hytopus.brain.http.streams import Streams
from hytopus.brain.instances.loops import run_loops
from hytopus.brain.instances.queries import usage
from hytopus.brain.instances.reach import seen_of
from hytopus.brain.instances.relocating.mover import run_mover
from hytopus.brain.nodes.live import load_frames
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.panel import serve as panel
from hytopus.brain.settings import BrainSettings, LogSettings
from hytopus.brain.templates.sweeper import run_sweeper
from hytopus.brain.web import WebServer
from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock, SystemClock
from hytopus.kit.logs import configure_logging, get_logger
from hytopus.storage.base import ObjectStore
from hytopus.storage.s3 import S3Store, open_s3

_YOUNG: Final = 10_000
"""Objects that have come to stay before the collector looks at the youngest of them."""

_HISTORY_PAUSE_S: Final = 0.05
"""Between the transactions in which five minutes of measurements are written down."""

_BEAT_ALONE_S: Final = 5.0
"""On SQLite there is no other Brain to be told, only whoever looks at the list."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A Brain that serves. `admin_password` is set only in the start that made the first admin."""

    url: str
    session_address: str
    join_address: str
    admin_password: str | None
    stop: Callable[[], None]


async def run(
    settings: BrainSettings,
    *,
    ready: Callable[[Running], None] = lambda running: None,
    clock: Clock | None = None,
    passwords: Passwords | None = None,
) -> None:
    """Run a Brain until SIGINT, SIGTERM or `Running.stop`. `ready` is called once it serves.

    Raises a `HytopusError` when it cannot start.
    """
    configure(settings.log)

    def serves(running: Running) -> None:
        _spare_the_collector()
        ready(running)

    try:
        await _run(settings, serves, clock or SystemClock(), passwords or Passwords())
    except BaseExceptionGroup as group:
        error = _cause(group)
        if error is None:
            raise
        raise error from group
    log.info("brain stopped")


async def _run(settings: BrainSettings, ready: Callable[[Running], None], clock: Clock, passwords: Passwords) -> None:
    stop = asyncio.Event()
    async with (
        _database(settings) as database,
        open_s3(settings.storage) as store,
        _gateway(settings, database, store, clock) as node_side,
    ):
        await _look_at_store(store, create=settings.storage.create_bucket)
        password = await ensure_admin(database, clock, passwords)
        backups = await _backups(settings, database, store, node_side["authority"], clock)
        streams, metrics, presence = Streams(clock), Metrics(), node_side["presence"]
        recorder = _recorder(database, presence, clock, metrics)
        app = build_app(
            Parts(
                database=database,
                clock=clock,
                store=store,
                streams=streams,
                passwords=passwords,
                games=await Catalogue.load(settings.games_dirs),
                usage=usage,
                extra={
                    **node_side,
                    "instance_settings": settings.instances,
                    "backups": backups,
                    "redaction": Redaction(settings.audit.redact),
                    "recorder": recorder,
                    "own_certificates": partial(own_certificates, node_side["authority"], settings.http.certificate),
                    "load_frames": partial(load_frames, presence, clock, seen_of),
                },
                accounts=settings.accounts,
                oidc=await asyncio.to_thread(open_provider, settings.oidc, clock),
                metrics=metrics,
            ),
            API,
            outside=OUTSIDE,
        )
        panel.install(app, await panel.open_panel(settings.http.panel, store))
        gateway: Gateway = node_side["gateway"]
        async with (
            _looping(
                *_work(settings, database, store, clock, gateway, backups),
                recorder.run(),
                watch_events(database.signals, metrics.starts, metrics.events),
            ),
            WebServer.open(app, settings.http, *tls.source(settings.http, node_side["authority"])) as web,
        ):
            try:
                with _signals(stop):
                    log.info(
                        "brain serves",
                        url=web.url,
                        authority=node_side["authority"].fingerprint,
                        nodes=gateway.session_address,
                        joining=gateway.join_address,
                    )
                    ready(Running(web.url, gateway.session_address, gateway.join_address, password, stop.set))
                    await stop.wait()
            finally:
                log.info("brain stops")
                streams.close()


def _recorder(database: Database, presence: Presence, clock: Clock, metrics: Metrics) -> Recorder:
    database.observe_write = metrics.writes.observe
    durations = Durations({"api": metrics.requests, "start": metrics.starts})
    return Recorder(database, presence, clock, durations, pause_s=_HISTORY_PAUSE_S)


def _work(
    settings: BrainSettings, database: Database, store: ObjectStore, clock: Clock, gateway: Gateway, backups: Backups
) -> Iterator[Coroutine[Any, Any, None]]:
    fleet, nodes, instances = gateway.fleet, settings.nodes, settings.instances
    yield run_keeper(backups.source, backups.settings)
    yield run_mover(database, store, gateway.sessions, gateway.presence, clock=clock)
    yield run_loops(database, gateway.presence, fleet, clock=clock, rush=gateway.rush, nodes=nodes, instances=instances)
    yield run_sweeper(database, store, clock, Leases(database, clock, fleet.id))
    yield fleet.run()
    if gateway.authority is not None:
        yield follow(gateway.authority, database, settings.data_dir / "ca", clock)
    yield send_nodes_away(gateway)
    yield carry_signals(database, fleet.id, clock)
    yield run_pruning(database, settings.history, clock)
    yield run_pruner(database, store, clock, settings.crashes)


@asynccontextmanager
async def _looping(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """The loops run while the context is open; if one of them breaks, the Brain ends."""
    async with asyncio.TaskGroup() as tasks:
        loops = [tasks.create_task(each) for each in work]
        yield
        for loop in loops:
            loop.cancel()


def _cause(group: BaseExceptionGroup[BaseException]) -> HytopusError | None:
    """What a person needs to see, if that is all that went wrong: task groups wrap it up."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, HytopusError) else None


def configure(settings: LogSettings) -> None:
    """Set up the process's logging."""
    json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    configure_logging(json=json, level=settings.level)


@asynccontextmanager
async def _database(settings: BrainSettings) -> AsyncIterator[Database]:
    await asyncio.to_thread(_make_private, settings.data_dir)
    async with Database.open(settings.database, Signals()) as database:
        await migrate(database)
        await unlock(database, settings.sealing, settings.data_dir)
        yield database


@asynccontextmanager
async def _gateway(
    settings: BrainSettings, database: Database, store: ObjectStore, clock: Clock
) -> AsyncIterator[dict[str, Any]]:
    """Everything that has to do with nodes, by its name on `app.state`."""
    presence = Presence(settings.nodes, clock, database.signals)
    authority = await open_authority(database, settings.data_dir / "ca", names=_names(settings), clock=clock)
    beat_s = BEAT_S if database.dialect == "postgresql" else _BEAT_ALONE_S
    fleet = Fleet(database, clock, name=settings.name, ca_fingerprint=authority.lineage, beat_s=beat_s)
    gateway_settings = settings.gateway
    async with open_gateway(
        database, store, authority, gateway_settings, presence, clock=clock, fleet=fleet
    ) as gateway:
        gateway.crashes = settings.crashes
        peers = Peers(authority)
        try:
            reach = Reach(gateway, peers)
            yield {
                "presence": presence,
                "authority": authority,
                "gateway": gateway,
                "reach": reach,
                "rush": gateway.rush,
            }
        finally:
            await peers.close()


def _names(settings: BrainSettings) -> list[str]:
    """By which a browser may know this Brain. Nodes and the command line check another name."""
    listening = settings.http.listen.rpartition(":")[0].strip("[]")
    unspecified = ("", "0.0.0.0", "::")  # noqa: S104 - not bound here
    names = (*settings.gateway.names, settings.gateway.advertise_host, socket.gethostname(), listening)
    return [name for name in dict.fromkeys(names) if name not in unspecified]


async def _backups(
    settings: BrainSettings, database: Database, store: ObjectStore, authority: Authority, clock: Clock
) -> Backups:
    file = settings.backups.key_file
    key = await asyncio.to_thread(BackupKey.read, file) if file else None
    source = Source(database, store, settings.key_files, authority.lineage, key, clock)
    return Backups(source, settings.backups)


async def _look_at_store(store: S3Store, *, create: bool) -> None:
    """A store that is down must not keep the Brain from steering what runs already."""
    try:
        await store.ensure_bucket(create=create)
    except HytopusError as error:
        log.warning("object store not usable", code=error.code, detail=str(error))


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """The process's signals are ours, not uvicorn's."""
    loop = asyncio.get_running_loop()
    taken: list[signal.Signals] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(RuntimeError, ValueError):  # not in the main thread: whoever runs us there stops us himself
            loop.add_signal_handler(number, stop.set)
            taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


def _spare_the_collector() -> None:
    """What has been loaded by now stays for good: walking it over and over would stop everything for a tenth of a
    second each time. And the young are looked at less often: most are gone by the next time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 20)


def _make_private(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
