"""Single sign-on with a real provider, and with everything an attacker could make of its answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pydantic import SecretStr

from hytopus.brain.accounts.oidc.provider import open_provider
from hytopus.brain.accounts.oidc.settings import OidcSettings
from hytopus.brain.accounts.roles import Role
from hytopus.brain.accounts.settings import AccountSettings
from hytopus.brain.db.engine import Database
from hytopus.storage.memory import MemoryStore
from tests.integration.api.clock import StepClock
from tests.integration.api.world import World, open_world
from tests.services.oidc import CLIENT_ID, CLIENT_SECRET, OidcServer, running_provider


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcServer]:
    with running_provider(tmp_path_factory.mktemp("oidc")) as running:
        yield running


@pytest.fixture
def clock() -> StepClock:
    """The provider's clock is the real one."""
    return StepClock(datetime.now(UTC))


def _settings(server: OidcServer, **more: Any) -> OidcSettings:
    given: dict[str, Any] = {
        "issuer": server.issuer,
        "client_id": CLIENT_ID,
        "client_secret": SecretStr(CLIENT_SECRET),
        "public_url": server.brain_url,
        "grants": {
            "hytopus-admins": {"role": "admin"},
            "hytopus-eu": {"role": "operator", "regions": ["eu"]},
            "hytopus-us": {"role": "operator", "regions": ["us"]},
            "staff": {"role": "viewer"},
        },
    }
    return OidcSettings.model_validate(given | more)


@pytest.fixture
async def world(database: Database, store: MemoryStore, clock: StepClock, server: OidcServer) -> AsyncIterator[World]:
    async with _world(database, store, clock, server) as opened:
        yield opened


def _world(database: Database, store: MemoryStore, clock: StepClock, server: OidcServer, **more: Any) -> Any:
    return open_world(
        database,
        store,
        clock,
        oidc=open_provider(_settings(server, **more), clock),
        account_settings=AccountSettings(require_second_factor=[Role.OPERATOR]),
        listen=f"127.0.0.1:{server.brain_port}",
    )


