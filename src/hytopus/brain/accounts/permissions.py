"""The one table of who may do what: every route of the API with the least role it takes.

A route without a row, or a row without a route, stops the application from being built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from hytopus.brain.accounts.roles import Role
from hytopus.brain.http.routing import MountedRoute
from hytopus.errors import HytopusError

PUBLIC: Final = None
ADMIN: Final = Role.ADMIN
OPERATOR: Final = Role.OPERATOR
VIEWER: Final = Role.VIEWER

TABLE: Final[Mapping[tuple[str, str], Role | None]] = {
    ("GET", "/audit"): ADMIN,
    ("GET", "/audit/export"): ADMIN,
    ("GET", "/audit/verify"): ADMIN,
    ("GET", "/backups"): ADMIN,
    ("POST", "/backups"): ADMIN,
    ("DELETE", "/backups/{backup_id}"): ADMIN,
    ("POST", "/backups/{backup_id}/verify"): ADMIN,
    ("GET", "/brains"): VIEWER,
    ("GET", "/crashes"): VIEWER,
    ("GET", "/crashes/groups"): VIEWER,
    ("GET", "/crashes/{crash}"): VIEWER,
    ("GET", "/crashes/{crash}/bundle"): OPERATOR,
    ("GET", "/crashes/{crash}/log"): VIEWER,
    ("GET", "/doctor"): OPERATOR,
    ("GET", "/events"): VIEWER,
    ("GET", "/games"): VIEWER,
    ("GET", "/games/{name}"): VIEWER,
    ("GET", "/history"): VIEWER,
    ("GET", "/instances"): VIEWER,
    ("POST", "/instances"): OPERATOR,
    ("POST", "/instances/batch"): OPERATOR,
    ("POST", "/instances/preview"): VIEWER,
    ("POST", "/instances/preview/configs"): VIEWER,
    ("POST", "/instances/preview/content"): VIEWER,
    ("POST", "/instances/preview/files"): VIEWER,
    ("GET", "/instances/{instance}"): VIEWER,
    ("PATCH", "/instances/{instance}"): OPERATOR,
    ("DELETE", "/instances/{instance}"): OPERATOR,
    ("GET", "/instances/{instance}/console"): VIEWER,
    ("POST", "/instances/{instance}/console"): OPERATOR,
    ("GET", "/instances/{instance}/events"): VIEWER,
    ("GET", "/instances/{instance}/explain"): VIEWER,
    ("GET", "/instances/{instance}/files"): VIEWER,
    ("DELETE", "/instances/{instance}/files/content"): OPERATOR,
    ("GET", "/instances/{instance}/files/content"): VIEWER,
    ("PUT", "/instances/{instance}/files/content"): OPERATOR,
    ("GET", "/instances/{instance}/files/download"): OPERATOR,
    ("PUT", "/instances/{instance}/files/upload"): OPERATOR,
    ("GET", "/instances/{instance}/history"): VIEWER,
    ("POST", "/instances/{instance}/kill"): OPERATOR,
    ("POST", "/instances/{instance}/move"): OPERATOR,
    ("DELETE", "/instances/{instance}/move"): OPERATOR,
    ("GET", "/instances/{instance}/logs"): VIEWER,
    ("GET", "/instances/{instance}/logs/follow"): VIEWER,
    ("GET", "/instances/{instance}/provenance"): VIEWER,
    ("POST", "/instances/{instance}/restart"): OPERATOR,
    ("POST", "/instances/{instance}/start"): OPERATOR,
    ("POST", "/instances/{instance}/stop"): OPERATOR,
    ("POST", "/instances/{instance}/upgrade"): OPERATOR,
    ("POST", "/instances/{instance}/upgrade/plan"): VIEWER,
    ("POST", "/instances/{instance}/upgrade/plan/content"): VIEWER,
    ("GET", "/join-info"): PUBLIC,
    ("POST", "/login"): PUBLIC,
    ("POST", "/logout"): VIEWER,
    ("GET", "/me"): VIEWER,
    ("POST", "/me/password"): VIEWER,
    ("POST", "/me/second-factor"): VIEWER,
    ("POST", "/me/second-factor/confirm"): VIEWER,
    ("POST", "/me/second-factor/disable"): VIEWER,
    ("POST", "/me/second-factor/recovery-codes"): VIEWER,
    ("GET", "/me/sessions"): VIEWER,
    ("DELETE", "/me/sessions"): VIEWER,
    ("DELETE", "/me/sessions/{session_id}"): VIEWER,
    ("GET", "/me/tokens"): VIEWER,
    ("POST", "/me/tokens"): VIEWER,
    ("DELETE", "/me/tokens/{token_id}"): VIEWER,
    ("GET", "/nodes"): VIEWER,
    ("POST", "/nodes/join-tokens"): ADMIN,
    ("GET", "/nodes/{node}"): VIEWER,
    ("PATCH", "/nodes/{node}"): OPERATOR,
    ("DELETE", "/nodes/{node}"): ADMIN,
    ("GET", "/nodes/{node}/cache"): VIEWER,
    ("POST", "/nodes/{node}/cordon"): OPERATOR,
    ("POST", "/nodes/{node}/dev-mode"): OPERATOR,
    ("POST", "/nodes/{node}/drain"): OPERATOR,
    ("GET", "/nodes/{node}/history"): VIEWER,
    ("POST", "/nodes/{node}/purge"): OPERATOR,
    ("POST", "/nodes/{node}/revoke"): ADMIN,
    ("GET", "/authority"): ADMIN,
    ("POST", "/authority/rotate"): ADMIN,
    ("POST", "/authority/retire"): ADMIN,
    ("POST", "/nodes/{node}/uncordon"): OPERATOR,
    ("POST", "/nodes/{node}/lost"): OPERATOR,
    ("POST", "/nodes/{node}/undrain"): OPERATOR,
    ("GET", "/oidc"): PUBLIC,
    ("GET", "/oidc/callback"): PUBLIC,
    ("GET", "/oidc/login"): PUBLIC,
    ("POST", "/oidc/logout"): VIEWER,
    ("GET", "/status"): VIEWER,
    ("GET", "/templates"): VIEWER,
    ("GET", "/templates/{template_id}"): VIEWER,
    ("PATCH", "/templates/{template_id}"): OPERATOR,
    ("DELETE", "/templates/{template_id}"): OPERATOR,
    ("GET", "/templates/{template_id}/compare"): VIEWER,
    ("GET", "/templates/{template_id}/compare/content"): VIEWER,
    ("GET", "/templates/{template_id}/versions"): VIEWER,
    ("GET", "/templates/{template_id}/versions/{version}"): VIEWER,
    ("DELETE", "/templates/{template_id}/versions/{version}"): OPERATOR,
    ("GET", "/templates/{template_id}/versions/{version}/download"): OPERATOR,
    ("GET", "/templates/{template_id}/versions/{version}/files"): VIEWER,
    ("GET", "/templates/{template_id}/versions/{version}/files/content"): VIEWER,
    ("POST", "/templates/{template_id}/versions/{version}/uploads"): OPERATOR,
    ("DELETE", "/templates/{template_id}/versions/{version}/uploads/{upload_id}"): OPERATOR,
    ("POST", "/templates/{template_id}/versions/{version}/uploads/{upload_id}/complete"): OPERATOR,
    ("POST", "/templates/{template_id}/versions/{version}/uploads/{upload_id}/parts"): OPERATOR,
    ("GET", "/users"): ADMIN,
    ("POST", "/users"): ADMIN,
    ("GET", "/users/{user}"): ADMIN,
    ("PATCH", "/users/{user}"): ADMIN,
    ("DELETE", "/users/{user}"): ADMIN,
    ("DELETE", "/users/{user}/second-factor"): ADMIN,
    ("DELETE", "/users/{user}/sessions"): ADMIN,
}

BEFORE_ENROLMENT: Final = frozenset(
    {
        ("POST", "/logout"),
        ("GET", "/me"),
        ("POST", "/me/password"),
        ("POST", "/me/second-factor"),
        ("POST", "/me/second-factor/confirm"),
        ("POST", "/oidc/logout"),
    }
)
"""All that is open to a login whose role takes a second factor, until there is one."""


_OWN: Final = ("/logout", "/me", "/oidc/logout")
_SHARED: Final = frozenset(
    {
        ("GET", "/crashes"),
        ("GET", "/crashes/groups"),
        ("GET", "/crashes/{crash}"),
        ("GET", "/crashes/{crash}/bundle"),
        ("GET", "/crashes/{crash}/log"),
        ("GET", "/events"),
        ("GET", "/games"),
        ("GET", "/games/{name}"),
        ("GET", "/history"),
        ("GET", "/instances"),
        ("POST", "/instances"),
        ("POST", "/instances/batch"),
        ("GET", "/nodes"),
        ("GET", "/status"),
    }
)


def open_to_scoped(method: str, path: str) -> bool:
    """Whether somebody who is limited to a part may use a route at all.

    He may where it is about one instance or node, which he must be able to see; about his own account or a preview; in
    `_SHARED`, lists that show him his part; and read templates. Nothing else, and so no new route by accident.
    """
    own = any(path == prefix or path.startswith(f"{prefix}/") for prefix in (*_OWN, "/instances/preview"))
    reads_templates = method == "GET" and (path == "/templates" or path.startswith("/templates/"))
    return own or reads_templates or "/{instance}" in path or "/{node}" in path or (method, path) in _SHARED


@dataclass(frozen=True, slots=True)
class Permission:
    """What a route takes."""

    least: Role | None
    before_enrolment: bool
    scoped: bool
    """Open to those who may see and steer a part only."""


class PermissionTableMismatch(HytopusError):
    code: ClassVar[str] = "permission_table_mismatch"
    template: ClassVar[str] = "Routes without a permission: {missing}. Permissions without a route: {stale}."
    remedy: ClassVar[str] = "Mend accounts/permissions.py."


def permissions_of(
    routes: Iterable[MountedRoute], table: Mapping[tuple[str, str], Role | None] = TABLE
) -> dict[Callable[..., Any], Permission]:
    """What every endpoint takes; raises `PermissionTableMismatch`."""
    mounted = {(route.method, route.path): route.endpoint for route in routes}
    missing, stale = mounted.keys() - table.keys(), table.keys() - mounted.keys()
    if missing or stale:
        raise PermissionTableMismatch(missing=_listed(missing), stale=_listed(stale))
    return {
        endpoint: Permission(table[key], key in BEFORE_ENROLMENT, open_to_scoped(*key))
        for key, endpoint in mounted.items()
    }


def _listed(keys: Iterable[tuple[str, str]]) -> str:
    return ", ".join(sorted(" ".join(key) for key in keys)) or "none"
