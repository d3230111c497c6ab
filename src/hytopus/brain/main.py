"""The Brain's composition root: settings, database, object store, loops, gateway, web, in one task group."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from hytopus.brain.accounts.commands import ensure_admin
from hytopus.brain.accounts.passwords import Passwords
from hytopus.brain.app import Parts, build_app
from hytopus.brain.authority.ca import Authority
from hytopus.brain.db.engine import Database
from hytopus.brain.db.migrate import migrate
from hytopus.brain.db.signals import Signals
from hytopus.brain.features import API, OUTSIDE
from hytopus.brain.games.catalogue import Catalogue
from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.gateway.server import open_gateway
from hytopus.brain.http.streams import Streams
from hytopus.brain.instances.loops import run_loops
from hytopus.brain.instances.queries import usage
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.settings import BrainSettings, LogSettings
from hytopus.brain.templates.sweeper import run_sweeper
from hytopus.brain.web import WebServer
from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock, SystemClock
from hytopus.kit.logs import configure_logging, get_logger
from hytopus.storage.base import ObjectStore
from hytopus.storage.s3 import S3Store, open_s3

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
    """Run a Brain until SIGINT, SIGTERM or `Running.stop`. `ready` is called once it serves."""
    configure(settings.log)
    clock = clock or SystemClock()
    passwords = passwords or Passwords()
    stop = asyncio.Event()
    async with (
        _database(settings) as database,
        open_s3(settings.storage) as store,
        _gateway(settings, database, store, clock) as (gateway, presence, authority),
    ):
        await _look_at_store(store, create=settings.storage.create_bucket)
        password = await ensure_admin(database, clock, passwords)
        streams = Streams(clock)
        extra = {
            "presence": presence,
            "instance_settings": settings.instances,
            "gateway": gateway,
            "authority": authority,
        }
        games = await Catalogue.load(settings.games_dirs)
        app = build_app(Parts(database, clock, store, streams, passwords, games, usage, extra), API, outside=OUTSIDE)
        async with asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(
                    run_loops(database, presence, clock=clock, nodes=settings.nodes, instances=settings.instances)
                ),
                tasks.create_task(run_sweeper(database, store, clock)),
            ]
            async with _serving(settings, app) as web:
                with _signals(stop):
                    ready(Running(web.url, gateway.session_address, gateway.join_address, password, stop.set))
                    log.info("brain serves", url=web.url, sessions=gateway.session_address)
                    await stop.wait()
                log.info("brain stops")
                streams.close()
            for loop in loops:
                loop.cancel()
    log.info("brain stopped")


def configure(settings: LogSettings) -> None:
    """Set up the process's logging."""
    json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    configure_logging(json=json, level=settings.level)


@asynccontextmanager
async def _database(settings: BrainSettings) -> AsyncIterator[Database]:
    await asyncio.to_thread(_make_private, settings.data_dir)
    async with Database.open(settings.database, Signals()) as database:
        await migrate(database)
        yield database


@asynccontextmanager
async def _gateway(
    settings: BrainSettings, database: Database, store: ObjectStore, clock: Clock
) -> AsyncIterator[tuple[Gateway, Presence, Authority]]:
    presence = Presence(settings.nodes, clock, database.signals)
    authority = await Authority.open(settings.data_dir / "ca", names=settings.gateway.names, clock=clock)
    async with open_gateway(database, store, authority, settings.gateway, presence, clock=clock) as gateway:
        yield gateway, presence, authority


@asynccontextmanager
async def _serving(settings: BrainSettings, app: FastAPI) -> AsyncIterator[WebServer]:
    async with WebServer.open(app, settings.http) as web:
        yield web


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


def _make_private(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
