"""What goes wrong is said, and nothing that somebody typed is lost."""

from __future__ import annotations

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.panel.content import create_running
from tests.e2e.panel.visits import PASSWORD, Panel, until_live

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(180)]

_GONE = ["ERR_", "Failed to load resource", "net::"]


def test_a_brain_that_restarts_is_waited_for(panel: Panel) -> None:
    name = create_running(panel.stack, "restart")
    with panel.visit("operator", "/instances", complaints=_GONE) as page:
        panel.stack.brain.stop()
        connection = page.locator("[data-connection]").first
        expect(connection).to_have_attribute("data-state", "reconnecting")
        expect(connection).to_contain_text("Reconnecting")
        expect(page.get_by_text(name)).to_be_visible()
        panel.stack.start_brain()
        until_live(page)
        panel.stack.post(f"instances/{name}/stop")
        expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("Stopped", timeout=40_000)


def test_a_session_that_ends_keeps_what_was_typed(panel: Panel) -> None:
    stack, user = panel.stack, f"short-{uuid4().hex[:6]}"
    made = stack.post("users", {"name": user, "password": PASSWORD, "role": "operator"})
    with panel.visit(None, "", complaints=["401"]) as page:
        panel.sign_in(page.context, user)
        page.goto(f"{panel.url}/instances/new")
        until_live(page)
        page.locator("[data-name]").fill("typed-with-care")
        page.context.clear_cookies()
        page.locator("[data-add-layer]").click()
        page.get_by_role("option", name="panel-base").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Please sign in again")
        dialog.locator("input[autocomplete=current-password]").fill(PASSWORD)
        dialog.locator("button[type=submit]").click()
        expect(dialog).to_have_count(0)
        expect(page.locator("[data-name]")).to_have_value("typed-with-care")
        expect(page.locator("[data-row]")).to_contain_text("panel-base")
    stack.delete(f"users/{made['id']}")


def test_a_second_operators_change_is_told_and_nothing_is_lost(panel: Panel) -> None:
    name = f"taken-{uuid4().hex[:6]}"
    with panel.visit("operator", "/instances/new?layer=panel-base", complaints=["409"]) as page:
        page.locator("[data-name]").fill(name)
        page.locator('[data-variable="GREETING"]').fill("mine")
        panel.stack.post("instances", {"name": name, "layers": ["panel-base"], "variables": {"GREETING": "theirs"}})
        page.locator("[data-create]").click()
        expect(page.get_by_role("alert").first).to_contain_text(name)
        expect(page.locator("[data-name]")).to_have_value(name)
        expect(page.locator('[data-variable="GREETING"]')).to_have_value("mine")
    panel.stack.delete(f"instances/{name}")


def test_a_wrong_action_of_a_second_operator_is_told(panel: Panel) -> None:
    name = create_running(panel.stack, "both")
    instance = panel.stack.instance(name)["id"]
    with panel.visit("operator", f"/instances/{instance}", complaints=["409", "404"]) as page:
        page.locator("[data-actions]").click()
        page.get_by_role("menuitem", name="Kill").click()
        panel.stack.delete(f"instances/{name}")
        panel.stack.until_gone(name)
        page.locator("[data-confirm]").click()
        expect(page.get_by_role("alert").or_(page.locator("[data-slot=toast], [role=status]")).first).to_be_visible()
