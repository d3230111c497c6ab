"""The second factor: setting it up, logging in with it, losing it, and who must have one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pyotp
import pytest
from sqlalchemy import text

from hytopus.brain.accounts.roles import Role
from hytopus.brain.accounts.settings import AccountSettings
from hytopus.brain.accounts.totp import PERIOD_SECONDS
from hytopus.brain.db.engine import Database
from hytopus.storage.memory import MemoryStore
from tests.integration.api.clock import StepClock
from tests.integration.api.world import PASSWORD, World, open_world


class App:
    """An authenticator app."""

    def __init__(self, world: World, secret: str) -> None:
        self._world, self._totp = world, pyotp.TOTP(secret)

    def code(self, periods: int = 0) -> str:
        return self._totp.generate_otp(int(self._world.clock.now().timestamp()) // PERIOD_SECONDS + periods)

    def next_code(self) -> str:
        self._world.clock.advance(PERIOD_SECONDS)
        return self.code()


async def _login(world: World, name: str = "operator", password: str = PASSWORD, **more: Any) -> httpx2.Response:
    return await world.client().post("/login", json={"name": name, "password": password, **more})


async def _enrol(world: World, client: httpx2.AsyncClient | None = None) -> tuple[App, list[str]]:
    client = client or world.acting(Role.OPERATOR)
    begun = await client.post("/me/second-factor", json={"password": PASSWORD})
    assert begun.status_code == 201, begun.text
    app = App(world, begun.json()["secret"])
    done = await client.post("/me/second-factor/confirm", json={"code": app.code()})
    assert done.status_code == 200, done.text
    return app, done.json()["recovery_codes"]


async def test_the_secret_is_shown_once_as_text_and_as_a_picture(world: World) -> None:
    client = world.acting(Role.OPERATOR)
    begun = (await client.post("/me/second-factor", json={"password": PASSWORD})).json()
    assert pyotp.parse_uri(begun["uri"]).secret == begun["secret"]
    assert begun["uri"].startswith("otpauth://totp/Hytopus:operator%40127.0.0.1?")
    assert begun["qr"].startswith("data:image/svg+xml")
    assert (await client.get("/me")).json()["user"]["second_factor"] is False
    assert (await _login(world)).status_code == 200, "it counts for nothing until a code was shown"


async def test_a_login_takes_the_password_and_then_a_code(world: World) -> None:
    app, _ = await _enrol(world)
    first = await _login(world)
    assert (first.status_code, first.json()["code"]) == (401, "second_factor_required")
    assert (await _login(world, password="wrong")).json()["code"] == "invalid_credentials"
    assert (await _login(world, password="wrong", code=app.next_code())).json()["code"] == "invalid_credentials"
    second = await _login(world, code=app.code())
    assert second.status_code == 200
    assert second.json()["user"]["second_factor"] is True
    assert (await world.audit(action="session.begin", target="user:operator"))[-1]["after"] == {"second_factor": "code"}


async def test_no_code_is_good_twice_nor_after_a_later_one(world: World) -> None:
    app, _ = await _enrol(world)
    assert (await _login(world, code=app.code())).json()["code"] == "wrong_code", "it turned the factor on"
    early = app.code(1)
    assert (await _login(world, code=early)).status_code == 200, "the device's clock may be ahead"
    assert (await _login(world, code=early)).json()["code"] == "wrong_code"
    world.clock.advance(PERIOD_SECONDS)
    assert (await _login(world, code=app.code(-1))).json()["code"] == "wrong_code"


async def test_a_code_that_is_too_old_is_wrong(world: World) -> None:
    app, _ = await _enrol(world)
    old = app.next_code()
    world.clock.advance(2 * PERIOD_SECONDS)
    assert (await _login(world, code=old)).json()["code"] == "wrong_code"


async def test_guessing_codes_is_slow_also_with_the_password(world: World) -> None:
    app, _ = await _enrol(world)
    for _ in range(5):
        assert (await _login(world, code="000000")).json()["code"] == "wrong_code"
    refused = await _login(world, code=app.next_code())
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 200
    world.clock.advance(300)
    assert (await _login(world, code=app.next_code())).status_code == 200


async def test_a_recovery_code_is_good_once_however_it_is_typed(world: World) -> None:
    _, codes = await _enrol(world)
    assert len(set(codes)) == 10
    typed = codes[0].upper().replace("-", " ")
    answer = await _login(world, code=typed)
    assert answer.status_code == 200
    me = (await world.client(answer.json()["token"]).get("/me")).json()
    assert me["recovery_codes_left"] == 9
    assert (await _login(world, code=codes[0])).json()["code"] == "wrong_code"
    assert (await _login(world, code=codes[1])).status_code == 200


async def test_neither_secret_nor_codes_are_readable_in_the_database_or_the_audit_log(world: World) -> None:
    client = world.acting(Role.OPERATOR)
    secret = (await client.post("/me/second-factor", json={"password": PASSWORD})).json()["secret"]
    app = App(world, secret)
    codes = (await client.post("/me/second-factor/confirm", json={"code": app.code()})).json()["recovery_codes"]
    async with world.database.read() as session:
        kept = str((await session.execute(text("SELECT * FROM users"))).all())
        kept += str((await session.execute(text("SELECT * FROM recovery_codes"))).all())
        kept += str((await session.execute(text("SELECT * FROM audit_records"))).all())
    assert "sealed:" in kept
    assert not [code for code in [secret, *codes] if code in kept or code.replace("-", "") in kept]


async def test_turning_it_on_ends_the_other_logins(world: World) -> None:
    other = world.client((await _login(world)).json()["token"])
    await _enrol(world)
    assert (await other.get("/me")).status_code == 401
    assert (await world.acting(Role.OPERATOR).get("/me")).status_code == 200


async def test_api_tokens_go_on(world: World) -> None:
    made = (await world.acting(Role.OPERATOR).post("/me/tokens", json={"name": "ci"})).json()
    await _enrol(world)
    assert (await world.client(made["token"]).get("/me")).status_code == 200


async def test_turning_it_off_takes_the_password_and_a_code(world: World) -> None:
    app, codes = await _enrol(world)
    client = world.acting(Role.OPERATOR)
    for password, code, problem in (("wrong", app.next_code(), "wrong_password"), (PASSWORD, "1", "wrong_code")):
        refused = await client.post("/me/second-factor/disable", json={"password": password, "code": code})
        assert refused.json()["code"] == problem
    again = await client.post("/me/second-factor", json={"password": PASSWORD})
    assert again.json()["code"] == "second_factor_exists"
    body = {"password": PASSWORD, "code": codes[0]}
    assert (await client.post("/me/second-factor/disable", json=body)).status_code == 204
    assert (await _login(world)).status_code == 200
    assert (await client.post("/me/second-factor/disable", json=body)).json()["code"] == "no_second_factor"


async def test_new_recovery_codes_replace_the_old_ones(world: World) -> None:
    app, old = await _enrol(world)
    body = {"password": PASSWORD, "code": app.next_code()}
    new = (await world.acting(Role.OPERATOR).post("/me/second-factor/recovery-codes", json=body)).json()
    assert not set(old) & set(new["recovery_codes"])
    assert (await _login(world, code=old[0])).json()["code"] == "wrong_code"
    assert (await _login(world, code=new["recovery_codes"][0])).status_code == 200


async def test_a_code_that_fits_no_secret_turns_nothing_on(world: World) -> None:
    client = world.acting(Role.OPERATOR)
    assert (await client.post("/me/second-factor/confirm", json={"code": "123456"})).json()["code"] == "no_enrolment"
    await client.post("/me/second-factor", json={"password": PASSWORD})
    assert (await client.post("/me/second-factor/confirm", json={"code": "1"})).json()["code"] == "wrong_code"
    assert (await client.get("/me")).json()["user"]["second_factor"] is False


async def test_an_admin_can_take_it_away_and_nobody_else(world: World) -> None:
    await _enrol(world)
    path = "/users/operator/second-factor"
    assert (await world.acting(Role.OPERATOR).delete(path)).json()["code"] == "forbidden"
    assert (await world.acting(Role.ADMIN).delete(path)).status_code == 204
    assert (await world.acting(Role.OPERATOR).get("/me")).status_code == 401, "whoever has the device is out"
    assert (await _login(world)).status_code == 200
    assert (await world.acting(Role.ADMIN).delete(path)).json()["code"] == "no_second_factor"


@pytest.fixture
async def strict(database: Database, store: MemoryStore, clock: StepClock) -> AsyncIterator[World]:
    settings = AccountSettings(require_second_factor=[Role.OPERATOR])
    async with open_world(database, store, clock, account_settings=settings) as opened:
        yield opened


async def test_a_role_that_takes_one_can_do_nothing_else_before(strict: World) -> None:
    client = strict.acting(Role.OPERATOR)
    assert (await client.get("/me")).json()["must_enrol"] is True
    for method, path in (("GET", "/templates"), ("GET", "/events"), ("POST", "/me/tokens")):
        refused = await client.request(method, path, json={"name": "way-round"})
        assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_missing")
    await _enrol(strict, client)
    assert (await client.get("/templates")).status_code == 200
    assert (await strict.acting(Role.VIEWER).get("/templates")).status_code == 200
