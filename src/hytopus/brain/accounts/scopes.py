"""What a token may see and steer, and whether that is as much as another one may."""

from __future__ import annotations

from hytopus.brain.accounts.models import Token, User
from hytopus.brain.accounts.roles import Principal, Role, narrower
from hytopus.brain.db.scope import Limit, Scope, includes


def scope_of(user: User, token: Token | None = None) -> Scope:
    """Within the user's limits and all of the token's; an admin has none, but his tokens may. None: any login's."""
    own = user.scope if user.role is not Role.ADMIN else {}
    return tuple(limit for limit in map(Limit.of, (own, *(token.scopes if token else ()))) if limit)


def holds(principal: Principal, user: User, token: Token | None = None) -> bool:
    """Whether somebody may do at least what a token of the user may; None: what a login of his may."""
    role = narrower(token.role, user.role) if token else user.role
    return principal.role.includes(role) and includes(principal.scope, scope_of(user, token))
