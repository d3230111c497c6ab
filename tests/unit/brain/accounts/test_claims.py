"""What claims are worth: names, roles, limits; and what a setting must say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hytopus.brain.accounts.oidc.claims import check, person_of
from hytopus.brain.accounts.oidc.commands import safe_path
from hytopus.brain.accounts.oidc.errors import BadIdToken, OidcNotAdmitted
from hytopus.brain.accounts.oidc.settings import OidcSettings
from hytopus.brain.accounts.roles import Role
from hytopus.brain.db.scope import Limit
from hytopus.kit.ids import is_name

BASE: dict[str, Any] = {
    "issuer": "https://id.example.org",
    "client_id": "hytopus",
    "public_url": "https://panel.example.org",
    "grants": {
        "admins": {"role": "admin"},
        "eu": {"role": "operator", "regions": ["eu"]},
        "us": {"role": "operator", "regions": ["us"], "tags": ["ssd"]},
        "jp": {"role": "operator", "regions": ["jp"]},
        "big": {"role": "operator", "regions": ["us"], "tags": ["big"]},
        "eu-ssd": {"role": "operator", "regions": ["eu"], "tags": ["ssd"]},
        "any-ssd": {"role": "operator", "tags": ["ssd"]},
        "ops": {"role": "operator"},
        "all": {"role": "viewer"},
    },
}


def _person(groups: Any, **more: Any) -> tuple[Role, dict[str, Any]]:
    settings = OidcSettings.model_validate(BASE | more)
    person = person_of({"sub": "1", "preferred_username": "alice", "groups": groups}, settings)
    return person.role, person.scope


@pytest.mark.parametrize(
    ("groups", "role", "scope"),
    [
        (["all"], Role.VIEWER, {}),
        ("all", Role.VIEWER, {}),
        (["all", "eu"], Role.OPERATOR, {"regions": ["eu"]}),
        (["us", "eu"], Role.OPERATOR, {"regions": ["eu"], "others": [{"regions": ["us"], "tags": ["ssd"]}]}),
        (["eu", "jp"], Role.OPERATOR, {"regions": ["eu", "jp"]}),
        (["us", "big"], Role.OPERATOR, {"regions": ["us"], "tags": ["big", "ssd"]}),
        (["eu", "eu-ssd", "eu"], Role.OPERATOR, {"regions": ["eu"]}),
        (["us", "any-ssd"], Role.OPERATOR, {"tags": ["ssd"]}),
        (
            ["big", "eu-ssd"],
            Role.OPERATOR,
            {"regions": ["eu"], "tags": ["ssd"], "others": [{"regions": ["us"], "tags": ["big"]}]},
        ),
        (["eu", "ops"], Role.OPERATOR, {}),
        (["eu", "admins"], Role.ADMIN, {}),
    ],
)
def test_the_greatest_role_counts_with_all_its_limits(groups: Any, role: Role, scope: dict[str, Any]) -> None:
    assert _person(groups) == (role, scope)


_GRANTS = st.builds(
    lambda regions, tags: {"role": "operator", "regions": regions, "tags": tags},
    st.lists(st.sampled_from(["eu", "us", "jp"]), max_size=2),
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=2),
)


@given(st.lists(_GRANTS, min_size=1, max_size=4))
def test_several_grants_admit_what_one_of_them_admits_and_nothing_else(grants: list[dict[str, Any]]) -> None:
    named = {str(n): grant for n, grant in enumerate(grants)}
    _, scope = _person(list(named), grants=named)
    merged, single = Limit.of(scope), [Limit.of(grant) for grant in grants]
    for region in ("eu", "us", "jp", ""):
        for tags in ([], ["a"], ["b"], ["c"], ["a", "b"]):
            assert merged.admits(region, tags) == any(limit.admits(region, tags) for limit in single)


@pytest.mark.parametrize("groups", [[], None, ["ALL"], {"all": True}, [["all"]], 7])
def test_nothing_else_stands_for_a_role(groups: Any) -> None:
    with pytest.raises(OidcNotAdmitted, match="none of its groups stands for a role"):
        _person(groups)
    assert _person(groups, default_role="viewer") == (Role.VIEWER, {})


def test_claims_can_lie_inside_others() -> None:
    settings = OidcSettings.model_validate(BASE | {"role_claim": "realm_access.roles"})
    claims = {"sub": "1", "preferred_username": "alice", "realm_access": {"roles": ["ops"]}}
    assert person_of(claims, settings).role is Role.OPERATOR


@given(st.text())
def test_names_are_names_or_nobody_is_let_in(given_name: str) -> None:
    settings = OidcSettings.model_validate(BASE)
    try:
        person = person_of({"sub": "1", "preferred_username": given_name, "groups": ["all"]}, settings)
    except OidcNotAdmitted:
        return
    assert is_name(person.name)


@given(st.text())
def test_every_way_on_stays_in_the_panel(path: str) -> None:
    safe = safe_path(path)
    assert safe.startswith("/")
    assert not safe.startswith(("//", "/\\"))
    assert safe.isprintable()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"issuer": "http://id.example.org"}, "https"),
        ({"client_id": ""}, "client_id"),
        ({"grants": {}}, "nobody could log in"),
        ({"grants": {"a": {"role": "admin", "regions": ["eu"]}}}, "cannot be limited"),
    ],
)
def test_settings_that_cannot_work_are_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        OidcSettings.model_validate(BASE | change)


NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "iss": "https://id.example.org",
    "aud": "hytopus",
    "sub": "1",
    "nonce": "n",
    "iat": NOW.timestamp() - 5,
    "exp": NOW.timestamp() + 300,
}


def _check(**changes: Any) -> None:
    claims = {name: value for name, value in (GOOD | changes).items() if value != "absent"}
    check(claims, {"alg": "RS256"}, OidcSettings.model_validate(BASE), nonce="n", now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["hytopus"]},
        {"aud": ["other", "hytopus"], "azp": "hytopus"},
        {"exp": NOW.timestamp() - 30},
        {"iat": NOW.timestamp() + 30},
    ],
)
def test_a_token_that_holds(changes: dict[str, Any]) -> None:
    _check(**changes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://id.example.org/"}, "it is from"),
        ({"iss": ["https://id.example.org"]}, "it is from"),
        ({"aud": ["other", "hytopus"]}, "somebody else"),
        ({"aud": "other"}, "somebody else"),
        ({"aud": []}, "somebody else"),
        ({"aud": {"hytopus": 1}}, "somebody else"),
        ({"azp": "other"}, "somebody else"),
        ({"nonce": "m"}, "another login"),
        ({"nonce": ""}, "another login"),
        ({"nonce": "absent"}, "another login"),
        ({"sub": ""}, "names nobody"),
        ({"sub": 1}, "names nobody"),
        ({"sub": "absent"}, "names nobody"),
        ({"exp": NOW.timestamp() - 61}, "has expired"),
        ({"exp": "tomorrow"}, "has expired"),
        ({"exp": "absent"}, "has expired"),
        ({"iat": NOW.timestamp() + 61}, "not made just now"),
        ({"iat": NOW.timestamp() - 601}, "not made just now"),
        ({"iat": "absent"}, "not made just now"),
        ({"nbf": NOW.timestamp() + 300}, "nbf does not hold"),
        ({"sub": "x" * 256}, "more than 255 characters"),
    ],
)
def test_a_token_that_does_not_hold(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(BadIdToken, match=why):
        _check(**changes)
