"""Routes for whoever adds a machine."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import Field

from hytopus.brain.accounts.dependencies import ActorDep
from hytopus.brain.authority import commands
from hytopus.brain.authority.ca import Authority
from hytopus.brain.http.dependencies import ClockDep, WriteDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.http.schemas import Output, Schema
from hytopus.brain.nodes.errors import BadNodeName
from hytopus.kit.ids import is_name

router = feature_router("nodes")


def _authority(request: Request) -> Authority:
    authority: Authority = request.app.state.authority
    return authority


def _gateway(request: Request) -> Any:
    return request.app.state.gateway


AuthorityDep = Annotated[Authority, Depends(_authority)]
GatewayDep = Annotated[Any, Depends(_gateway)]


class CreateJoinToken(Schema):
    node_name: str | None = None
    """The name the machine must take; without it, whoever joins chooses."""
    lifetime_s: Annotated[int, Field(ge=10, le=86_400)] = 900


class JoinTokenOut(Output):
    token: str
    """Shown only here."""
    expires_at: datetime
    command: str
    """What to run on the machine."""


class JoinInfo(Output):
    """What a machine needs before it can trust this Brain; it checks `ca_pem` against its token."""

    ca_pem: str
    fingerprint: str
    join_address: str
    """`host:port`; without a host, the one this answer came from."""
    session_address: str


@router.post("/nodes/join-tokens", status_code=201, responses=problems(BadNodeName))
async def create_join_token(
    body: CreateJoinToken,
    request: Request,
    session: WriteDep,
    actor: ActorDep,
    clock: ClockDep,
    authority: AuthorityDep,
) -> JoinTokenOut:
    """Allow one machine to become a node."""
    if body.node_name is not None and not is_name(body.node_name):
        raise BadNodeName(name=body.node_name)
    text, token = await commands.create_join_token(
        session,
        authority,
        actor=actor,
        at=clock.now(),
        node_name=body.node_name,
        lifetime=timedelta(seconds=body.lifetime_s),
    )
    line = f"hytopus node join {str(request.base_url).rstrip('/')} {text}"
    if body.node_name:
        line += f" --name {body.node_name}"
    return JoinTokenOut(token=text, expires_at=token.expires_at, command=line)


@router.get("/join-info")
async def get_join_info(authority: AuthorityDep, gateway: GatewayDep) -> JoinInfo:
    """Where to join, and the CA to trust if its fingerprint is the one in the token."""
    return JoinInfo(
        ca_pem=authority.ca_pem,
        fingerprint=authority.fingerprint,
        join_address=gateway.join_address,
        session_address=gateway.session_address,
    )
