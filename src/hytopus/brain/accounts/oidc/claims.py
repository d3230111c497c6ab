"""What an ID token must say, and what its claims are worth. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc.errors import ClaimError

from hytopus.brain.accounts.oidc.errors import BadIdToken, OidcNotAdmitted
from hytopus.brain.accounts.oidc.settings import Grant, OidcSettings
from hytopus.brain.accounts.roles import Role
from hytopus.brain.db.scope import Limit
from hytopus.kit.ids import is_name

LEEWAY_SECONDS: Final = 60
"""How far the clocks may be apart."""
FRESH_SECONDS: Final = 600
"""How old a token may be: it was made for a login that has just begun."""
SUBJECT: Final = 255
"""Characters of `sub`, at most (OpenID Connect Core 1.0, 2)."""
_WHY: Final = {
    "iss": "it is from {value}",
    "aud": "it is meant for somebody else",
    "azp": "it was made for somebody else",
    "nonce": "it belongs to another login",
    "sub": "it names nobody",
    "exp": "it has expired",
    "iat": "it was not made just now",
}
"""By the claim that does not hold, or is not there."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider means, and as what he comes."""

    issuer: str
    subject: str
    name: str
    role: Role
    scope: dict[str, Any]


def check(
    claims: Mapping[str, Any], header: Mapping[str, Any], settings: OidcSettings, *, nonce: str, now: datetime
) -> None:
    """Raises `BadIdToken`. The signature was checked before. OpenID Connect Core 1.0, 3.1.3.7."""
    options = {
        "iss": {"essential": True, "value": settings.issuer},
        "aud": {"essential": True, "value": settings.client_id},
        "sub": {"essential": True, "allow_blank": False},
    }
    token = CodeIDToken(claims, header, options, {"nonce": nonce, "client_id": settings.client_id})
    try:
        token.validate(int(now.timestamp()), LEEWAY_SECONDS)
    except ClaimError as error:
        raise BadIdToken(why=_WHY.get(error.claim, "{claim} does not hold").format(**_told(claims, error))) from error
    if len(str(claims["sub"])) > SUBJECT:
        raise BadIdToken(why=f"it names somebody in more than {SUBJECT} characters")
    if claims["iat"] < now.timestamp() - FRESH_SECONDS:
        raise BadIdToken(why=_WHY["iat"])


def _told(claims: Mapping[str, Any], error: ClaimError) -> dict[str, str]:
    return {"claim": error.claim, "value": repr(claims.get(error.claim))}


def person_of(claims: Mapping[str, Any], settings: OidcSettings) -> Person:
    """Raises `OidcNotAdmitted` where no role follows from the claims."""
    name = name_of(claims, settings)
    grants = [settings.grants[value] for value in _values(claims, settings.role_claim) if value in settings.grants]
    if not grants and settings.default_role is None:
        raise OidcNotAdmitted(name=name, why=f"none of its {settings.role_claim} stands for a role")
    if not grants:
        grants = [Grant.model_construct(role=settings.default_role, regions=[], tags=[])]
    role = max((grant.role for grant in grants), key=_rank)
    scope = _scope([grant for grant in grants if grant.role is role])
    return Person(settings.issuer, str(claims["sub"]), name, role, scope)


def name_of(claims: Mapping[str, Any], settings: OidcSettings) -> str:
    """A user name out of the claim, made of the letters that user names may have."""
    claim = claims.get(settings.name_claim)
    if settings.name_claim == "email" and claims.get("email_verified") is not True:
        raise OidcNotAdmitted(name=str(claim), why="the provider has not verified that address")
    name = re.sub(r"[^a-z0-9_-]+", "-", str(claim or "").lower().partition("@")[0]).strip("-_")[:64].strip("-_")
    if not is_name(name):
        raise OidcNotAdmitted(name=str(claims["sub"]), why=f"its {settings.name_claim} is no name")
    return name


def _scope(grants: Sequence[Grant]) -> dict[str, Any]:
    """What one of the grants admits; none where one of them has no limits.

    Grants are kept apart: who has the tag `a` in one region and `b` in another has neither `b` in the first.
    """
    limits = [Limit(frozenset(grant.regions), frozenset(grant.tags)) for grant in grants]
    if not all(limits):
        return {}
    alike = _joined(limits, by=lambda limit: limit.tags)
    apart = sorted(_joined(alike, by=lambda limit: limit.regions), key=str)
    needed = [
        limit
        for n, limit in enumerate(apart)
        if not any(other.includes(limit) for m, other in enumerate(apart) if m != n and (m < n or other != limit))
    ]
    first, *others = map(_document, needed)
    return {**first, "others": others} if others else first


def _joined(limits: Sequence[Limit], *, by: Callable[[Limit], frozenset[str]]) -> list[Limit]:
    """Those with the same tags may share their regions, and those with the same regions their tags."""
    alike: dict[frozenset[str], list[Limit]] = {}
    for limit in limits:
        alike.setdefault(by(limit), []).append(limit)
    return [
        Limit(_union(limit.regions for limit in group), _union(limit.tags for limit in group))
        for group in alike.values()
    ]


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """Of what each admits: an empty one admits any."""
    given = list(sets)
    return frozenset().union(*given) if all(given) else frozenset()


def _document(limit: Limit) -> dict[str, Any]:
    parts = {"regions": sorted(limit.regions), "tags": sorted(limit.tags)}
    return {name: values for name, values in parts.items() if values}


def _values(claims: Mapping[str, Any], path: str) -> list[str]:
    """The claim's texts; a claim of that very name goes before a way inside."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _rank(role: Role) -> int:
    return sum(role.includes(other) for other in Role)
