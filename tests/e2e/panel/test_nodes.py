"""Steering a node from the panel: dev mode, its cache, and emptying it of servers."""

from __future__ import annotations

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.panel.content import create_running
from tests.e2e.panel.visits import Panel
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(120)]


def test_dev_mode_is_switched_on_and_off(panel: Panel, running: str) -> None:
    node = panel.stack.get("nodes")["items"][0]["id"]
    with panel.visit("operator", f"/nodes/{node}") as page:
        page.locator("[data-dev-mode]").click()
        page.locator("[data-confirm]").click()
        expect(page.get_by_text("The template cache is ignored")).to_be_visible()
        assert panel.stack.get(f"nodes/{node}")["dev_mode"]
        page.locator("[data-dev-mode]").click()
        expect(page.get_by_text("The template cache is ignored")).to_have_count(0)
        assert not panel.stack.get(f"nodes/{node}")["dev_mode"]


def test_the_cache_is_cleared_and_says_what_that_freed(panel: Panel, running: str) -> None:
    node = panel.stack.get("nodes")["items"][0]["id"]
    with panel.visit("operator", f"/nodes/{node}") as page:
        held = page.locator("[data-cached=panel-base]")
        expect(held).to_contain_text("in use")
        held.get_by_role("button", name="Clear panel-base@1.0.0").click()
        expect(page.locator("[data-frees]")).to_contain_text("in use")
        page.keyboard.press("Escape")
        page.locator("[data-purge]").click()
        expect(page.locator("[data-frees]")).to_contain_text("Frees")
        page.locator("[data-purge-now]").click()
        expect(page.get_by_text("freed in").first).to_be_visible()
        expect(page.locator("[data-cached]")).to_have_count(0)


def test_a_drain_stops_every_server_and_is_lifted_again(panel: Panel) -> None:
    name = create_running(panel.stack, "drained")
    node = panel.stack.get("nodes")["items"][0]["id"]
    with panel.visit("operator", f"/nodes/{node}") as page:
        page.locator("[data-node-actions]").click()
        page.get_by_role("menuitem", name="Drain").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("radio", name="Stop and move").click()
        expect(dialog).to_contain_text("nothing could be moved")
        dialog.get_by_role("radio", name="Kill at once").click()
        expect(dialog.get_by_label("Deadline in minutes")).to_have_count(0)
        dialog.get_by_role("radio", name="Stop", exact=True).click()
        dialog.get_by_label("Deadline in minutes").fill("3")
        page.locator("[data-drain]").click()
        expect(page.get_by_text("Drained: nothing runs here any more")).to_be_visible(timeout=60_000)
        expect(page.locator("[data-staying]")).to_contain_text(name)
        drained = panel.stack.get(f"nodes/{node}")["drain"]
        assert (drained["move"], drained["force"], drained["done"]) == (False, False, True)
        assert panel.stack.instance(name)["state"] == "stopped"
        page.locator("[data-node-actions]").click()
        page.get_by_role("menuitem", name="Lift the drain").click()
        expect(page.get_by_text("The drain is lifted").first).to_be_visible()
    eventually_sync(lambda: not panel.stack.get(f"nodes/{node}")["draining"], what="the node to take servers again")


def test_a_join_command_is_made_for_a_new_machine(panel: Panel) -> None:
    with panel.visit("admin", "/nodes?join=1") as page:
        page.locator("[data-join-name]").fill("node-2")
        page.get_by_role("button", name="Show the command").click()
        command = page.locator("[data-join-command]")
        expect(command).to_contain_text("hytopus node join http")
        expect(command).to_contain_text("--name node-2")


def test_a_node_that_will_not_come_back_is_declared_lost(panel: Panel) -> None:
    node = panel.stack.join(f"gone-{uuid4().hex[:6]}")
    with panel.visit("operator", f"/nodes/{node}") as page:
        page.locator("[data-node-actions]").click()
        page.get_by_role("menuitem", name="Declare lost").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("begin anew elsewhere")
        page.locator("[data-off]").click()
        expect(dialog.get_by_role("alert")).to_contain_text("the same world runs twice")
        page.locator("[data-lost]").click()
        expect(page.locator("[data-declared-lost]")).to_contain_text("The machine is off")
    found = panel.stack.get(f"nodes/{node}")
    assert found["off"]
    assert found["lost_at"]
    panel.stack.delete(f"nodes/{node}")
