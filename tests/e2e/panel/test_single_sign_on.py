"""Signing in at a provider: a real one, to which the login page leads and from which one comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.panel.visits import Panel, until_live
from tests.services.oidc import CLIENT_ID, CLIENT_SECRET, OidcServer, running_provider

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(180)]

GRANTS = {"builders": {"role": "operator", "regions": ["eu"]}}


@pytest.fixture(scope="module")
def provider(panel: Panel, provider_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcServer]:
    """The Brain is started again with it, and afterwards without."""
    brain, before = panel.stack.brain, dict(panel.stack.brain.environment)
    with running_provider(tmp_path_factory.mktemp("provider"), provider_port, panel.stack.brain_ports[0]) as server:
        settings = {
            "ISSUER": server.issuer,
            "CLIENT_ID": CLIENT_ID,
            "CLIENT_SECRET": CLIENT_SECRET,
            "PUBLIC_URL": panel.url,
            "TITLE": "Sign in with Octopus",
            "GRANTS": json.dumps(GRANTS),
        }
        brain.environment |= {f"HYTOPUS_BRAIN__OIDC__{name}": value for name, value in settings.items()}
        brain.stop()
        try:
            panel.stack.start_brain()
            yield server
        finally:
            brain.stop()
            brain.environment = before
            panel.stack.start_brain()


def test_one_signs_in_at_the_provider_and_comes_back(panel: Panel, provider: OidcServer) -> None:
    provider.let_in("olivia", preferred_username="olivia", groups=["builders"])
    with panel.visit(None, "/nodes", complaints=["401"]) as page:
        expect(page).to_have_url(re.compile(r"/login\?next=/nodes$"))
        page.locator("[data-single-sign-on]").click()
        expect(page).to_have_url(re.compile(r"/nodes$"))
        until_live(page)
        expect(page.get_by_role("button", name="olivia")).to_contain_text("Operator")
        page.goto(f"{panel.url}/settings/security")
        expect(page.get_by_text("Change password")).to_have_count(0)


def test_whoever_has_no_role_there_is_told_so(panel: Panel, provider: OidcServer) -> None:
    provider.let_in("stranger", preferred_username="stranger", groups=["nobody"])
    with panel.visit(None, "/login", complaints=["401", "403"]) as page:
        page.locator("[data-single-sign-on]").click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page).to_have_url(re.compile(r"/login"))
