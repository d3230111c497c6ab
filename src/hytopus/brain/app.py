"""The Brain's web application: the features' routers, behind one table of permissions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from fastapi import APIRouter, FastAPI

from hytopus.brain.accounts.dependencies import SECURITY, authorise, open_tokens
from hytopus.brain.accounts.errors import (
    Forbidden,
    InvalidToken,
    NeedsEverything,
    NotAuthenticated,
    SecondFactorMissing,
)
from hytopus.brain.accounts.logins import LoginThrottle
from hytopus.brain.accounts.oidc.provider import Provider
from hytopus.brain.accounts.passwords import Passwords
from hytopus.brain.accounts.permissions import TABLE, permissions_of
from hytopus.brain.accounts.roles import Role
from hytopus.brain.accounts.settings import AccountSettings
from hytopus.brain.activity.requests import RequestAudit
from hytopus.brain.db.engine import Database
from hytopus.brain.games.catalogue import Catalogue
from hytopus.brain.http import idempotency, problems
from hytopus.brain.http.edge import Edge
from hytopus.brain.http.metrics import Metrics
from hytopus.brain.http.middleware import BodyLimit, RequestLog
from hytopus.brain.http.routing import PREFIX, mounted_routes
from hytopus.brain.http.security import SecurityHeaders
from hytopus.brain.http.streams import Streams
from hytopus.brain.instances.creating.joint_creation import open_joint_creation
from hytopus.brain.instances.reach import narrowed
from hytopus.brain.templates.queries import Usage
from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.kit.rush import Rush
from hytopus.storage.base import ObjectStore

MAX_BODY_BYTES: Final = 4 << 20
STREAMED: Final = re.compile(rf"{PREFIX}/instances/[^/]+/files/upload")
"""Uploads pass through in pieces; how large they may be is for the node to say."""
ALWAYS: Final = problems.problems(
    problems.InvalidRequest, NotAuthenticated, InvalidToken, Forbidden, NeedsEverything, SecondFactorMissing
)
"""What every route may answer."""


class DuplicateOperation(HytopusError):
    code: ClassVar[str] = "duplicate_operation"
    template: ClassVar[str] = "More than one route is called {names}."
    remedy: ClassVar[str] = "Operation ids are endpoint names: give each endpoint a name of its own."


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of. `extra` holds the features' own parts, by their names on `app.state`."""

    database: Database
    clock: Clock
    store: ObjectStore
    streams: Streams
    passwords: Passwords
    games: Catalogue
    usage: Usage
    extra: Mapping[str, Any]
    accounts: AccountSettings = field(default_factory=AccountSettings)
    oidc: Provider | None = None
    """Single sign-on, where it is set up."""
    metrics: Metrics = field(default_factory=Metrics)


def build_app(
    parts: Parts,
    features: Sequence[APIRouter],
    *,
    outside: Sequence[APIRouter] = (),
    table: Mapping[tuple[str, str], Role | None] = TABLE,
) -> FastAPI:
    """The application: `features` below `/api/v1`, `outside` beside it.

    Raises `PermissionTableMismatch` unless every route has its row in the table, and every row its route.
    """
    app = FastAPI(
        title="Hytopus",
        description="Steers templates, nodes and game server instances.",
        docs_url=None,  # its pages would load scripts from elsewhere into an admin's browser
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    problems.install(app)
    idempotency.install(app)
    app.add_middleware(BodyLimit, most=MAX_BODY_BYTES, streamed=STREAMED)
    app.add_middleware(RequestLog)
    app.add_middleware(SecurityHeaders)
    for router in features:
        app.include_router(router, prefix=PREFIX, dependencies=SECURITY, responses=ALWAYS)
    for router in outside:
        app.include_router(router)
    _fill_state(app, parts, table)
    return app


def _fill_state(app: FastAPI, parts: Parts, table: Mapping[tuple[str, str], Role | None]) -> None:
    routes = list(mounted_routes(app))
    _refuse_duplicates([route.name for route in routes])
    audit = RequestAudit(parts.database, parts.clock)
    app.state.permissions = permissions_of(routes, table)
    app.state.templates = {route.endpoint: PREFIX + route.path for route in routes}
    app.state.edge = Edge(
        database=parts.database,
        clock=parts.clock,
        store=parts.store,
        streams=parts.streams,
        metrics=parts.metrics,
        narrowed=narrowed,
        authorise=authorise,
        on_change=audit.on_change,
        on_refusal=audit.on_refusal,
    )
    app.state.tokens = open_tokens(parts.database)
    app.state.joint_creation = open_joint_creation(
        parts.database, parts.games, parts.clock, parts.extra.get("rush") or Rush(parts.clock)
    )
    app.state.oidc = parts.oidc
    app.state.account_settings = parts.accounts
    app.state.passwords = parts.passwords
    app.state.logins = LoginThrottle(parts.clock)
    app.state.games = parts.games
    app.state.usage = parts.usage
    for name, part in parts.extra.items():
        setattr(app.state, name, part)


def _refuse_duplicates(names: Sequence[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DuplicateOperation(names=", ".join(twice))
