"""One authority takes the place of another, without any node being locked out.

```
           rotate                        retire
  A serves ───────▶ A serves, B signs ─────────▶ B serves
                    nodes renew, and believe both
```

From `rotate` on, nodes get certificates of the new authority and learn to believe it; Brains go on showing
certificates of the former one, which every node believes. `retire` is refused until every node has followed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import Actor
from hytopus.brain.activity.commands import audit, record
from hytopus.brain.authority.errors import NodesDepend, NoRotation, RotationUnderWay
from hytopus.brain.authority.keys import Ring, Signer, new_signer, read_signer
from hytopus.brain.authority.models import AuthorityRecord, NodeCertificate
from hytopus.brain.db.signals import signal
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.queries import all_nodes

CHANGED: Final = "authority"
"""Signal: other authorities count."""
_NAMES_TOLD: Final = 5
Obstacle = Literal["unbelieving", "unrenewed"]
_WHY: Final[dict[Obstacle, str]] = {
    "unbelieving": "it does not believe the new authority yet",
    "unrenewed": "it has a certificate of the former authority",
}


@dataclass(frozen=True, slots=True)
class Dependent:
    """A node that the retirement of the former authority would lock out."""

    node: Node
    code: Obstacle

    @property
    def why(self) -> str:
        return _WHY[self.code]


async def records(session: AsyncSession, *, lock: bool = False) -> Sequence[AuthorityRecord]:
    """All of them, the first one first."""
    wanted = select(AuthorityRecord).order_by(AuthorityRecord.number)
    return list(await session.scalars(wanted.with_for_update() if lock else wanted))


def ring_of(found: Sequence[AuthorityRecord]) -> Ring:
    """What they amount to; there is at least one."""
    current = [_signer(each) for each in found if each.retired_at is None]
    retired = tuple(
        (x509.load_pem_x509_certificate(each.certificate_pem.encode()), each.retired_at)
        for each in found
        if each.retired_at is not None
    )
    return Ring(current[0], current[-1], retired, found[0].fingerprint)


def remember(session: AsyncSession, signer: Signer, number: int, *, at: datetime) -> AuthorityRecord:
    """Add one to those that count."""
    made = AuthorityRecord(
        number=number,
        fingerprint=signer.fingerprint,
        certificate_pem=signer.pem,
        key_pem=signer.key_pem,
        created_at=at,
    )
    session.add(made)
    return made


async def rotate(session: AsyncSession, *, actor: Actor, at: datetime) -> AuthorityRecord:
    """Make the next authority. Raises `RotationUnderWay`."""
    found = await records(session, lock=True)
    current = [each for each in found if each.retired_at is None]
    if len(current) > 1:
        raise RotationUnderWay(serving=_short(current[0]), signing=_short(current[-1]))
    made = remember(session, new_signer(at), len(found) + 1, at=at)
    message = f"Authority {_short(made)} is to take the place of {_short(*current)}."
    _tell(session, actor, "rotate", message, at)
    return made


async def retire(session: AsyncSession, *, force: bool, actor: Actor, at: datetime) -> AuthorityRecord:
    """Let the former authority count no more. Raises `NoRotation`, `NodesDepend` unless forced."""
    current = [each for each in await records(session, lock=True) if each.retired_at is None]
    if len(current) < 2:
        raise NoRotation(serving=_short(*current))
    former, successor = current
    left = await dependents(session, successor.fingerprint, at=at)
    if left and not force:
        names = sorted(each.node.name for each in left)
        told = ", ".join(names[:_NAMES_TOLD]) + (", …" if len(names) > _NAMES_TOLD else "")
        raise NodesDepend(count=len(names), names=told)
    former.retired_at, former.key_pem = at, None
    _tell(session, actor, "retire", f"Authority {_short(former)} was retired for {_short(successor)}.", at)
    return former


async def dependents(session: AsyncSession, newest: str, *, at: datetime) -> list[Dependent]:
    """Nodes that have not followed to the newest authority. Those that are locked out anyway do not count."""
    rows = await session.execute(
        select(NodeCertificate.node_id, NodeCertificate.issued_at, NodeCertificate.authority).where(
            NodeCertificate.revoked_at.is_(None), NodeCertificate.expires_at > at
        )
    )
    good: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for node_id, issued_at, authority in rows:
        good[node_id].append((issued_at, authority))
    found: list[Dependent] = []
    for node in await all_nodes(session):
        counting = {by for issued_at, by in good[node.id] if node.revoked_at is None or issued_at >= node.revoked_at}
        if counting and (code := _depends(node, counting, newest)):
            found.append(Dependent(node, code))
    return found


def _depends(node: Node, authorities: Set[str], newest: str) -> Obstacle | None:
    if newest not in node.facts.get("trusts", ()):
        return "unbelieving"
    return None if authorities == {newest} else "unrenewed"


def _signer(found: AuthorityRecord) -> Signer:
    return read_signer((found.key_pem or "").encode(), found.certificate_pem.encode())


def _tell(session: AsyncSession, actor: Actor, verb: str, message: str, at: datetime) -> None:
    record(session, f"authority.{verb}d", subject=("system", "authority"), message=message, at=at, actor=actor)
    audit(session, actor, f"authority.{verb}", "authority", at=at, after={"what": message})
    signal(session, CHANGED)


def _short(*found: AuthorityRecord) -> str:
    return found[0].fingerprint[:16] if found else "none"
