"""Every page, in both themes and on a phone: for everybody, and without a word of complaint from the browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.panel.visits import Panel, axe, places, settle

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(600)]

_KNOWN = ["NUXT_E1005"]
"""A page that does not exist is told to the console too."""


def _walk(page: Page, panel: Panel) -> Iterator[str]:
    for name, path in places(panel.stack).items():
        page.goto(panel.url + path)
        settle(page)
        yield name


def test_nothing_on_any_page_shuts_somebody_out(panel: Panel, running: str) -> None:
    found: list[str] = []
    with panel.visit(complaints=_KNOWN) as page:
        for _ in _walk(page, panel):
            found += axe(page)
            page.emulate_media(color_scheme="dark")
            expect(page.locator("html")).to_have_class("dark")
            settle(page)
            found += [f"dark {each}" for each in axe(page, "color-contrast")]
            page.emulate_media(color_scheme="light")
    assert not found, "\n".join(found)


def test_no_page_is_wider_than_a_phone(panel: Panel, running: str) -> None:
    wide: list[str] = []
    with panel.visit(phone=True, language="de", complaints=_KNOWN) as page:
        for name in _walk(page, panel):
            width = page.evaluate("() => document.documentElement.scrollWidth")
            wide += [f"{name}: {width} px"] if width > 390 else []
    assert not wide, "\n".join(wide)
