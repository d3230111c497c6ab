"""How a node gets its certificate, and the next one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JoinRequest:
    token: str
    node_name: str
    csr_pem: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """A new certificate for the node that calls, before the old one runs out."""

    csr_pem: str


@dataclass(frozen=True, slots=True)
class Certificates:
    node_id: str
    certificate_pem: str
    ca_pem: str
