"""A server that fails: its report in the panel, and its place among what needs a person."""

from __future__ import annotations

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.panel.visits import Panel
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(180)]


def test_a_crash_is_told_with_its_cause_and_its_last_lines(panel: Panel) -> None:
    name = f"crashed-{uuid4().hex[:6]}"
    fault = {"GREETING": "x", "BEHAVIOUR": "ExitAtOnce", "VALUE": "2"}
    panel.stack.post("instances", {"name": name, "layers": ["panel-base"], "variables": fault})
    eventually_sync(lambda: panel.stack.instance(name)["state"] == "failed", timeout=60, what="it to fail")
    eventually_sync(lambda: panel.stack.get("crashes", instance=name)["items"], timeout=30, what="its report")
    with panel.visit("operator", "/") as page:
        problem = page.get_by_role("region", name="Needs attention").get_by_role("listitem").filter(has_text=name)
        expect(problem).to_be_visible()
        problem.get_by_role("link", name=name).click()
        page.get_by_role("tab", name="Crashes").click()
        expect(page.get_by_text("Exit code 2").first).to_be_visible()
        page.get_by_role("button", name="Details").first.click()
        expect(page.get_by_text("panel-base@1.0.0").first).to_be_visible()
        expect(page.locator("pre").first).not_to_be_empty()
    panel.stack.delete(f"instances/{name}")
