"""Passwords and tokens."""

from __future__ import annotations

import pytest

from hytopus.brain.accounts.passwords import Passwords, generate_password
from hytopus.brain.accounts.roles import Role, narrower
from hytopus.brain.accounts.tokens import hash_token, hint_of, new_token


async def test_a_password_is_verified_against_its_hash() -> None:
    passwords = Passwords(cheap=True)
    kept = await passwords.hash("a password")
    assert kept.startswith("$argon2id$")
    assert await passwords.verify("a password", kept)
    assert not await passwords.verify("another", kept)


async def test_nobody_has_no_password_and_a_damaged_hash_matches_nothing() -> None:
    passwords = Passwords(cheap=True)
    assert not await passwords.verify("", None)
    assert not await passwords.verify("x", "not a hash")


def test_the_real_parameters_are_strong() -> None:
    kept = Passwords()._hash.hash("x")
    assert "m=65536,t=3,p=4" in kept


def test_generated_passwords_differ_and_can_be_typed() -> None:
    made = {generate_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(each) == 23 and not set(each) & set("01ilo") for each in made)


def test_tokens_are_recognised_but_not_revealed_by_their_hint() -> None:
    token = new_token()
    assert token.startswith("hyt_")
    assert len(token) == 44
    assert token.startswith(hint_of(token))
    assert len(hint_of(token)) == 8
    assert hash_token(token) != hash_token(new_token())


@pytest.mark.parametrize("one", list(Role))
@pytest.mark.parametrize("other", list(Role))
def test_roles_are_ordered(one: Role, other: Role) -> None:
    assert one.includes(other) or other.includes(one)
    assert one.includes(narrower(one, other))
    assert other.includes(narrower(one, other))
    assert Role.ADMIN.includes(one)
    assert one.includes(Role.VIEWER)
