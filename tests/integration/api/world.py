"""A Brain's API on a real socket, with a user of each role."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts import commands as accounts
from hytopus.brain.accounts.api import router as accounts_api
from hytopus.brain.accounts.oidc.api import router as oidc_api
from hytopus.brain.accounts.oidc.provider import Provider
from hytopus.brain.accounts.passwords import Passwords
from hytopus.brain.accounts.permissions import TABLE
from hytopus.brain.accounts.roles import Role
from hytopus.brain.accounts.second_factor_api import router as second_factor_api
from hytopus.brain.accounts.session_api import router as sessions_api
from hytopus.brain.accounts.settings import AccountSettings
from hytopus.brain.activity.actor import SYSTEM
from hytopus.brain.activity.api import router as activity_api
from hytopus.brain.activity.redact import Redaction
from hytopus.brain.app import Parts, build_app
from hytopus.brain.db.engine import Database
from hytopus.brain.games.api import router as games_api
from hytopus.brain.games.catalogue import Catalogue
from hytopus.brain.http.routing import PREFIX, Route
from hytopus.brain.http.streams import Streams
from hytopus.brain.settings import HttpSettings
from hytopus.brain.templates.api import router as templates_api
from hytopus.brain.templates.upload_api import router as uploads_api
from hytopus.brain.web import WebServer
from hytopus.games.definition import Game
from hytopus.storage.base import ObjectStore
from tests.integration.api.clock import StepClock

ACCOUNTS = (accounts_api, second_factor_api, sessions_api, oidc_api)
FEATURES = (*ACCOUNTS, activity_api, games_api, templates_api, uploads_api)
PASSWORD = "correct-horse-battery"

GAMES = Catalogue(
    {
        "stand-in": Game.parse(
            'name = "stand-in"\ntitle = "Stand-in"\ncommand = ["run"]\n[image]\nreference = "hytopus/stand-in:1"\n'
        )
    }
)


@dataclass
class World:
    """What a test of the API works with."""

    url: str
    app: FastAPI
    database: Database
    clock: StepClock
    store: ObjectStore
    streams: Streams
    used: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Which instances use which template versions; stands for the instances feature."""
    tokens: dict[Role, str] = field(default_factory=dict)
    clients: list[httpx2.AsyncClient] = field(default_factory=list)

    def client(self, token: str | None = None, **options: Any) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx2.AsyncClient(base_url=self.url + PREFIX, headers=headers, timeout=10, **options)
        self.clients.append(client)
        return client

    def acting(self, role: Role) -> httpx2.AsyncClient:
        return self.client(self.tokens[role])

    async def audit(self, **wanted: str) -> list[dict[str, Any]]:
        """The audit log, oldest first."""
        answer = await self.acting(Role.ADMIN).get("/audit", params={"limit": 500, **wanted})
        records: list[dict[str, Any]] = answer.json()["items"]
        return records[::-1]


@asynccontextmanager
async def open_world(
    database: Database,
    store: ObjectStore,
    clock: StepClock,
    *,
    features: Sequence[APIRouter] = FEATURES,
    more: Sequence[APIRouter] = (),
    table: Mapping[tuple[str, str], Role | None] | None = None,
    outside: Sequence[APIRouter] = (),
    extra: Mapping[str, Any] | None = None,
    account_settings: AccountSettings | None = None,
    oidc: Provider | None = None,
    listen: str = "127.0.0.1:0",
) -> AsyncIterator[World]:
    """The features' API; `more` are routers of the test's own, with their rows in `table`."""
    passwords, streams = Passwords(cheap=True), Streams(clock)
    used: dict[tuple[str, str], list[str]] = {}

    async def usage(_session: AsyncSession, template_id: str | None) -> dict[tuple[str, str], list[str]]:
        return {key: names for key, names in used.items() if template_id in (None, key[0])}

    settings = account_settings or AccountSettings()
    given = {"redaction": Redaction(), **(extra or {})}
    parts = Parts(database, clock, store, streams, passwords, GAMES, usage, given, settings, oidc)
    rows = _rows([*features, *more]) | dict(table or {})
    app = build_app(parts, [*features, *more], outside=outside, table=rows)
    async with WebServer.open(app, HttpSettings(listen=listen)) as web:
        world = World(web.url, app, database, clock, store, streams, used)
        try:
            await _people(world, passwords)
            yield world
        finally:
            streams.close()
            for client in world.clients:
                await client.aclose()


def _rows(features: Sequence[APIRouter]) -> dict[tuple[str, str], Role | None]:
    """The rows of the permission table that these features need."""
    routes = [route for router in features for route in router.routes if isinstance(route, Route)]
    keys = [(method, route.path) for route in routes for method in route.methods or ()]
    return {key: TABLE[key] for key in keys if key in TABLE}


async def _people(world: World, passwords: Passwords) -> None:
    password_hash = await passwords.hash(PASSWORD)
    async with world.database.write() as session:
        for role in Role:
            user = await accounts.create_user(
                session, role.value, password_hash, role, actor=SYSTEM, at=world.clock.now()
            )
            _, world.tokens[role] = await accounts.begin_session(session, user, actor=SYSTEM, at=world.clock.now())
