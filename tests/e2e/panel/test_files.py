"""Files of a server at rest: changed in the panel, and what happens when two people change the same one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.panel.content import create_running
from tests.e2e.panel.visits import Panel, axe, checked, settle

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(180)]

PATH = "server/readme.txt"


def test_a_file_is_changed_at_rest_and_a_conflict_is_settled(panel: Panel) -> None:
    name = create_running(panel.stack, "filed")
    panel.stack.post(f"instances/{name}/stop")
    instance = panel.stack.until(name, "stopped")["id"]
    with panel.visit("operator", f"/instances/{instance}?tab=files", complaints=["409"]) as page:
        _open(page)
        _type(page, "changed in the browser")
        page.locator("[data-save]").click()
        expect(page.locator("[data-editor]")).to_have_count(0)
        assert _text(panel, name) == "changed in the browser"

        _type(page, "mine")
        _write(panel, name, "theirs")
        page.locator("[data-save]").click()
        conflict = page.locator("[data-conflict]")
        expect(conflict).to_be_visible()
        expect(page.locator("[data-editor]")).to_have_value("mine")
        assert not _unreadable(page)
        conflict.get_by_role("button").first.click()
        expect(page.locator("[data-editor]")).to_have_count(0)
        assert _text(panel, name) == "mine"
    panel.stack.delete(f"instances/{name}")


def _open(page: Page) -> None:
    page.get_by_role("treeitem").filter(has_text="server").click()
    page.get_by_role("treeitem").filter(has_text="readme.txt").click()
    expect(page.locator("[data-edit]")).to_be_visible()


def _type(page: Page, text: str) -> None:
    page.locator("[data-edit]").click()
    page.locator("[data-editor]").fill(text)


def _unreadable(page: Page) -> list[str]:
    """What axe says in both themes, with the pointer still on the button."""
    found: list[str] = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_class(theme)
        settle(page)
        found += axe(page)
    return found


def _text(panel: Panel, name: str) -> str:
    text: str = checked(panel.stack.api.get(f"instances/{name}/files/content", params={"path": PATH}))["text"]
    return text


def _write(panel: Panel, name: str, text: str) -> None:
    url = f"instances/{name}/files/content"
    answer = panel.stack.api.put(url, params={"path": PATH}, json={"text": text, "digest": "*"})
    assert answer.is_success, answer.text
