"""Signing in, as each role: what one may not do is not offered."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.panel.visits import PASSWORD, ROLES, Panel, fill_in, until_live

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(120)]

FOR_ADMINS = ("Backups", "Certificates", "Audit log", "Users")
FOR_OPERATORS = ("Doctor",)
FOR_EVERYBODY = ("Dashboard", "Instances", "Nodes", "Templates", "Crashes", "Events", "Brains", "Settings")


def _links(page: Page) -> set[str]:
    return set(page.get_by_role("navigation", name="Main navigation").get_by_role("link").all_inner_texts())


@pytest.mark.parametrize("role", ROLES)
def test_each_role_signs_in_and_finds_what_is_for_it(panel: Panel, running: str, role: str) -> None:
    with panel.visit(None, "/login") as page:
        fill_in(page, f"the-{role}")
        until_live(page)
        may_steer = role != "viewer"
        more = (FOR_OPERATORS if may_steer else (), FOR_ADMINS if role == "admin" else ())
        assert _links(page) == {*FOR_EVERYBODY, *more[0], *more[1]}
        page.goto(f"{panel.url}/instances")
        expect(page.get_by_text(running)).to_be_visible()
        assert page.get_by_role("link", name="New instance").first.is_visible() == may_steer
        instance = panel.stack.instance(running)["id"]
        page.goto(f"{panel.url}/instances/{instance}")
        expect(page.get_by_role("tab", name="Console")).to_be_visible()
        assert (page.locator("[data-action]").count() > 0) == may_steer
        assert page.get_by_role("tab", name="Settings").is_visible() == may_steer
        page.goto(f"{panel.url}/instances/new")
        expect(page).to_have_url(re.compile(r"/instances/new$" if may_steer else r":\d+/$"))
        page.goto(f"{panel.url}/users")
        expect(page).to_have_url(re.compile(r"/users$" if role == "admin" else r":\d+/$"))


def test_a_viewer_can_read_the_console_but_not_type(panel: Panel, running: str) -> None:
    instance = panel.stack.instance(running)["id"]
    with panel.visit("viewer", f"/instances/{instance}?tab=console") as page:
        expect(page.locator("[data-console-state]")).to_have_attribute("data-state", "live")
        expect(page.locator("[data-console-input]")).to_be_disabled()


def test_a_wrong_password_says_so_and_keeps_the_name(panel: Panel) -> None:
    with panel.visit(None, "/login", complaints=["401"]) as page:
        fill_in(page, "the-viewer", "not-the-password")
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator("input[autocomplete=username]")).to_have_value("the-viewer")
        fill_in(page, "the-viewer")
        until_live(page)


def test_one_comes_back_to_where_one_wanted_to_go_and_out_again(panel: Panel) -> None:
    with panel.visit(None, "/nodes", complaints=["401"]) as page:
        expect(page).to_have_url(re.compile(r"/login\?next=/nodes$"))
        fill_in(page, "the-operator")
        expect(page).to_have_url(re.compile(r"/nodes$"))
        page.get_by_role("button", name="the-operator").click()
        page.get_by_role("menuitem", name="Sign out").click()
        expect(page).to_have_url(re.compile(r"/login$"))
        page.goto(f"{panel.url}/instances")
        expect(page).to_have_url(re.compile(r"/login"))


def test_language_and_theme_are_chosen_and_kept(panel: Panel) -> None:
    with panel.visit("viewer", "/", language="fr") as page:
        expect(page.get_by_role("link", name="Templates", exact=True)).to_be_visible()
        _choose(page, "the-viewer", "Language", "Deutsch")
        expect(page.get_by_role("link", name="Instanzen", exact=True)).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", "de")
        _choose(page, "the-viewer", "Design", "Dunkel")
        expect(page.locator("html")).to_have_class("dark")
        page.reload()
        expect(page.get_by_role("link", name="Instanzen", exact=True)).to_be_visible()
        expect(page.locator("html")).to_have_class("dark")


def test_a_browser_that_speaks_german_is_answered_in_german(panel: Panel) -> None:
    with panel.visit(None, "/login", language="de-AT") as page:
        expect(page.get_by_role("button", name="Anmelden")).to_be_visible()


def test_a_password_is_changed_and_the_old_one_is_refused(panel: Panel) -> None:
    panel.stack.post("users", {"name": "changer", "password": PASSWORD, "role": "viewer"})
    with panel.visit(None, "/login", complaints=["401"]) as page:
        fill_in(page, "changer")
        until_live(page)
        page.goto(f"{panel.url}/settings/security")
        page.get_by_label("Present password").fill(PASSWORD)
        page.get_by_label("New password", exact=True).fill("another-horse-battery")
        page.get_by_label("New password again").fill("another-horse-battery")
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_text("The password is changed").first).to_be_visible()
        assert not panel.stack.api.post("login", json={"name": "changer", "password": PASSWORD}).is_success


def _choose(page: Page, user: str, menu: str, item: str) -> None:
    page.get_by_role("button", name=user).click()
    page.get_by_role("menuitem", name=menu).hover()
    page.get_by_role("menuitemcheckbox", name=item).click()
    page.keyboard.press("Escape")
