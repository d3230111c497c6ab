"""The gateway's sockets: sessions with client certificates on one port, joining on another."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
import grpc.aio

from hytopus.brain.authority import commands as authority_commands
from hytopus.brain.authority.ca import Authority, NodeIdentity
from hytopus.brain.authority.errors import CertificateRevoked
from hytopus.brain.brains.fleet import Fleet
from hytopus.brain.db.engine import Database
from hytopus.brain.gateway.certificates import server_credentials
from hytopus.brain.gateway.errors import GatewayCannotListen
from hytopus.brain.gateway.gateway import Gateway, Peer
from hytopus.brain.gateway.peers import PeerEdge
from hytopus.brain.gateway.session import serve
from hytopus.brain.gateway.settings import GatewaySettings
from hytopus.brain.nodes.presence import Presence
from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.storage.base import ObjectStore
from hytopus.wire.channel import BrainChannel, Channel, StreamChannel
from hytopus.wire.messages import JoinReply, JoinRequest, Refused, RenewRequest
from hytopus.wire.network import SERVER_OPTIONS, Caller, gateway_service, join_service
from hytopus.wire.peers import peer_service
from hytopus.wire.problems import problem_of
from hytopus.wire.wakeups import gather_wakeups

_GRACE_S: Final = 1.0
"""At the end: sessions have been closed by then, and calls under way may finish."""

_ANY: Final = ("", "0.0.0.0", "::", "*")  # noqa: S104 - compared with, not listened on

log = get_logger(__name__)


@asynccontextmanager
async def open_gateway(
    database: Database,
    store: ObjectStore,
    authority: Authority,
    settings: GatewaySettings,
    presence: Presence,
    *,
    clock: Clock,
    fleet: Fleet | None = None,
) -> AsyncIterator[Gateway]:
    """Listen for nodes. On leaving, every session is closed at once, so that the nodes look for a Brain again."""
    gateway = Gateway(
        database, store, presence, clock=clock, brain_id=authority.lineage, fleet=fleet, authority=authority
    )
    gather_wakeups(asyncio.get_running_loop())
    edge = _Edge(gateway, authority)
    sessions = grpc.aio.server(options=SERVER_OPTIONS)
    others = PeerEdge(gateway.sessions, gateway.relay, authority)
    sessions.add_generic_rpc_handlers(
        (gateway_service(edge.session, edge.stream, edge.renew), peer_service(others.ask, others.lines, others.file))
    )
    joining = grpc.aio.server(options=SERVER_OPTIONS)
    joining.add_generic_rpc_handlers((join_service(edge.join),))
    try:
        session_port = _listen(sessions, settings.session_listen, authority, require_client=True)
        join_port = _listen(joining, settings.join_listen, authority, require_client=False)
        gateway.session_address = f"{settings.advertise_host}:{session_port}"
        gateway.join_address = f"{settings.advertise_host}:{join_port}"
        async with gateway.fleet.entered(f"{_own_host(settings)}:{session_port}"):
            await sessions.start()
            await joining.start()
            log.info("gateway listens", sessions=session_port, joining=join_port)
            yield gateway
    finally:
        await gateway.sessions.close()
        await asyncio.gather(sessions.stop(_GRACE_S), joining.stop(_GRACE_S))
        await edge.finish()


def _own_host(settings: GatewaySettings) -> str:
    """Where the other Brains and their nodes reach this one, as well as it can tell."""
    host = settings.session_listen.rpartition(":")[0].strip("[]")
    return settings.advertise_host or (socket.gethostname() if host in _ANY else host)


def _listen(server: grpc.aio.Server, address: str, authority: Authority, *, require_client: bool) -> int:
    """The port taken."""
    credentials = server_credentials(authority, require_client=require_client)
    try:
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise GatewayCannotListen(address=address, cause=error) from error


class _Edge:
    """Translates calls into the functions of the Brain, and owns the tasks they run in."""

    def __init__(self, gateway: Gateway, authority: Authority) -> None:
        self._gateway, self._authority = gateway, authority
        self._running: set[asyncio.Task[None]] = set()

    async def finish(self) -> None:
        """Let what runs wind up; its links are closed by now."""
        await asyncio.gather(*self._running)

    async def session(self, channel: BrainChannel, caller: Caller) -> None:
        identity = self._identity(caller)
        if identity is not None:
            peer = Peer(identity.node_id, identity.serial, caller.address, identity)
            await self._carry(channel, serve(channel, peer, self._gateway))

    async def stream(self, channel: StreamChannel, caller: Caller) -> None:
        identity = self._identity(caller)
        if identity is not None and identity.retired_at is None:
            await self._carry(channel, self._gateway.relay.serve(channel, identity.node_id))

    async def renew(self, request: RenewRequest, caller: Caller) -> JoinReply:
        identity = self._identity(caller)
        if identity is None:
            return Refused(problem_of(CertificateRevoked(cause="it names no node")))
        try:
            authority_commands.check_authority(identity)
            async with self._gateway.database.write() as session:
                await authority_commands.check_certificate(
                    session, identity.node_id, identity.serial, issued_at=identity.issued_at
                )
                at = self._gateway.clock.now()
                reply = await authority_commands.renew(
                    session, self._authority, identity.node_id, request.csr_pem, at=at
                )
        except HytopusError as error:
            return _refusal("renewal refused", error, caller)
        log.info("certificate renewed", node=identity.node_id)
        return reply

    async def join(self, request: JoinRequest, caller: Caller) -> JoinReply:
        try:
            async with self._gateway.database.read() as session:
                await authority_commands.require_token(session, request)
            async with self._gateway.database.write() as session:
                at = self._gateway.clock.now()
                reply = await authority_commands.join(session, self._authority, request, at=at, address=caller.address)
        except HytopusError as error:
            return _refusal("joining refused", error, caller)
        log.info("node joined", node=request.node_name, address=caller.address)
        return reply

    def _identity(self, caller: Caller) -> NodeIdentity | None:
        """TLS has let it in; who has signed it is looked at again, because retired authorities get so far, too."""
        identity = self._authority.identify(caller.certificate_pem)
        if identity is None:
            log.warning("a certificate that names no node of ours", address=caller.address)
        return identity

    async def _carry(self, channel: Channel[Any, Any], work: Coroutine[Any, Any, None]) -> None:
        """gRPC cancels the caller's task when the connection breaks; the work must wind up in peace."""
        task = asyncio.create_task(_contained(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await asyncio.wait({task})
        finally:
            await channel.close()


async def _contained(work: Coroutine[Any, Any, None]) -> None:
    """A fault in the service of one node must not end the service of all."""
    try:
        await work
    except Exception:
        log.exception("a call failed")


def _refusal(event: str, error: HytopusError, caller: Caller) -> Refused:
    log.warning(event, address=caller.address, code=error.code, cause=str(error))
    return Refused(problem_of(error), retry=error.retryable)
