"""From dropped files to a running server and back to nothing, live and without ever loading the page again."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.panel.content import CONFIG, LAYERS, RULES, create_running
from tests.e2e.panel.visits import Panel, drop_files, until_live
from tests.services.layers import write_layer

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(180)]

_MARK = "() => { window.neverLoadedAnew = true }"
_MARKED = "() => window.neverLoadedAnew === true"


def test_a_folder_dropped_on_the_panel_becomes_a_template(panel: Panel, tmp_path: Path) -> None:
    name = f"dropped-x{uuid4().hex[:6]}"  # a number would be taken for the version
    files = {"config.json": CONFIG, **{f"assets/{n:03}.txt": f"{n}" * 200 for n in range(150)}}
    folder = write_layer(tmp_path / name, files, RULES)
    with panel.visit("operator", "/templates") as page:
        page.locator("[data-new-upload]").click()
        drop_files(page, ".border-dashed", folder)
        expect(page.locator("[data-template-id]")).to_have_value(name)
        page.locator("[data-template-version]").fill("1.0.0")
        page.locator("[data-upload]").click()
        expect(page).to_have_url(re.compile(rf"/templates/{name}$"))
        expect(page.get_by_text("What every server has").first).to_be_visible()
    version = panel.stack.get(f"templates/{name}/versions/1.0.0")
    assert version["files"] == 151  # what `template.toml` declares never reaches a server, but is part of the template


def test_three_layers_become_a_server_that_answers(panel: Panel) -> None:
    name = f"wizard-{uuid4().hex[:6]}"
    with panel.visit("operator", "/instances") as page:
        page.evaluate(_MARK)
        page.get_by_role("link", name="New instance").first.click()
        page.locator("[data-name]").fill(name)
        for layer in ("panel-map", "panel-base", "panel-mode"):
            _add_layer(page, layer)
        _move_up(page, "panel-base")
        _drag(page, "panel-mode", before="panel-map")
        expect(page.locator('[data-variable="GREETING"]')).to_be_visible()
        page.locator("[data-create]").click()
        expect(page.get_by_text("This value is needed.")).to_be_visible()
        page.locator('[data-variable="GREETING"]').fill("Welcome")
        expect(page.get_by_text("Where it could run")).to_be_visible()
        page.locator("[data-create]").click()
        expect(page).to_have_url(re.compile(r"/instances/[0-9a-z]+$"))
        expect(page.get_by_text("Running", exact=True).first).to_be_visible()
        _type_into_console(page)
        _stop_and_destroy(page, name)
        assert page.evaluate(_MARKED)


def test_files_say_which_layer_they_came_from(panel: Panel, running: str) -> None:
    instance = panel.stack.instance(running)["id"]
    with panel.visit("viewer", f"/instances/{instance}?tab=files") as page:
        page.get_by_role("treeitem").filter(has_text="server").click()
        expect(page.get_by_text("readme.txt").first).to_be_visible()
        expect(page.get_by_text("panel-mode").first).to_be_visible()


def test_what_another_operator_does_is_seen_at_once(panel: Panel) -> None:
    name = create_running(panel.stack, "seen")
    with panel.visit("viewer", f"/instances?text={name}") as page:
        page.evaluate(_MARK)
        row = page.get_by_role("row").filter(has_text=name)
        expect(row).to_contain_text("Running")
        panel.stack.post(f"instances/{name}/stop")
        expect(row).to_contain_text("Stopped")
        panel.stack.delete(f"instances/{name}")
        expect(row).to_have_count(0)
        assert page.evaluate(_MARKED)


def test_a_server_that_fits_nowhere_says_why(panel: Panel) -> None:
    name = f"giant-{uuid4().hex[:6]}"
    layers, variables = list(LAYERS)[:1], {"GREETING": "x"}
    panel.stack.post("instances", {"name": name, "layers": layers, "variables": variables, "memory_mb": 900_000})
    instance = panel.stack.instance(name)["id"]
    with panel.visit("viewer", f"/instances/{instance}?tab=placement") as page:
        expect(page.get_by_text(re.compile("MB of memory free")).first).to_be_visible()
    panel.stack.delete(f"instances/{name}")


def _add_layer(page: Page, name: str) -> None:
    page.locator("[data-add-layer]").click()
    page.get_by_role("option", name=name).click()
    expect(page.locator("[data-row]").filter(has_text=name)).to_be_visible()


def _move_up(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"Move {name} up").click()
    expect(page.locator("[data-row]").first).to_contain_text(name)


def _drag(page: Page, name: str, *, before: str) -> None:
    """By its handle, as a hand does."""
    row, target = (page.locator("[data-row]").filter(has_text=each) for each in (name, before))
    grip, place = row.locator("[data-grip]").bounding_box(), target.bounding_box()
    assert grip is not None
    assert place is not None
    page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] / 3, place["y"] + place["height"] / 2, steps=8)
    page.mouse.up()
    expect(page.locator("[data-row]").nth(1)).to_contain_text(name)


def _type_into_console(page: Page) -> None:
    page.get_by_role("tab", name="Console").click()
    expect(page.locator("[data-console-state]")).to_have_attribute("data-state", "live")
    expect(page.locator("[data-console]")).to_contain_text("Hytale Server Booted!")
    page.locator("[data-console-input]").fill("fake join Octavia")
    page.keyboard.press("Enter")
    expect(page.locator("[data-console]")).to_contain_text("Player 'Octavia' joined world")
    expect(page.locator("[data-console-input]")).to_have_value("")
    page.locator("[data-console-input]").press("ArrowUp")
    expect(page.locator("[data-console-input]")).to_have_value("fake join Octavia")


def _stop_and_destroy(page: Page, name: str) -> None:
    page.locator("[data-action=stop]").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"Stop {name}?")
    page.locator("[data-confirm]").click()
    expect(page.locator("[data-action=start]")).to_be_visible()
    page.locator("[data-actions]").click()
    page.get_by_role("menuitem", name="Destroy").click()
    page.locator("[data-confirm]").click()
    page.get_by_role("link", name="Instances").first.click()
    until_live(page)
    expect(page.get_by_role("link", name=name)).to_have_count(0)
