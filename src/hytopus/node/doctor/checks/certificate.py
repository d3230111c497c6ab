"""The certificate of this node."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from hytopus.kit.findings import Finding, Severity
from hytopus.node.doctor.facts import Facts

SOON: Final = timedelta(days=3)


def check(facts: Facts) -> Iterator[Finding]:
    if facts.certificate_until - facts.now < SOON:
        yield Finding(
            "node_certificate_expires",
            Severity.ERROR,
            "the certificate",
            "It runs out, although the agent renews it long before.",
            f"It is good until {facts.certificate_until:%Y-%m-%d %H:%M} UTC.",
            "Let the agent run and reach the Brain; if it has expired already, remove the node there and join again.",
            params={"at": facts.certificate_until.isoformat()},
        )
