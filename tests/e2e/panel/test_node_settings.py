"""What people decide about a node: a form of its own, checked in place, that loses nothing to a second operator."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.panel.visits import Panel
from tests.services.stack import checked
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(120)]


@pytest.fixture
def node(panel: Panel) -> Iterator[str]:
    """The id of one that has joined and is not there: nothing is placed by what is decided about it."""
    joined = panel.stack.join(f"form-{uuid4().hex[:6]}")
    yield joined
    panel.stack.delete(f"nodes/{joined}")


def _change(panel: Panel, node: str, **values: object) -> None:
    checked(panel.stack.api.patch(f"nodes/{node}", json=values))


def _save(page: Page) -> None:
    page.locator("[data-save-node]").click()


def test_region_tags_and_slots_are_changed_and_taken_back(panel: Panel, node: str) -> None:
    with panel.visit("operator", f"/nodes/{node}") as page:
        form = page.locator("[data-node-settings]")
        expect(page.locator("[data-save-node]")).to_be_disabled()
        form.get_by_label("Region").fill("fra")
        form.get_by_label("Tags").fill("ssd")
        form.get_by_label("Tags").press("Enter")
        form.get_by_label("Slots").fill("7")
        form.get_by_label("Slots").press("Tab")
        _save(page)
        expect(page.get_by_text("Saved").first).to_be_visible()
        found = panel.stack.get(f"nodes/{node}")
        assert (found["region"], found["tags"], found["capacity"]["slots"]) == ("fra", ["ssd"], 7)
        form.get_by_role("button", name="the machine's own").first.click()
        _save(page)
        eventually_sync(lambda: "region" not in panel.stack.get(f"nodes/{node}")["overrides"], what="the node's own")


def test_a_name_that_cannot_be_is_said_beside_it_and_nothing_is_sent(panel: Panel, node: str) -> None:
    before = panel.stack.get(f"nodes/{node}")["name"]
    with panel.visit("operator", f"/nodes/{node}") as page:
        form = page.locator("[data-node-settings]")
        form.get_by_label("Name", exact=True).fill("Not A Name")
        _save(page)
        expect(form.get_by_text("Lower-case letters, digits, - and _ only")).to_be_visible()
        expect(form.get_by_label("Name", exact=True)).to_have_value("Not A Name")
    assert panel.stack.get(f"nodes/{node}")["name"] == before


def test_a_name_that_another_node_has_is_said_beside_it_and_another_one_is_taken(panel: Panel, node: str) -> None:
    free = f"free-{uuid4().hex[:6]}"
    with panel.visit("operator", f"/nodes/{node}", complaints=["409"]) as page:
        form = page.locator("[data-node-settings]")
        name = form.get_by_label("Name", exact=True)
        form.get_by_label("Region").fill("fra")
        name.fill("node-1")
        name.press("Enter")
        expect(form.get_by_text("Another node is already called 'node-1'.")).to_be_visible()
        expect(name).to_have_value("node-1")
        expect(name).to_be_focused()
        expect(form.get_by_label("Region")).to_have_value("fra")
        name.fill(free)
        expect(form.get_by_text("Another node is already called")).to_have_count(0)
        _save(page)
        expect(page.get_by_text("Saved").first).to_be_visible()
        expect(page.get_by_role("heading", name=free)).to_be_visible()
    found = panel.stack.get(f"nodes/{node}")
    assert (found["name"], found["region"]) == (free, "fra")


def test_what_a_second_operator_changes_loses_nothing_typed(panel: Panel, node: str) -> None:
    with panel.visit("operator", f"/nodes/{node}") as page:
        form = page.locator("[data-node-settings]")
        form.get_by_label("Region").fill("mine")
        _change(panel, node, slots=5)
        expect(form.get_by_label("Slots")).to_have_value("5")
        expect(form.get_by_label("Region")).to_have_value("mine")
        _change(panel, node, region="theirs")
        expect(page.locator("[data-disputed]")).to_contain_text("Region")
        expect(form.get_by_label("Region")).to_have_value("mine")
        _save(page)
        expect(page.locator("[data-disputed]")).to_have_count(0)
    found = panel.stack.get(f"nodes/{node}")
    assert (found["region"], found["capacity"]["slots"]) == ("mine", 5)


def test_whoever_only_looks_is_not_offered_the_form(panel: Panel, node: str) -> None:
    with panel.visit("viewer", f"/nodes/{node}") as page:
        expect(page.get_by_text("Template cache")).to_be_visible()
        expect(page.locator("[data-node-settings]")).to_have_count(0)
