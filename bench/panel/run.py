"""All rows of the panel, beside Nuxt UI's own dashboard template where `HYTOPUS_BENCH_DASHBOARD` names a build of it.

The template is not part of this project: build it with `ssr: false` and `nuxt generate`, and point at `.output/public`.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import httpx2
from playwright.async_api import Browser, Page

from bench.files.row import Row
from bench.panel.browser import FirstLoad, Frame, browser, filter_ms, first_load, scroll_frames, seconds_behind
from bench.panel.plain import plain_table
from bench.panel.serving import PANEL, served, toy_brain
from tests.services.programs import ensure_program

INSTANCES: Final = 5_000
CHANGES: Final = 1_000
MOST_BYTES: Final = 1_500_000
INTERACTIVE_SECONDS: Final = 1.0
FRAME_MS: Final = 1000 / 60
QUICK_PX: Final = 40
"""A frame: fifty rows a second, as fast as one turns a wheel."""
WILD_PX: Final = 400
"""A frame: as when one drags the scroll bar."""
FILTER_MS: Final = 100.0
BEHIND_SECONDS: Final = 1.0
ROUNDS: Final = 5
STORM_MS: Final = 10_000
TABLE: Final = "[role=table]"
SEARCH: Final = "input[data-search]"


async def measure() -> list[Row]:
    await asyncio.to_thread(ensure_program, "chromium", package="chromium", needed_for="measuring the panel")
    async with browser() as chromium:
        return [*await _loading(chromium), *await _many(chromium), await _storm(chromium)]


async def _loading(chromium: Browser) -> list[Row]:
    """The first page an operator sees, beside the template's first page."""
    folder = os.environ.get("HYTOPUS_BENCH_DASHBOARD")
    async with toy_brain(instances=50, rate=0) as brain, served(PANEL, brain) as url:
        ours = await _loads(chromium, url, "[data-connection]")
    theirs = ours
    if folder:
        async with served(Path(folder)) as url:
            theirs = await _loads(chromium, url, "main, [data-slot=root]")
    beside = "Nuxt UI's dashboard / ours" if folder else "no dashboard template to compare with"
    return [
        Row(
            f"panel, first load, bytes with gzip (at most {MOST_BYTES}): {beside}",
            theirs.bytes,
            ours.bytes,
            theirs.bytes / ours.bytes,
            None,
            ours.bytes <= MOST_BYTES,
            "B",
        ),
        Row(
            f"panel, first load until it can be used (below {INTERACTIVE_SECONDS:g} s): {beside}",
            theirs.interactive,
            ours.interactive,
            theirs.interactive / ours.interactive,
            None,
            ours.interactive < INTERACTIVE_SECONDS,
        ),
    ]


async def _many(chromium: Browser) -> list[Row]:
    """Five thousand instances in one list, beside as many rows of plain HTML."""
    plain = await plain_table(chromium, INSTANCES)
    least = [await scroll_frames(plain, TABLE, step=step) for step in (QUICK_PX, WILD_PX)]
    await plain.context.close()
    async with toy_brain(instances=INSTANCES, rate=0) as brain, served(PANEL, brain) as url:
        page = await _list(chromium, url)
        quick, wild = [await scroll_frames(page, TABLE, step=step) for step in (QUICK_PX, WILD_PX)]
        times = [await filter_ms(page, SEARCH, TABLE, text) for text in ("0042", "", "server-01", "", "node-7")]
        await page.context.close()
    worst = max(times)
    return [
        *_scrolling(least[0], quick, QUICK_PX),
        *_scrolling(least[1], wild, WILD_PX),
        Row(
            f"panel, {INSTANCES} instances: slowest filter, ms",
            FILTER_MS,
            worst,
            FILTER_MS / worst,
            1,
            worst < FILTER_MS,
            "",
        ),
    ]


def _scrolling(plain: Sequence[Frame], ours: Sequence[Frame], step: int) -> list[Row]:
    pace = f"scrolling {60 * step:,} pixels a second: plain HTML without script / ours"
    name, full = f"panel, {INSTANCES} instances: frames dropped", [_at_full_speed(frames) for frames in (plain, ours)]
    dropped = _dropped(ours)
    return [
        Row(f"{name} of {len(ours)}, {pace}", _dropped(plain), dropped, dropped / len(ours), 0, dropped == 0, ""),
        Row(
            f"{name} while the machine ran at full speed ({len(full[1])} frames), {pace}",
            _dropped(full[0]),
            _dropped(full[1]),
            _dropped(full[1]) / len(full[1]),
            None,
            True,
            "",
        ),
    ]


def _dropped(frames: Sequence[Frame]) -> int:
    return sum(round(frame.gap_ms / FRAME_MS) - 1 for frame in frames if frame.gap_ms > 1.5 * FRAME_MS)


def _at_full_speed(frames: Sequence[Frame]) -> list[Frame]:
    """Those that the machine was at full speed for, and before."""
    return [frame for before, frame in pairwise(frames) if before.full_speed and frame.full_speed]


async def _storm(chromium: Browser) -> Row:
    """A thousand changes of state a second for ten seconds; then: how far is the page behind?"""
    async with toy_brain(instances=INSTANCES, rate=CHANGES) as brain, served(PANEL, brain) as url:
        page = await _list(chromium, url)
        await page.wait_for_timeout(STORM_MS)
        async with httpx2.AsyncClient(trust_env=False) as client:
            states = (await client.get(f"{brain}/api/v1/pause")).json()
        behind = await seconds_behind(page, states)
        await page.context.close()
    name = f"panel, {CHANGES} changes a second by SSE for {STORM_MS // 1000} s: seconds behind"
    return Row(name, BEHIND_SECONDS, behind, BEHIND_SECONDS / behind, 1, behind < BEHIND_SECONDS)


async def _loads(chromium: Browser, url: str, ready: str) -> FirstLoad:
    loads: Sequence[FirstLoad] = [await first_load(chromium, url, ready) for _ in range(ROUNDS)]
    return FirstLoad(loads[0].bytes, statistics.median(load.interactive for load in loads))


async def _list(chromium: Browser, url: str) -> Page:
    context = await chromium.new_context(viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    await page.goto(f"{url}/instances")
    await page.wait_for_selector(f'{TABLE}[aria-rowcount="{INSTANCES + 1}"]')
    await page.wait_for_selector("[data-state]")
    return page
