"""What nobody sends who means well is answered like any other mistake, on both databases."""

from __future__ import annotations

import base64
import json

import pytest

from hytopus.brain.accounts.roles import Role
from tests.integration.api.world import PASSWORD, World

NUL = "a\x00b"


async def test_a_character_that_no_text_may_hold_is_a_mistake_of_the_request(world: World) -> None:
    admin, stranger = world.acting(Role.ADMIN), world.client()
    cursor = base64.urlsafe_b64encode(json.dumps([NUL]).encode()).decode()
    answers = [
        await stranger.post("/login", json={"name": NUL, "password": PASSWORD}),
        await admin.post("/me/tokens", json={"name": NUL}),
        await admin.post("/me/tokens", json={"name": "ci", "role": "viewer", "scope": {"tags": [NUL]}}),
        await admin.get("/templates", params={"text": NUL}),
        await admin.get("/templates/a%00b"),
        await admin.get("/audit", params={"action": NUL}),
        await admin.get("/users", params={"cursor": cursor}),
        await admin.get("/users/a%00b"),
        await admin.delete("/me/tokens/a%00b"),
    ]
    assert {each.status_code for each in answers} == {422}
    assert (await world.audit(outcome="invalid_request"))[-1]["target"] == "/api/v1/me/tokens/a%00b"


@pytest.mark.parametrize("value", ['"\\ud800"', "NaN", "1e999", "[" * 40 + "]" * 40])
async def test_what_python_alone_reads_out_of_json_is_refused(world: World, value: str) -> None:
    body = f'{{"name": "ci", "expires_at": {value}}}'
    answer = await world.acting(Role.ADMIN).post(
        "/me/tokens", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_json_that_is_too_deep_or_too_long_to_be_read(world: World) -> None:
    for body in ("[" * 100_000, '{"name": ' + "1" * 10_000 + "}"):
        answer = await world.client().post("/login", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422)
