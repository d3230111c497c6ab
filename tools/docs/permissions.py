"""`permissions.md`: the table by which the API decides."""

from __future__ import annotations

from hytopus.brain.accounts.permissions import TABLE, open_to_scoped
from hytopus.brain.accounts.roles import Role
from tools.docs.attributes import attribute_docs
from tools.docs.markdown import code, table

_INTRO = """
One table decides what each route of the API takes; the Brain does not start when a route has no row in it. A token may
have a lesser role than its owner, and then counts as that. A refusal is the error `forbidden`, and it is written into
the audit log.

Operators and viewers may be limited to regions and tags. Routes marked in the last column are open all the same: what
lies outside does not exist there. The others answer with `needs_everything`.
"""


def page() -> str:
    docs = attribute_docs(Role)
    roles = table(("Role", "May"), ((code(role.value), docs[role.name]) for role in Role))
    head = ("Method", "Path below `/api/v1`", *(role.value for role in reversed(Role)), "limited")
    routes = table(head, (_row(*key, least) for key, least in sorted(TABLE.items(), key=lambda item: item[0][::-1])))
    return f"# Permissions\n{_INTRO}\n{roles}\n\n{routes}\n\nRoutes with `everybody` need no login.\n"


def _row(method: str, path: str, least: Role | None) -> tuple[str, ...]:
    if least is None:
        return method, code(path), "everybody", "everybody", "everybody", "everybody"
    limited = "yes" if least is not Role.ADMIN and open_to_scoped(method, path) else ""
    return method, code(path), *("yes" if role.includes(least) else "" for role in reversed(Role)), limited
