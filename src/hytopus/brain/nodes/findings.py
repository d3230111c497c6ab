"""What is wrong with nodes as others see it: their own doctors, and a second machine with the same identity."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.nodes.events import tell
from hytopus.brain.nodes.models import NodeFindings
from hytopus.brain.nodes.queries import get
from hytopus.kit.findings import Finding, Severity
from hytopus.wire.messages import Findings, NodeFinding

_MOST: Final = 50
_LENGTH: Final = 500
"""A node that was broken into must not fill the database."""
_PARAMS: Final = 10
_TEXTS: Final = ("code", "severity", "subject", "what", "evidence", "remedy")
TOLD_AGAIN: Final = timedelta(hours=1)


async def note_findings(session: AsyncSession, node_id: str, told: Findings, *, at: datetime) -> None:
    """Keep what a node's doctor says; what it said before is gone."""
    findings = [_kept(each) for each in told.findings[:_MOST]]
    row = await session.get(NodeFindings, node_id)
    if row is None:
        session.add(NodeFindings(node_id=node_id, at=at, findings=findings))
    elif row.findings != findings:
        row.at, row.findings = at, findings


async def node_findings(session: AsyncSession) -> dict[str, list[Finding]]:
    """By node; the subjects are as the node calls them."""
    rows = await session.scalars(select(NodeFindings))
    return {row.node_id: [_finding(each) for each in row.findings] for row in rows}


async def note_double(session: AsyncSession, node_id: str, address: str, *, at: datetime) -> None:
    """Another machine came with this node's identity; it may well come again every few seconds."""
    node = await get(session, node_id, lock=True)
    if node is None or (node.doubled_at is not None and at - node.doubled_at < TOLD_AGAIN):
        return
    node.doubled_at, node.doubled_from = at, address[:64]
    message = f"Another machine came with the identity of node {node.name}, from {address or 'nowhere known'}."
    tell(session, node, "node.identity_doubled", message, at=at, data={"from": address})


def _kept(told: NodeFinding) -> dict[str, Any]:
    texts = {name: str(getattr(told, name))[:_LENGTH] for name in _TEXTS}
    params = {key[:_LENGTH]: value[:_LENGTH] for key, value in islice(told.params.items(), _PARAMS)}
    return {**texts, "params": params}


def _finding(kept: dict[str, Any]) -> Finding:
    """A later release may know other severities."""
    known = kept["severity"] in list(Severity)
    return Finding(**kept | {"severity": Severity(kept["severity"]) if known else Severity.NOTE})
