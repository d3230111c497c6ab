"""Dialling a Brain over gRPC with this node's certificate."""

from __future__ import annotations

import asyncio
from typing import Final

import grpc
import grpc.aio

from hytopus.node.identity import Identity
from hytopus.node.link.addresses import Addresses
from hytopus.wire.channel import LinkClosed, NodeChannel, StreamChannel
from hytopus.wire.messages import JoinReply, RenewRequest
from hytopus.wire.network import CLIENT_OPTIONS, HASTY_OPTIONS, call_renew, open_session, open_stream

_RENEW_TIMEOUT_S: Final = 30.0


class GrpcDialer:
    """One connection at a time; each session gets a new one, with the certificate of the moment."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._addresses = Addresses(identity)
        self._connection: grpc.aio.Channel | None = None
        self.trusts: tuple[str, ...] = ()
        self.renewal_wanted = asyncio.Event()
        """The Brain has asked for it."""
        self.renew_soon = self.renewal_wanted.set
        self.redialling = False
        """The connection was ended here, to use another certificate."""
        self.learn = self._addresses.learn
        self.stands = self._addresses.stands
        self.untried = self._addresses.untried

    @property
    def address(self) -> str:
        """The Brain dialled last."""
        return self._addresses.current

    async def session(self) -> NodeChannel:
        await self.close()
        self.redialling = False
        self._connection = await self._connect(await self._addresses.next())
        self.trusts = await asyncio.to_thread(self._identity.trusts)
        return open_session(self._connection)

    async def stream(self) -> StreamChannel:
        if self._connection is None:
            raise LinkClosed(cause="there is no connection")
        return open_stream(self._connection)

    async def renew(self, csr_pem: str) -> JoinReply:
        """Ask for a new certificate, on a connection of its own. Raises LinkClosed."""
        connection = await self._connect(self.address)
        try:
            return await call_renew(connection, RenewRequest(csr_pem), timeout=_RENEW_TIMEOUT_S)
        finally:
            await connection.close()

    async def redial(self) -> None:
        """End the session; the next one uses the certificate of that moment."""
        self.redialling = True
        await self.close()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connect(self, address: str) -> grpc.aio.Channel:
        identity = self._identity
        ca, key, certificate = await asyncio.to_thread(
            lambda: (identity.ca_pem, identity.key_pem, identity.certificate_pem)
        )
        credentials = grpc.ssl_channel_credentials(ca, key, certificate)
        options = HASTY_OPTIONS if self._addresses.several else CLIENT_OPTIONS
        return grpc.aio.secure_channel(address, credentials, options=options)
