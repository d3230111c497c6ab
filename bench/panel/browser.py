"""What a browser says about a page: bytes, the moment it can be used, frames, and how far it is behind."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from playwright.async_api import Browser, Page, async_playwright

CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_WATCH: Final = """
window.benchTasks = [];
new PerformanceObserver(list => list.getEntries().forEach(entry => benchTasks.push(entry.startTime + entry.duration)))
  .observe({ type: 'longtask', buffered: true });
(function look() {
  if (document.querySelector(%s)?.getClientRects().length) window.benchShown = performance.now();
  else requestAnimationFrame(look);
})();
"""
_QUIET_MS: Final = 1000
_SLOW: Final = 1.5
_SCROLL: Final = """
async ([selector, frames, step]) => {
  const box = document.querySelector(selector);
  const next = () => new Promise(requestAnimationFrame);
  const pace = () => {
    const began = performance.now();
    for (let round = 0; round < 400000; round++);
    return performance.now() - began;
  };
  for (let round = 0; round < 50; round++) pace();
  const gaps = [];
  let last = await next();
  for (let frame = 0; frame < frames; frame++) {
    box.scrollTop += step;
    const took = pace();
    const now = await next();
    gaps.push([now - last, took]);
    last = now;
  }
  return gaps;
}
"""
_FILTER: Final = """
async ([input, table, text]) => {
  const field = document.querySelector(input), rows = document.querySelector(table);
  const before = rows.getAttribute('aria-rowcount');
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, text);
  const began = performance.now();
  field.dispatchEvent(new Event('input', { bubbles: true }));
  while (rows.getAttribute('aria-rowcount') === before) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}
"""


@dataclass(frozen=True, slots=True)
class FirstLoad:
    bytes: int
    """As they came over the wire."""
    interactive: float
    """Seconds from the navigation to the end of the last long task that a quiet second follows."""


@dataclass(frozen=True, slots=True)
class Frame:
    gap_ms: float
    """Since the frame before."""
    full_speed: bool
    """Whether the machine was as fast as usual meanwhile: see `bench.pace`."""


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield opened
        finally:
            await opened.close()


async def first_load(chromium: Browser, url: str, ready: str) -> FirstLoad:
    """Of a browser that has never been there; `ready` is a selector of something that can be used."""
    context = await chromium.new_context(viewport={"width": 1440, "height": 900})
    try:
        page = await context.new_page()
        await page.add_init_script(_WATCH % json.dumps(ready))
        wire = await context.new_cdp_session(page)
        await wire.send("Network.enable")
        sizes: list[float] = []
        wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        await page.goto(url, wait_until="commit")
        await page.wait_for_function("window.benchShown")
        shown = float(await page.evaluate("benchShown"))
        await page.wait_for_timeout(_QUIET_MS)
        tasks: list[float] = await page.evaluate("benchTasks")
        return FirstLoad(int(sum(sizes)), max([shown, *tasks]) / 1000)
    finally:
        await context.close()


async def scroll_frames(page: Page, selector: str, *, frames: int = 180, step: int) -> list[Frame]:
    """A scroll by `step` pixels a frame."""
    gaps: list[tuple[float, float]] = await page.evaluate(_SCROLL, [selector, frames, step])
    slow = _SLOW * statistics.median(took for _, took in gaps)
    return [Frame(gap, full_speed=took < slow) for gap, took in gaps]


async def filter_ms(page: Page, field: str, table: str, text: str) -> float:
    """From typing into the filter to the table showing what is left."""
    return float(await page.evaluate(_FILTER, [field, table, text]))


async def seconds_behind(page: Page, states: dict[str, str], *, patience: float = 30) -> float:
    """How long the page still needs until the rows in sight show `states`, by name."""
    began = time.perf_counter()
    while time.perf_counter() - began < patience:
        shown: dict[str, str] = await page.evaluate(_STATES)
        if shown and all(states.get(name) == state for name, state in shown.items()):
            return time.perf_counter() - began
        await page.wait_for_timeout(20)
    return float("inf")


_STATES: Final = """
() => Object.fromEntries([...document.querySelectorAll('[role=rowgroup] [role=row]')]
  .map(row => [row.querySelector('a').textContent.trim(), row.querySelector('[data-state]')?.dataset.state]))
"""
