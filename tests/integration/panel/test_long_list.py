"""Five thousand instances in one list: an element shows one row after another, which nobody may notice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest
from playwright.async_api import Page

from bench.panel.browser import browser
from bench.panel.serving import PANEL, served, toy_brain
from tests.services import chromium

pytestmark = pytest.mark.timeout(120)

_MANY: Final = 5_000
_SCROLL: Final = "top => { document.querySelector('[role=table]').scrollTop = top }"
_IN_ORDER: Final = """
upto => {
  const rows = [...document.querySelectorAll('[role=rowgroup] > [role=row]')];
  const found = rows.map(row => Number(row.ariaRowIndex ?? row.getAttribute('aria-rowindex')));
  return found.includes(upto) && found.every((index, n) => n === 0 || index === found[n - 1] + 1)
    && rows.every((row, n) => row.querySelector('a').textContent === `server-${String(found[n] - 2).padStart(5, '0')}`);
}
"""
_FOCUSED: Final = "name => document.activeElement.textContent === name"
_TABLE_FOCUSED: Final = "document.activeElement.getAttribute('role') === 'table'"


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    chromium.ensure_installed()
    assert (PANEL / "index.html").is_file(), "this test needs the panel: make panel"
    async with (
        browser() as program,
        toy_brain(instances=_MANY, rate=0) as brain,
        served(PANEL, brain) as url,
        await program.new_context(viewport={"width": 1440, "height": 900}) as context,
    ):
        page = await context.new_page()
        await page.goto(f"{url}/instances")
        await page.wait_for_selector(f'[role=table][aria-rowcount="{_MANY + 1}"]')
        await page.wait_for_function(_IN_ORDER, arg=2)
        yield page


async def test_rows_stand_in_their_order_wherever_one_scrolls(page: Page) -> None:
    for row in (2, 7, 30, 31, 4_000, 3_990, 4_999, 0):
        await page.evaluate(_SCROLL, row * 48)
        await page.wait_for_function(_IN_ORDER, arg=row + 2)


async def test_the_focus_stays_with_its_row_and_goes_to_the_table_when_that_is_gone(page: Page) -> None:
    await page.get_by_role("link", name="server-00012").focus()
    await page.evaluate(_SCROLL, 5 * 48)
    await page.evaluate(_SCROLL, 15 * 48)
    await page.wait_for_function(_IN_ORDER, arg=30)
    assert await page.evaluate(_FOCUSED, "server-00012")
    await page.evaluate(_SCROLL, 1_000 * 48)
    await page.wait_for_function(_TABLE_FOCUSED)


async def test_a_menu_belongs_to_its_row_alone(page: Page) -> None:
    await page.get_by_role("button", name="Actions for server-00003").click()
    await page.get_by_role("menuitem", name="Open").wait_for()
    await page.evaluate(_SCROLL, 1_000 * 48)
    await page.get_by_role("menu").wait_for(state="detached")
    await page.wait_for_function(_IN_ORDER, arg=1_002)


async def test_a_link_of_a_row_leads_on_without_loading_the_page_anew(page: Page) -> None:
    await page.evaluate("window.neverLoadedAnew = true")
    await page.get_by_role("link", name="server-00003").click()
    await page.wait_for_url("**/instances/i00003")
    assert await page.evaluate("window.neverLoadedAnew")
