"""Logins, tokens, users and what is written down about them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from hytopus.brain.accounts import commands
from hytopus.brain.accounts.models import Token, User
from hytopus.brain.accounts.passwords import Passwords
from hytopus.brain.accounts.roles import Role
from hytopus.brain.db.engine import Database
from tests.integration.api.clock import StepClock
from tests.integration.api.world import PASSWORD, World


async def _login(world: World, name: str = "admin", password: str = PASSWORD) -> httpx2.Response:
    return await world.client().post("/login", json={"name": name, "password": password})


async def test_a_login_gives_a_token_that_works_until_logout(world: World) -> None:
    answer = await _login(world)
    assert answer.status_code == 200, answer.text
    client = world.client(answer.json()["token"])
    assert (await client.get("/me")).json()["user"]["name"] == "admin"
    assert (await client.post("/logout")).status_code == 204
    refused = await client.get("/me")
    assert refused.status_code == 401
    assert refused.json()["code"] == "invalid_token"
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.headers["content-type"] == "application/problem+json"


async def test_a_login_lives_while_it_is_used_and_ends_a_day_after(world: World, clock: StepClock) -> None:
    client = world.client((await _login(world)).json()["token"])
    for _ in range(3):
        clock.advance(20 * 3600)
        assert (await client.get("/me")).status_code == 200
    clock.advance(25 * 3600)
    assert (await client.get("/me")).json()["code"] == "invalid_token"


async def test_only_hashes_of_tokens_and_passwords_are_kept(world: World) -> None:
    secret = (await _login(world)).json()["token"]
    async with world.database.read() as session:
        rows = [*(await session.scalars(select(Token))), *(await session.scalars(select(User)))]
    kept = " ".join(str(vars(row)) for row in rows)
    assert secret not in kept
    assert PASSWORD not in kept
    assert "$argon2id$" in kept


async def test_wrong_passwords_and_unknown_users_look_the_same(world: World) -> None:
    wrong, unknown = await _login(world, password="wrong"), await _login(world, name="nobody")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["detail"] == unknown.json()["detail"]
    outcomes = [
        (r["target"], r["outcome"]) for r in await world.audit(action="session.begin") if r["outcome"] != "done"
    ]
    assert outcomes == [("user:admin", "invalid_credentials"), ("user:nobody", "invalid_credentials")]


async def test_guessing_is_slowed_down_and_the_wait_is_told(world: World, clock: StepClock) -> None:
    for _ in range(10):
        assert (await _login(world, password="wrong")).status_code == 401
    refused = await _login(world)
    assert refused.status_code == 429
    assert refused.json()["code"] == "too_many_attempts"
    assert refused.json()["retryable"] is True
    clock.advance(int(refused.headers["retry-after"]))
    assert (await _login(world)).status_code == 200
    for _ in range(3):
        assert (await _login(world, password="wrong")).status_code == 401


async def test_an_address_cannot_try_many_names(world: World) -> None:
    answers = [(await _login(world, name=f"user{number}")).status_code for number in range(31)]
    assert answers == [401] * 30 + [429]


async def test_api_tokens_can_be_narrowed_listed_and_revoked(world: World) -> None:
    operator = world.acting(Role.OPERATOR)
    made = await operator.post("/me/tokens", json={"name": "dashboard", "role": "viewer"})
    assert made.status_code == 201
    token = made.json()
    program = world.client(token["token"])
    assert (await program.get("/me")).json()["role"] == "viewer"
    assert (await program.patch("/templates/x", json={})).json()["code"] == "forbidden"
    widened = await program.post("/me/tokens", json={"name": "more", "role": "operator"})
    assert widened.json()["code"] == "token_role_too_high"
    listed = (await operator.get("/me/tokens")).json()
    assert [(each["name"], each["hint"]) for each in listed] == [("dashboard", token["token"][:8])]
    assert "token" not in listed[0]
    assert (await operator.delete(f"/me/tokens/{token['id']}")).status_code == 204
    assert (await program.get("/me")).status_code == 401


@pytest.mark.parametrize("lesser", [{"role": "viewer"}, {"role": "operator", "scope": {"regions": ["eu"]}}])
async def test_a_lesser_token_ends_nothing_that_may_do_more(world: World, lesser: dict[str, Any]) -> None:
    operator = world.acting(Role.OPERATOR)
    greater = (await operator.post("/me/tokens", json={"name": "greater"})).json()
    mine = (await operator.post("/me/tokens", json={"name": "mine", **lesser})).json()
    alike = (await operator.post("/me/tokens", json={"name": "alike", **lesser})).json()
    [login] = (await operator.get("/me/sessions")).json()
    program = world.client(mine["token"])
    for path in (f"/me/tokens/{greater['id']}", f"/me/sessions/{login['id']}", "/me/sessions"):
        refused = await program.delete(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "token_holds_more"), path
    assert (await world.client(greater["token"]).get("/me")).status_code == 200
    assert (await program.delete(f"/me/tokens/{alike['id']}")).status_code == 204
    assert (await program.delete(f"/me/tokens/{mine['id']}")).status_code == 204
    assert (await program.get("/me")).status_code == 401
    assert (await operator.delete(f"/me/tokens/{greater['id']}")).status_code == 204


async def test_limits_within_limits_are_compared_by_what_they_admit(world: World) -> None:
    operator = world.acting(Role.OPERATOR)
    made = {
        name: (await operator.post("/me/tokens", json={"name": name, "scope": scope})).json()
        for name, scope in (
            ("eu", {"regions": ["eu"]}),
            ("eu-us", {"regions": ["eu", "us"]}),
            ("eu-ssd", {"regions": ["eu"], "tags": ["ssd"]}),
            ("ssd", {"tags": ["ssd"]}),
        )
    }
    program = world.client(made["eu"]["token"])
    answers = {
        name: (await program.delete(f"/me/tokens/{made[name]['id']}")).status_code for name in made if name != "eu"
    }
    assert answers == {"eu-us": 403, "eu-ssd": 204, "ssd": 403}


async def test_a_token_ends_when_it_said_it_would(world: World, clock: StepClock) -> None:
    admin = world.acting(Role.ADMIN)
    end = clock.now() + timedelta(hours=1)
    made = await admin.post("/me/tokens", json={"name": "short", "expires_at": end.isoformat()})
    program = world.client(made.json()["token"])
    assert (await program.get("/users")).status_code == 200
    clock.advance(3600)
    assert (await program.get("/users")).status_code == 401
    past = await admin.post("/me/tokens", json={"name": "late", "expires_at": end.isoformat()})
    assert past.json()["code"] == "expiry_in_the_past"


async def test_a_token_that_ends_makes_none_that_outlives_it(world: World, clock: StepClock) -> None:
    end = clock.now() + timedelta(hours=1)
    made = await world.acting(Role.ADMIN).post("/me/tokens", json={"name": "short", "expires_at": end.isoformat()})
    program = world.client(made.json()["token"])
    for name, asked in (("ever", None), ("later", end + timedelta(days=1))):
        child = await program.post("/me/tokens", json={"name": name, "expires_at": asked and asked.isoformat()})
        assert datetime.fromisoformat(child.json()["expires_at"]) == end
    sooner = end - timedelta(minutes=1)
    child = await program.post("/me/tokens", json={"name": "sooner", "expires_at": sooner.isoformat()})
    assert datetime.fromisoformat(child.json()["expires_at"]) == sooner


async def test_token_names_are_unique_per_user(world: World) -> None:
    assert (await world.acting(Role.ADMIN).post("/me/tokens", json={"name": "ci"})).status_code == 201
    assert (await world.acting(Role.VIEWER).post("/me/tokens", json={"name": "ci"})).status_code == 201
    again = await world.acting(Role.ADMIN).post("/me/tokens", json={"name": "ci"})
    assert again.json()["code"] == "token_name_taken"


async def test_nobody_revokes_the_tokens_of_others(world: World) -> None:
    made = (await world.acting(Role.ADMIN).post("/me/tokens", json={"name": "ci"})).json()
    refused = await world.acting(Role.VIEWER).delete(f"/me/tokens/{made['id']}")
    assert refused.json()["code"] == "token_not_found"
    assert (await world.client(made["token"]).get("/me")).status_code == 200


async def test_nobody_is_called_what_somebody_else_is_known_by(world: World) -> None:
    """Else whoever is asked about one would be answered about the other."""
    admin = world.acting(Role.ADMIN)
    victim = (await admin.get("/users/operator")).json()["id"]
    body = {"name": victim, "password": "long-enough-password", "role": "viewer"}
    assert (await admin.post("/users", json=body)).json()["code"] == "user_name_taken"
    async with world.database.write() as session:
        session.add(User(name=victim, password_hash="x", role=Role.VIEWER, created_at=world.clock.now()))
    assert (await admin.get(f"/users/{victim}")).json()["name"] == "operator"
    assert (await world.acting(Role.OPERATOR).get("/me")).json()["user"]["name"] == "operator"
    assert (await _login(world, "operator")).status_code == 200


async def test_users_are_made_changed_and_removed(world: World) -> None:
    admin = world.acting(Role.ADMIN)
    body = {"name": "nora", "password": "long-enough-password", "role": "viewer"}
    assert (await admin.post("/users", json=body)).status_code == 201
    assert (await admin.post("/users", json=body)).json()["code"] == "user_name_taken"
    nora = world.client((await _login(world, "nora", "long-enough-password")).json()["token"])
    assert (await nora.get("/users")).json()["code"] == "forbidden"
    assert (await admin.patch("/users/nora", json={"role": "admin"})).json()["role"] == "admin"
    assert (await nora.get("/users")).status_code == 401, "another role ends the logins of before"
    nora = world.client((await _login(world, "nora", "long-enough-password")).json()["token"])
    assert (await nora.get("/users")).status_code == 200
    assert (await admin.patch("/users/nora", json={"disabled": True})).json()["disabled"] is True
    assert (await nora.get("/me")).status_code == 401
    assert (await _login(world, "nora", "long-enough-password")).status_code == 401
    assert (await admin.delete("/users/nora")).status_code == 204
    assert (await admin.get("/users/nora")).json()["code"] == "user_not_found"
    names = [user["name"] for user in (await admin.get("/users")).json()["items"]]
    assert names == ["admin", "operator", "viewer"]


async def test_the_last_admin_stays(world: World) -> None:
    admin = world.acting(Role.ADMIN)
    for answer in (
        await admin.patch("/users/admin", json={"role": "operator"}),
        await admin.patch("/users/admin", json={"disabled": True}),
        await admin.delete("/users/admin"),
    ):
        assert answer.status_code == 409
        assert answer.json()["code"] == "last_admin"
    await admin.patch("/users/viewer", json={"role": "admin"})
    assert (await admin.delete("/users/admin")).status_code == 204


async def test_a_new_password_ends_the_other_logins(world: World) -> None:
    here, there = [world.client((await _login(world)).json()["token"]) for _ in range(2)]
    wrong = await here.post("/me/password", json={"password": "wrong", "new_password": "another-password"})
    assert wrong.json()["code"] == "wrong_password"
    short = await here.post("/me/password", json={"password": PASSWORD, "new_password": "short"})
    (problem,) = short.json()["errors"]
    assert (problem["field"], problem["message"]) == ("new_password", "Value error, 10 to 256 characters")
    done = await here.post("/me/password", json={"password": PASSWORD, "new_password": "another-password"})
    assert done.status_code == 204
    assert (await here.get("/me")).status_code == 200
    assert (await there.get("/me")).status_code == 401
    assert (await _login(world)).status_code == 401
    assert (await _login(world, password="another-password")).status_code == 200


async def test_an_admin_can_set_a_password_and_the_audit_does_not_hold_it(world: World) -> None:
    admin = world.acting(Role.ADMIN)
    assert (await admin.patch("/users/viewer", json={"password": "given-by-the-admin"})).status_code == 200
    assert (await world.acting(Role.VIEWER).get("/me")).status_code == 401
    assert (await _login(world, "viewer", "given-by-the-admin")).status_code == 200
    records = await world.audit(target="user:viewer", action="user.change")
    assert records[0]["after"] == {"role": "viewer", "disabled": False, "password": "changed"}
    assert "given-by-the-admin" not in str(await world.audit())


async def test_the_panels_cookie_is_good_for_its_own_site_only(world: World) -> None:
    client = world.client()
    answer = await client.post("/login", json={"name": "admin", "password": PASSWORD, "cookie": True})
    assert answer.json()["token"] is None
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert (await client.get("/me")).status_code == 200
    body = {"name": "ci"}
    assert (await client.post("/me/tokens", json=body)).json()["code"] == "cross_site_request"
    other = {"Origin": "https://evil.example"}
    assert (await client.post("/me/tokens", json=body, headers=other)).json()["code"] == "cross_site_request"
    cross = {"Origin": world.url, "Sec-Fetch-Site": "cross-site"}
    assert (await client.post("/me/tokens", json=body, headers=cross)).json()["code"] == "cross_site_request"
    own = {"Origin": world.url, "Sec-Fetch-Site": "same-origin"}
    assert (await client.post("/me/tokens", json=body, headers=own)).status_code == 201
    assert (await client.post("/logout", headers=own)).status_code == 204
    assert (await client.get("/me")).json()["code"] == "not_authenticated"


async def test_the_first_admin_is_made_once(database: Database, clock: StepClock) -> None:
    passwords = Passwords(cheap=True)
    password = await commands.ensure_admin(database, clock, passwords)
    assert password is not None
    assert await commands.ensure_admin(database, clock, passwords) is None
    async with database.read() as session:
        user = (await session.scalars(select(User))).one()
    assert user.role is Role.ADMIN
    assert await passwords.verify(password, user.password_hash)
