"""What keeps a network in order: charts, the doctor, backups, the audit log, the list of Brains."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.panel.content import create_running
from tests.e2e.panel.visits import PASSWORD, Panel, until_live

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(180)]


def test_charts_show_what_was_measured(panel: Panel, running: str) -> None:
    instance = panel.stack.instance(running)["id"]
    with panel.visit("viewer", f"/instances/{instance}") as page:
        chart = page.get_by_role("img", name="Memory use")
        expect(chart).to_be_visible(timeout=90_000)  # two measurements, half a minute apart
        page.get_by_role("button", name="Show “Memory use” as a table").click()
        table = page.get_by_role("table", name="Memory use")
        expect(table.get_by_role("row").nth(1)).to_contain_text(re.compile(r"\d [KMG]iB"))
        page.get_by_role("button", name="7 days").click()
        expect(page.get_by_role("button", name="7 days")).to_have_attribute("aria-pressed", "true")


def test_who_may_see_a_part_is_shown_that_part(panel: Panel, running: str) -> None:
    user = f"part-{uuid4().hex[:6]}"
    scope = {"regions": ["nowhere"], "tags": []}
    panel.stack.post("users", {"name": user, "password": PASSWORD, "role": "operator", "scope": scope})
    with panel.visit(None, "") as page:
        panel.sign_in(page.context, user)
        for path in ("/", "/crashes", "/instances"):
            page.goto(panel.url + path)
            until_live(page)
            expect(page.get_by_role("alert")).to_have_count(0)
        page.goto(panel.url)
        expect(page.get_by_text("Of what you may see.")).to_be_visible()
        expect(page.get_by_role("link", name="Doctor")).to_have_count(0)
        page.goto(f"{panel.url}/doctor")
        expect(page).to_have_url(re.compile(r":\d+/$"))


def test_who_takes_more_disk_than_reserved_is_told_of(panel: Panel) -> None:
    name = create_running(panel.stack, "greedy")
    instance = panel.stack.instance(name)["id"]
    with closing(sqlite3.connect(panel.stack.directory / "brain" / "brain.db", timeout=30)) as database, database:
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        database.execute("UPDATE instances SET disk_over_since = ? WHERE id = ?", (since, instance))
    with panel.visit("viewer", "/") as page:
        problem = page.get_by_role("listitem").filter(has_text=name).filter(has_text="more disk than is reserved")
        more = page.get_by_role("button", name=re.compile("^Show all"))
        expect(problem.or_(more).first).to_be_visible()
        if more.is_visible():
            more.click()
        expect(problem).to_contain_text("Nothing holds it back")
        problem.get_by_role("link", name=name).click()
        expect(page.locator("[data-disk-over]")).to_contain_text("reserved")
    panel.stack.delete(f"instances/{name}")
    panel.stack.until_gone(name)


def test_the_doctors_findings_come_with_remedies(panel: Panel, running: str) -> None:
    found = panel.stack.get("doctor")["findings"]
    worst = next(each for each in found if each["code"] == "first_password")
    with panel.visit("admin", "/") as page:
        remedy, more = page.get_by_text(worst["remedy"]), page.get_by_role("button", name=re.compile("^Show all"))
        expect(remedy.or_(more).first).to_be_visible()
        if more.is_visible():
            more.click()
        expect(remedy).to_be_visible()
        page.get_by_role("link", name="Doctor").click()
        finding = page.locator('[data-finding="first_password"]')
        expect(finding).to_contain_text(worst["what"])
        expect(finding).to_contain_text(worst["remedy"])
        page.locator("[data-examine]").click()
        expect(page.locator("[data-finding]")).to_have_count(len(found))


def test_a_backup_is_made_verified_and_deleted(panel: Panel) -> None:
    with panel.visit("admin", "/backups") as page:
        expect(page.get_by_text("Bringing a Brain back")).to_be_visible()
        before = page.locator("[data-backup]").count()
        page.locator("[data-back-up]").click()
        expect(page.locator("[data-backup]")).to_have_count(before + 1, timeout=60_000)
        newest = page.locator("[data-backup]").first
        expect(newest).to_contain_text("by hand")
        expect(newest).to_contain_text("verified")
        expect(page.locator("[data-run=done]").first).to_be_visible()
        newest.get_by_role("button", name=re.compile("Actions for the backup")).click()
        page.get_by_role("menuitem", name="Remove").click()
        page.locator("[data-confirm]").click()
        expect(page.locator("[data-backup]")).to_have_count(before)


def test_the_audit_log_is_verified_and_exported(panel: Panel, tmp_path: Path) -> None:
    with panel.visit("admin", "/audit") as page:
        page.locator("[data-verify]").click()
        expect(page.locator("[data-verdict]")).to_contain_text("none of them changed")
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("textbox").fill("0" * 64)
        dialog.get_by_role("button", name="Verify").click()
        expect(page.locator("[data-verdict]")).to_contain_text("not in the chain")
        page.keyboard.press("Escape")
        page.get_by_label("Action").first.fill("user.")
        with page.expect_download() as download:
            page.locator("[data-export]").click()
        kept = tmp_path / "audit.ndjson"
        download.value.save_as(kept)
    actions = {json.loads(line)["action"] for line in kept.read_text().splitlines()}
    assert actions
    assert all(action.startswith("user.") for action in actions)


def test_the_brains_are_listed(panel: Panel) -> None:
    here = next(each for each in panel.stack.get("brains")["items"] if each["here"])
    with panel.visit("viewer", "/brains") as page:
        row = page.get_by_role("row").filter(has_text="this one")
        expect(row).to_contain_text(here["name"])
        expect(row).to_contain_text("Alive")
