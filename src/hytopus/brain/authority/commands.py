"""Handing out join tokens, turning them into certificates, and deciding which certificates still count."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import Actor, ActorKind
from hytopus.brain.activity.commands import audit
from hytopus.brain.authority.ca import Authority, NodeIdentity, key_fingerprint, read_signing_request
from hytopus.brain.authority.errors import (
    CertificateRevoked,
    JoinTokenExpired,
    JoinTokenForOther,
    JoinTokenInvalid,
    JoinTokenUsed,
)
from hytopus.brain.authority.models import JoinToken, NodeCertificate
from hytopus.brain.db.signals import signal
from hytopus.brain.nodes import commands as nodes
from hytopus.brain.nodes import queries as node_queries
from hytopus.brain.nodes.events import tell
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.restored import was_forgotten
from hytopus.wire.join import JoinSecret
from hytopus.wire.messages import Certificates, JoinRequest

TOKEN_LIFETIME: Final = timedelta(minutes=15)
_KEEP_SPENT: Final = timedelta(days=7)
"""How long a spent token can still be told from one that never was."""


async def create_join_token(
    session: AsyncSession,
    authority: Authority,
    *,
    actor: Actor,
    at: datetime,
    node_name: str | None = None,
    rejoins: Node | None = None,
    lifetime: timedelta = TOKEN_LIFETIME,
) -> tuple[str, JoinToken]:
    """The token's text, shown once, and its record. The text also pins the Brain's CA.

    With `rejoins`, the machine that uses it takes that node's place, and the node's former identity ends.
    """
    secret = secrets.token_urlsafe(32)
    token = JoinToken(
        secret_hash=_hash(secret),
        node_name=node_name,
        rejoins=rejoins.id if rejoins else None,
        created_by=actor.name,
        created_at=at,
        expires_at=at + lifetime,
    )
    session.add(token)
    await session.execute(delete(JoinToken).where(JoinToken.expires_at < at - _KEEP_SPENT))
    after = {"expires_at": token.expires_at.isoformat(), "node_name": node_name, "rejoins": token.rejoins}
    audit(session, actor, "node.create_join_token", node_name or "any", at=at, after=after)
    return str(JoinSecret(secret, authority.fingerprint)), token


async def require_token(session: AsyncSession, request: JoinRequest) -> None:
    """Raises `JoinTokenInvalid`. Looked at before everything else: strangers must get neither as far as the write lock
    nor as far as what costs time.
    """
    await _find_token(session, request.token, lock=False)


async def join(
    session: AsyncSession, authority: Authority, request: JoinRequest, *, at: datetime, address: str = ""
) -> Certificates:
    """Use a token up: a new node and its first certificate, or nothing at all."""
    csr = read_signing_request(request.csr_pem)
    key_hash = key_fingerprint(csr)
    token = await _find_token(session, request.token)
    if token.used_at is not None:
        node = await _asked_before(session, token, key_hash, at)
        return _sign(session, authority, node, csr, at)
    if token.expires_at <= at:
        raise JoinTokenExpired(expires_at=token.expires_at.isoformat())
    if token.node_name not in (None, request.node_name):
        raise JoinTokenForOther(wanted=token.node_name, name=request.node_name)
    if token.rejoins is not None:
        node = await _take_over(session, token.rejoins, at=at, address=address)
    else:
        node = await nodes.join(session, request.node_name, at=at, address=address)
    token.used_at, token.node_id, token.key_hash = at, node.id, key_hash
    audit(session, Actor(ActorKind.NODE, node.id, node.name, address), "node.join", node.name, at=at)
    return _sign(session, authority, node, csr, at)


async def renew(
    session: AsyncSession, authority: Authority, node_id: str, csr_pem: str, *, at: datetime
) -> Certificates:
    """One more certificate. The old one counts until the new one has been used, so a lost answer does no harm."""
    csr = read_signing_request(csr_pem)
    node = await node_queries.get(session, node_id)
    if node is None:
        raise CertificateRevoked(cause="the node was removed")
    return _sign(session, authority, node, csr, at)


def check_authority(identity: NodeIdentity) -> None:
    """Raise `CertificateRevoked` where the authority that signed it counts no more."""
    if identity.retired_at is not None:
        when = identity.retired_at.isoformat(timespec="seconds")
        raise CertificateRevoked(cause=f"the authority that signed it was retired at {when}")


async def check_certificate(
    session: AsyncSession, node_id: str, serial: str, *, issued_at: datetime | None = None
) -> None:
    """Raise `CertificateRevoked` unless this certificate still counts. `issued_at` is what it says itself."""
    certificate = await session.get(NodeCertificate, serial)
    node = await node_queries.get(session, node_id)
    counts_from = certificate.issued_at if certificate is not None else issued_at
    if node is not None and node.revoked_at and (counts_from is None or counts_from < node.revoked_at):
        raise CertificateRevoked(cause=f"it was revoked at {node.revoked_at.isoformat()}")
    if certificate is None and issued_at is not None and await _forgotten(session, node_id, issued_at):
        return
    if node is None:
        raise CertificateRevoked(cause="the node was removed")
    if certificate is None or certificate.node_id != node_id:
        raise CertificateRevoked(cause="this Brain has no record of it")
    if certificate.revoked_at is not None:
        raise CertificateRevoked(cause=f"a newer one replaced it at {certificate.revoked_at.isoformat()}")


async def use_certificate(
    session: AsyncSession, node_id: str, serial: str, *, at: datetime, identity: NodeIdentity | None = None
) -> None:
    """A session stands on this certificate: those signed before it have had their day."""
    certificate = await session.get(NodeCertificate, serial)
    if certificate is None and identity is not None:
        certificate = NodeCertificate(
            serial=serial,
            node_id=node_id,
            issued_at=identity.issued_at,
            expires_at=identity.expires_at,
            authority=identity.authority,
        )
        session.add(certificate)
        await session.flush()
    if certificate is None:
        return
    await session.execute(
        update(NodeCertificate)
        .where(
            NodeCertificate.node_id == node_id,
            NodeCertificate.issued_at < certificate.issued_at,
            NodeCertificate.revoked_at.is_(None),
        )
        .values(revoked_at=at)
    )
    await session.execute(
        delete(NodeCertificate).where(NodeCertificate.node_id == node_id, NodeCertificate.expires_at < at)
    )


def revoke(session: AsyncSession, node: Node, *, actor: Actor, at: datetime) -> None:
    """End its identity at once: every session of it is cut, at every Brain, and no certificate of it counts."""
    node.revoked_at = at
    message = f"The identity of node {node.name} was revoked."
    tell(session, node, "node.revoked", message, at=at, actor=actor)
    audit(session, actor, "node.revoke", node.name, at=at)
    signal(session, "node", node.id)


async def _take_over(session: AsyncSession, node_id: str, *, at: datetime, address: str) -> Node:
    """The node's name, settings and instances go on; whoever was it before is refused from now on."""
    node = await node_queries.get(session, node_id, lock=True)
    if node is None:
        raise JoinTokenInvalid
    node.revoked_at, node.agent_id = at, ""
    message = f"Another machine took the place of node {node.name}."
    tell(session, node, "node.rejoined", message, at=at, data={"from": address})
    signal(session, "node", node.id)
    return node


