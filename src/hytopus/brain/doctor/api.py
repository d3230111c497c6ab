"""The route of the doctor."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from fastapi import Request

from hytopus.brain.accounts.dependencies import PrincipalDep
from hytopus.brain.accounts.roles import Role
from hytopus.brain.doctor.checks import CHECKS, FOR_ADMINS
from hytopus.brain.doctor.gather import gather
from hytopus.brain.http.dependencies import EdgeDep
from hytopus.brain.http.routing import feature_router
from hytopus.brain.http.schemas import Output
from hytopus.brain.nodes.remote import PresenceDep
from hytopus.kit.findings import Finding, Severity, examine

router = feature_router("doctor")
_OF_NODE: Final = "node_"
"""Begins the code of what is called the same on the node, without it."""


class FindingOut(Output):
    code: str
    severity: Severity
    subject: str
    """What it is about, as people call it."""
    what: str
    evidence: str
    remedy: str
    link: str
    """`node:ID` or `instance:ID` where there is a page about it."""
    params: dict[str, Any]
    """What the evidence names; `case` tells apart what one code may say."""


class DoctorOut(Output):
    at: datetime
    checks: int
    """How many known problems were looked for."""
    findings: list[FindingOut]
    """The worst first."""


def once(found: Sequence[Finding]) -> list[Finding]:
    """A node's doctor and the Brain's may see the same problem: then what the Brain's says about the node is enough."""
    seen = {(each.code, each.link): each for each in reversed(found) if each.link.startswith("node:")}
    told = {(code.removeprefix(_OF_NODE), link) for code, link in seen if code.startswith(_OF_NODE)}
    return [
        each
        for each in found
        if not each.link.startswith("node:")
        or ((each.code, each.link) not in told and seen[each.code, each.link] is each)
    ]


@router.get("/doctor")
async def get_doctor(request: Request, edge: EdgeDep, presence: PresenceDep, principal: PrincipalDep) -> DoctorOut:
    """Look for every known problem that needs a person; each comes with its remedy.

    What is wrong with accounts is for admins: it says whose password is worth guessing.
    """
    state = request.app.state
    certificates = getattr(state, "own_certificates", tuple)
    backups = getattr(state, "backups", None)
    facts = await gather(
        edge.database,
        presence,
        edge.store,
        edge.clock,
        writes=edge.metrics.writes,
        certificates=await asyncio.to_thread(certificates),
        backup_every_h=backups.settings.every_hours if backups else 24.0,
    )
    checks = CHECKS if principal.role is Role.ADMIN else [check for check in CHECKS if check not in FOR_ADMINS]
    findings = [FindingOut.model_validate(finding) for finding in once(examine(facts, checks))]
    return DoctorOut(at=facts.now, checks=len(checks), findings=findings)
