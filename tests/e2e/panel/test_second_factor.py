"""The second factor: set up in the panel, asked for at the next sign-in, and a recovery code when the app is lost."""

from __future__ import annotations

from uuid import uuid4

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.panel.visits import PASSWORD, Panel, fill_in, until_live

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(180)]


def test_a_second_factor_is_set_up_and_asked_for(panel: Panel) -> None:
    user = f"careful-{uuid4().hex[:6]}"
    panel.stack.post("users", {"name": user, "password": PASSWORD, "role": "operator"})
    with panel.visit(None, "/login") as page:
        fill_in(page, user)
        until_live(page)
        page.goto(f"{panel.url}/settings/security")
        recovery = _set_up(page)
    with panel.visit(None, "/login", complaints=["401", "403", "422"]) as page:
        fill_in(page, user)
        code = page.locator("input[data-code]")
        code.fill("000000")
        page.locator("button[type=submit]").click()
        expect(page.get_by_role("alert")).to_be_visible()
        code.fill(recovery)
        page.locator("button[type=submit]").click()
        until_live(page)


def _set_up(page: Page) -> str:
    """Gives one of the recovery codes."""
    factor = page.locator("[data-second-factor]")
    expect(factor).to_have_text("Off")
    page.locator("[data-password]").fill(PASSWORD)
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_alt_text("QR code for the authenticator app")).to_be_visible()
    page.locator("input[data-code]").fill(pyotp.TOTP(_secret(page)).now())
    page.get_by_role("button", name="Turn on").click()
    recovery = page.locator("[data-recovery-codes] li").first.inner_text()
    page.get_by_role("button", name="I have kept them").click()
    expect(factor).to_have_text("On")
    return recovery


def _secret(page: Page) -> str:
    """As somebody reads it who cannot scan."""
    line = page.locator("p").filter(has_text="Or type this into it").inner_text()
    return line.rpartition(":")[2].split()[0]
