"""Routes for replacing the certificate authority."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from cryptography import x509
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts.dependencies import ActorDep
from hytopus.brain.authority import rotation
from hytopus.brain.authority.errors import NodesDepend, NoRotation, RotationUnderWay
from hytopus.brain.authority.models import AuthorityRecord, NodeCertificate
from hytopus.brain.http.dependencies import ClockDep, ReadDep, WriteDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.http.schemas import Output, Schema

router = feature_router("nodes")

Standing = Literal["current", "serving", "signing", "retired"]


class RetireAuthority(Schema):
    force: bool = False
    """Also if nodes are locked out by it."""


class AuthorityOut(Output):
    fingerprint: str
    state: Standing
    """`current`: the only one. While it is replaced, the former is `serving` and the new one `signing`."""
    created_at: datetime
    expires_at: datetime
    retired_at: datetime | None
    nodes: int
    """How many nodes hold a certificate of it that still counts."""


class LeftBehindOut(Output):
    node_id: str
    node: str
    code: rotation.Obstacle
    why: str
    """The same for people."""


class AuthoritiesOut(Output):
    items: list[AuthorityOut]
    """The newest first."""
    rotating: bool
    waiting: list[LeftBehindOut]
    """Nodes that retiring the former authority would lock out."""
    trusted_pem: str
    """Certificates of those that are to be believed."""


@router.get("/authority")
async def get_authorities(session: ReadDep, clock: ClockDep) -> AuthoritiesOut:
    """The certificate authorities of this Brain, and how far a replacement is."""
    return await _shown(session, clock.now())


@router.post("/authority/rotate", status_code=201, responses=problems(RotationUnderWay))
async def rotate_authority(session: WriteDep, actor: ActorDep, clock: ClockDep) -> AuthoritiesOut:
    """Make a new certificate authority. Nodes that are connected change over to it by themselves."""
    await rotation.rotate(session, actor=actor, at=clock.now())
    await session.flush()
    return await _shown(session, clock.now())


@router.post("/authority/retire", responses=problems(NoRotation, NodesDepend))
async def retire_authority(
    body: RetireAuthority, session: WriteDep, actor: ActorDep, clock: ClockDep
) -> AuthoritiesOut:
    """Let the former certificate authority count no more. Its key is forgotten."""
    await rotation.retire(session, force=body.force, actor=actor, at=clock.now())
    await session.flush()
    return await _shown(session, clock.now())


async def _shown(session: AsyncSession, now: datetime) -> AuthoritiesOut:
    found = await rotation.records(session)
    current = [each for each in found if each.retired_at is None]
    counts = await _holders(session, found[0].fingerprint if found else "", now)
    rotating = len(current) > 1
    waiting = await rotation.dependents(session, current[-1].fingerprint, at=now) if rotating else []
    return AuthoritiesOut(
        items=[_out(each, current, counts[each.fingerprint]) for each in reversed(found)],
        rotating=rotating,
        waiting=[_waiting(each) for each in waiting],
        trusted_pem="".join(each.certificate_pem for each in current),
    )


async def _holders(session: AsyncSession, first: str, now: datetime) -> Counter[str]:
    rows = await session.execute(
        select(NodeCertificate.authority, func.count(NodeCertificate.node_id.distinct()))
        .where(NodeCertificate.revoked_at.is_(None), NodeCertificate.expires_at > now)
        .group_by(NodeCertificate.authority)
    )
    counts: Counter[str] = Counter()
    for authority, count in rows:
        counts[authority or first] += count
    return counts


def _waiting(found: rotation.Dependent) -> LeftBehindOut:
    return LeftBehindOut(node_id=found.node.id, node=found.node.name, code=found.code, why=found.why)


def _out(record: AuthorityRecord, current: Sequence[AuthorityRecord], nodes: int) -> AuthorityOut:
    certificate = x509.load_pem_x509_certificate(record.certificate_pem.encode())
    return AuthorityOut(
        fingerprint=record.fingerprint,
        state=_standing(record, current),
        created_at=record.created_at,
        expires_at=certificate.not_valid_after_utc,
        retired_at=record.retired_at,
        nodes=nodes,
    )


def _standing(record: AuthorityRecord, current: Sequence[AuthorityRecord]) -> Standing:
    if record.retired_at is not None:
        return "retired"
    if len(current) == 1:
        return "current"
    return "serving" if record is current[0] else "signing"
