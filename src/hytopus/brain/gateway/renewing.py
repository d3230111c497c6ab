"""While one authority takes the place of another: nodes are asked to renew, and who did not is cut in the end."""

from __future__ import annotations

import asyncio
import random
from typing import Final

from hytopus.brain.authority.ca import Authority, NodeIdentity
from hytopus.brain.authority.commands import check_authority
from hytopus.brain.authority.errors import CertificateRevoked
from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.gateway.registry import LiveSession
from hytopus.kit.logs import get_logger
from hytopus.wire.messages import Refused, RegisterNode, RenewCertificate
from hytopus.wire.problems import problem_of

A_SECOND: Final = 100
"""So many nodes renew within one: each makes two connections for it."""

log = get_logger(__name__)


async def follow_authorities(
    live: LiveSession, gateway: Gateway, opening: RegisterNode, identity: NodeIdentity | None
) -> None:
    """Until cancelled, or the session stands on an authority that was retired."""
    authority = gateway.authority
    if authority is None or identity is None:
        return
    while True:
        changed = asyncio.ensure_future(authority.changed())
        try:
            if (refusal := _refusal(authority, identity)) is not None:
                log.warning("session cut", node=live.node_id, cause=str(refusal))
                await live.channel.send(Refused(problem_of(refusal)))
                await live.channel.close()
                return
            if authority.is_outdated(identity, opening.facts.trusts):
                await gateway.clock.sleep(random.uniform(0, len(gateway.sessions) / A_SECOND))  # noqa: S311
                log.info("node asked to renew its certificate", node=live.node_id)
                await live.channel.send(RenewCertificate())
            await changed
        finally:
            changed.cancel()


def _refusal(authority: Authority, identity: NodeIdentity) -> CertificateRevoked | None:
    try:
        check_authority(authority.aged(identity))
    except CertificateRevoked as error:
        return error
    return None
