"""Replacing the certificate authority from the panel, with what each step will do said before it is done."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.panel.visits import Panel
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(180)]


def test_an_authority_is_replaced_and_the_former_one_retired(panel: Panel, tmp_path: Path) -> None:
    away = f"away-{uuid4().hex[:6]}"
    node = panel.stack.join(away)
    before = panel.stack.get("authority")["items"][0]["fingerprint"]
    with panel.visit("admin", "/authority") as page:
        expect(page.locator('[data-authority="current"]')).to_contain_text(before)
        page.locator("[data-rotate]").click()
        expect(page.get_by_role("dialog")).to_contain_text("Connected nodes renew at once")
        page.locator("[data-rotate-now]").click()
        expect(page.locator('[data-authority="serving"]')).to_contain_text(before)
        expect(page.locator('[data-authority="signing"]')).to_be_visible()
        expect(page.locator(f'[data-waiting="{away}"]')).to_contain_text("does not believe the new authority")
        eventually_sync(lambda: _all_here_have_followed(panel), timeout=60, what="the nodes to change over")
        with page.expect_download() as download:
            page.locator("[data-save-pem]").click()
        download.value.save_as(tmp_path / "ca.pem")
        assert (tmp_path / "ca.pem").read_text().count("BEGIN CERTIFICATE") == 2

        page.locator("[data-retire]").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("would be locked out")
        expect(dialog).to_contain_text(away)
        expect(page.locator("[data-retire-now]")).to_be_disabled()
        page.locator("[data-force]").click()
        page.locator("[data-retire-now]").click()
        expect(page.locator('[data-authority="retired"]').first).to_contain_text(before)
        expect(page.locator('[data-authority="current"]')).to_have_count(1)
    panel.stack.delete(f"nodes/{node}")
    assert panel.stack.get("audit", action="authority.retire")["items"]


def test_somebody_elses_rotation_is_told(panel: Panel) -> None:
    with panel.visit("admin", "/authority", complaints=["409"]) as page:
        page.locator("[data-rotate]").click()
        panel.stack.post("authority/rotate")
        page.locator("[data-rotate-now]").click()
        expect(page.get_by_text("is being replaced already").first).to_be_visible()
        expect(page.locator('[data-authority="signing"]')).to_be_visible()
    eventually_sync(lambda: _all_here_have_followed(panel), timeout=60, what="the nodes to change over")
    panel.stack.post("authority/retire", {"force": True})


def test_nobody_but_admins_sees_it(panel: Panel) -> None:
    with panel.visit("operator", "/authority") as page:
        expect(page).to_have_url(re.compile(r":\d+/$"))


def _all_here_have_followed(panel: Panel) -> bool:
    waiting = {each["node_id"] for each in panel.stack.get("authority")["waiting"]}
    return not any(each["id"] in waiting for each in panel.stack.get("nodes")["items"] if each["state"] == "online")