class Browser:
    """Follows redirects like one, with one jar of cookies."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = world.client()

    async def go(self, url: str) -> httpx2.Response:
        """Up to the last redirect that the Brain itself answers with."""
        answer = await self.client.get(url)
        while answer.is_redirect and not self._back_in_panel(answer.headers["location"]):
            answer = await self.client.get(answer.url.join(answer.headers["location"]))
        return answer

    async def to_callback(self, path: str = "/oidc/login") -> str:
        """The address with which the provider sends the browser back, not yet followed."""
        answer = await self.client.get(path)
        while "/oidc/callback" not in answer.headers["location"]:
            answer = await self.client.get(answer.url.join(answer.headers["location"]))
        return str(answer.headers["location"])

    async def me(self) -> Any:
        return (await self.client.get("/me")).json()

    def _back_in_panel(self, location: str) -> bool:
        return location.startswith("/") and not location.startswith(("/interaction", "/auth"))


async def test_a_first_login_makes_a_user_with_the_role_of_the_groups(world: World, server: OidcServer) -> None:
    server.let_in("alice", groups=["staff", "hytopus-eu", "nothing"])
    browser = Browser(world)
    answer = await browser.go("/oidc/login?next=/instances?state=failed")
    assert answer.headers["location"] == "/instances?state=failed"
    cookie = answer.headers.get_list("set-cookie")
    assert any("hytopus_session" in each and "HttpOnly" in each and "SameSite=strict" in each for each in cookie)
    me = await browser.me()
    assert (me["user"]["name"], me["role"], me["user"]["external"]) == ("alice", "operator", True)
    assert me["must_enrol"] is False, "a second factor is the provider's business"
    assert me["scope"] == [{"regions": ["eu"], "tags": [], "others": []}]
    (entry,) = await world.audit(action="session.begin", target="user:alice")
    assert entry["after"] == {"second_factor": "provider"}


async def test_groups_count_at_every_login(world: World, server: OidcServer) -> None:
    server.let_in("bob", groups=["hytopus-eu", "hytopus-us"])
    await Browser(world).go("/oidc/login")
    server.let_in("bob", groups=["hytopus-admins", "hytopus-eu"])
    browser = Browser(world)
    await browser.go("/oidc/login")
    me = await browser.me()
    assert (me["role"], me["scope"]) == ("admin", [])
    users = [user["name"] for user in (await browser.client.get("/users")).json()["items"]]
    assert users.count("bob") == 1


async def test_who_has_no_role_and_who_is_disabled_is_not_let_in(world: World, server: OidcServer) -> None:
    server.let_in("mallory", groups=["guests"])
    assert (await Browser(world).go("/oidc/login")).headers["location"] == "/login?problem=oidc_not_admitted"
    server.let_in("carol", groups=["staff"])
    browser = Browser(world)
    await browser.go("/oidc/login")
    await world.acting(Role.ADMIN).patch("/users/carol", json={"disabled": True})
    assert (await browser.client.get("/me")).status_code == 401
    assert (await Browser(world).go("/oidc/login")).headers["location"] == "/login?problem=oidc_not_admitted"
    outcomes = [each["outcome"] for each in await world.audit(action="session.begin", target="oidc")]
    assert outcomes == ["oidc_not_admitted", "oidc_not_admitted"]


async def test_a_name_never_leads_to_somebody_elses_account(world: World, server: OidcServer) -> None:
    server.let_in("evil", preferred_username="admin", groups=["staff"])
    assert (await Browser(world).go("/oidc/login")).headers["location"] == "/login?problem=oidc_name_taken"
    assert (await world.acting(Role.ADMIN).get("/users/admin")).json()["external"] is False


@pytest.mark.parametrize(
    ("tamper", "why"),
    [
        ({"nonce": "of another login"}, "another login"),
        ({"exp": 1_000_000_000}, "expired"),
        ({"iat": 1_000_000_000}, "not made just now"),
        ({"aud": "somebody-else"}, "somebody else"),
        ({"aud": ["hytopus", "somebody-else"]}, "somebody else"),
        ({"iss": "https://evil.example"}, "evil.example"),
        ({"sub": ""}, "names nobody"),
        ({"alg": "none", "groups": ["hytopus-admins"]}, "signature"),
        ({"alg": "HS256", "groups": ["hytopus-admins"]}, "signature"),
        ({"key": "stranger", "groups": ["hytopus-admins"]}, "signature"),
    ],
)
async def test_a_token_that_does_not_hold_lets_nobody_in(
    world: World, server: OidcServer, tamper: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.let_in("dave", tamper=tamper, groups=["staff"])
    browser = Browser(world)
    answer = await browser.go("/oidc/login")
    assert answer.headers["location"] == "/login?problem=bad_id_token"
    assert not any("hytopus_session" in each for each in answer.headers.get_list("set-cookie"))
    assert (await browser.client.get("/me")).status_code == 401
    assert why in caplog.text


async def test_a_state_is_good_once_for_the_browser_that_began(world: World, server: OidcServer) -> None:
    server.let_in("erin", groups=["staff"])
    victim, attacker = Browser(world), Browser(world)
    callback = await attacker.to_callback()
    refused = await victim.client.get(callback)
    assert refused.headers["location"] == "/login?problem=oidc_state_unknown", "it is the attacker's login"
    binding = attacker.client.cookies["hytopus_oidc"]
    assert (await attacker.client.get(callback)).headers["location"] == "/"
    attacker.client.cookies.set("hytopus_oidc", binding)
    replayed = await attacker.client.get(callback)
    assert replayed.headers["location"] == "/login?problem=oidc_state_unknown"


async def test_a_login_that_takes_too_long_has_to_begin_again(world: World, server: OidcServer) -> None:
    server.let_in("frank", groups=["staff"])
    browser = Browser(world)
    callback = await browser.to_callback()
    world.clock.advance(601)
    assert (await browser.client.get(callback)).headers["location"] == "/login?problem=oidc_state_unknown"


async def test_a_stolen_code_is_worth_nothing_without_the_verifier(world: World, server: OidcServer) -> None:
    server.let_in("grace", groups=["staff"])
    victim, attacker = Browser(world), Browser(world)
    stolen = parse_qs(urlsplit(await victim.to_callback()).query)["code"][0]
    own = urlsplit(await attacker.to_callback())
    state = parse_qs(own.query)["state"][0]
    answer = await attacker.client.get("/oidc/callback", params={"state": state, "code": stolen})
    assert answer.headers["location"] == "/login?problem=oidc_refused"


async def test_who_says_no_at_the_provider_is_told_so(world: World, server: OidcServer) -> None:
    server.let_in("heidi", refuse=True)
    assert (await Browser(world).go("/oidc/login")).headers["location"] == "/login?problem=oidc_refused"


@pytest.mark.parametrize(
    "asked",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%0d%0aCookie:x"],
)
async def test_nobody_is_sent_elsewhere_afterwards(world: World, server: OidcServer, asked: str) -> None:
    server.let_in("ivan", groups=["staff"])
    browser = Browser(world)
    callback = await browser.to_callback(f"/oidc/login?next={asked}")
    assert (await browser.client.get(callback)).headers["location"] == "/"


async def test_an_address_counts_only_if_it_was_verified(
    database: Database, store: MemoryStore, clock: StepClock, server: OidcServer
) -> None:
    async with _world(database, store, clock, server, name_claim="email", default_role="viewer") as world:
        server.let_in("judy", email="judy@example.org", email_verified=False)
        assert (await Browser(world).go("/oidc/login")).headers["location"] == "/login?problem=oidc_not_admitted"
        server.let_in("judy", email="judy@example.org", email_verified=True)
        browser = Browser(world)
        await browser.go("/oidc/login")
        assert (await browser.me())["user"]["name"] == "judy"


async def test_logging_out_ends_both_logins(world: World, server: OidcServer) -> None:
    server.let_in("kate", groups=["staff"])
    browser = Browser(world)
    await browser.go("/oidc/login")
    answer = await browser.client.post("/oidc/logout", headers={"Origin": world.url})
    url = answer.json()["url"]
    assert url.startswith(f"{server.issuer}/session/end?")
    assert (await browser.client.get("/me")).status_code == 401
    assert (await browser.client.get(url)).status_code == 200, "the provider knows the login that it ends"


async def test_a_password_is_no_way_into_an_account_of_the_provider(world: World, server: OidcServer) -> None:
    server.let_in("leo", groups=["staff"])
    await Browser(world).go("/oidc/login")
    for password in ("", "anything"):
        answer = await world.client().post("/login", json={"name": "leo", "password": password})
        assert answer.json()["code"] == "invalid_credentials"


async def test_passwords_go_on_when_the_provider_is_away(
    database: Database, store: MemoryStore, clock: StepClock, server: OidcServer
) -> None:
    async with _world(database, store, clock, server, issuer="http://127.0.0.1:9", timeout_s=2) as world:
        answer = await world.client().get("/oidc/login")
        assert (answer.status_code, answer.json()["code"]) == (502, "oidc_unavailable")
        assert (await world.acting(Role.VIEWER).get("/me")).status_code == 200


async def test_a_provider_that_calls_itself_something_else_is_not_believed(
    database: Database, store: MemoryStore, clock: StepClock, server: OidcServer
) -> None:
    other = server.issuer.replace("127.0.0.1", "localhost")
    async with _world(database, store, clock, server, issuer=other) as world:
        answer = await world.client().get("/oidc/login")
        assert (answer.status_code, answer.json()["code"]) == (502, "oidc_unavailable")
        assert server.issuer in answer.json()["detail"]