async def _forgotten(session: AsyncSession, node_id: str, issued_at: datetime) -> bool:
    """Signed after a backup the Brain came back from, so that it cannot know it; unless it knows a newer one."""
    newer = select(NodeCertificate.serial).where(
        NodeCertificate.node_id == node_id, NodeCertificate.issued_at > issued_at
    )
    return await was_forgotten(session, issued_at) and await session.scalar(newer.limit(1)) is None


async def _find_token(session: AsyncSession, text: str, *, lock: bool = True) -> JoinToken:
    shown = JoinSecret.parse(text)
    if shown is None:
        raise JoinTokenInvalid
    wanted = select(JoinToken).where(JoinToken.secret_hash == _hash(shown.secret))
    token: JoinToken | None = await session.scalar(wanted.with_for_update() if lock else wanted)
    if token is None:
        raise JoinTokenInvalid
    return token


async def _asked_before(session: AsyncSession, token: JoinToken, key_hash: str, at: datetime) -> Node:
    """The node that was made with a used token, for the same machine only: its answer may have been lost."""
    assert token.used_at is not None
    node = await node_queries.get(session, token.node_id or "")
    if token.key_hash != key_hash or token.expires_at <= at or node is None:
        raise JoinTokenUsed(used_at=token.used_at.isoformat())
    return node


def _sign(
    session: AsyncSession, authority: Authority, node: Node, csr: x509.CertificateSigningRequest, at: datetime
) -> Certificates:
    signed = authority.sign_node(node.id, csr, name=node.name)
    session.add(
        NodeCertificate(
            serial=signed.serial,
            node_id=node.id,
            issued_at=at,
            expires_at=signed.expires_at,
            authority=signed.authority,
        )
    )
    return Certificates(node.id, signed.certificate_pem, authority.trusted_pem)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
