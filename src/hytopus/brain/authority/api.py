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
from hytopus.brain.nodes.errors import BadNodeName, NodeNotFound
from hytopus.brain.nodes.queries import find
from hytopus.kit.ids import is_name

router = feature_router("nodes")


async def _authority(request: Request) -> Authority:
    authority: Authority = request.app.state.authority
    return authority


async def _gateway(request: Request) -> Any:
    return request.app.state.gateway


AuthorityDep = Annotated[Authority, Depends(_authority)]
GatewayDep = Annotated[Any, Depends(_gateway)]


class CreateJoinToken(Schema):
    node_name: str | None = None
    """The name the machine must take; without it, whoever joins chooses."""
    rejoin: bool = False
    """The machine takes the place of the node called `node_name`, whose former identity ends: it was installed anew."""
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


@router.post("/nodes/join-tokens", status_code=201, responses=problems(BadNodeName, NodeNotFound))
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
    rejoins = await find(session, body.node_name or "") if body.rejoin else None
    text, token = await commands.create_join_token(
        session,
        authority,
        actor=actor,
        at=clock.now(),
        node_name=body.node_name,
        rejoins=rejoins,
        lifetime=timedelta(seconds=body.lifetime_s),
    )
    line = f"hytopus node join {str(request.base_url).rstrip('/')} {text}"
    if body.node_name:
        line += f" --name {body.node_name}"
    return JoinTokenOut(token=text, expires_at=token.expires_at, command=line)


@router.post("/nodes/{node}/revoke", status_code=204, responses=problems(NodeNotFound))
async def revoke_node(node: str, session: WriteDep, actor: ActorDep, clock: ClockDep) -> None:
    """End a node's identity at once: its session is cut, its certificates are refused. What runs there goes on.

    To come back, its machine joins again with a token made with `rejoin`.
    """
    commands.revoke(session, await find(session, node, lock=True), actor=actor, at=clock.now())


@router.get("/join-info")
async def get_join_info(authority: AuthorityDep, gateway: GatewayDep) -> JoinInfo:
    """Where to join, and the CA to trust if its fingerprint is the one in the token."""
    return JoinInfo(
        ca_pem=authority.ca_pem,
        fingerprint=authority.fingerprint,
        join_address=gateway.join_address,
        session_address=gateway.session_address,
    )
