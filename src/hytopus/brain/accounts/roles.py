"""The three roles of the specification (8.1) and who a request is made by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hytopus.brain.activity.actor import Actor
from hytopus.brain.db.scope import Scope


class Role(StrEnum):
    ADMIN = "admin"
    """Everything."""
    OPERATOR = "operator"
    """Steers instances, templates and nodes; no users, no joins, no global settings."""
    VIEWER = "viewer"
    """Reads; never sees a secret."""

    def includes(self, other: Role) -> bool:
        """Whether this role may do all that the other may."""
        return _RANK[self] >= _RANK[other]


_RANK: Final = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}


def narrower(one: Role, other: Role) -> Role:
    """The lesser of two roles."""
    return other if one.includes(other) else one


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, and as what. A token may have a lesser role than its owner."""

    actor: Actor
    role: Role
    token_id: str
    scope: Scope = ()
    """What may be seen and steered; empty: everything."""
    by_cookie: bool = False
    must_enrol: bool = False
    """His role takes a second factor, which he has not set up yet."""
