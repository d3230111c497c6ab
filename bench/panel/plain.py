"""What scrolling costs a browser at the very least: as many rows as plain HTML, without a line of script."""

from __future__ import annotations

from typing import Final

from playwright.async_api import Browser, Page

_STYLE: Final = """
body { margin: 0; font: 14px sans-serif }
[role=table] { height: 100vh; overflow: auto; background: white }
[role=row] { height: 48px; display: grid; grid-template-columns: repeat(7, 1fr); align-items: center }
[role=row] { border-bottom: 1px solid #ddd }
"""


async def plain_table(chromium: Browser, count: int) -> Page:
    context = await chromium.new_context(viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    rows = "".join(_row(number) for number in range(count))
    await page.set_content(f"<!doctype html><style>{_STYLE}</style><div role=table>{rows}</div>")
    return page


def _row(number: int) -> str:
    node = f"node-{number % 40}"
    address = f"10.0.0.{number % 40}:{30000 + number}"
    texts = (f"server-{number:05}", "Running", "hytale", node, address, number % 7, "12s")
    return "<div role=row>" + "".join(f"<span>{text}</span>" for text in texts) + "</div>"
