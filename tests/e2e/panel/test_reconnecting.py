"""A browser that is cut off: it says so, and afterwards nothing is missing or shown twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.panel.visits import Panel, until_live
from tests.services.proxy import Proxy, running_proxy

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(180)]

_GONE = ["ERR_", "Failed to load resource", "net::"]
_MANY = 250
"""More than a console shows of the past by itself."""


@pytest.fixture
def proxy(panel: Panel, proxy_port: int) -> Iterator[Proxy]:
    with running_proxy("127.0.0.1", panel.stack.brain_ports[0], listen_port=proxy_port) as between:
        yield between


def _say(panel: Panel, name: str, lines: list[str]) -> None:
    for line in lines:
        panel.stack.post(f"instances/{name}/console", {"line": f"fake line {line}"})


def _said(page: Page, kept: Path, word: str) -> list[str]:
    """The lines that begin with this word, as the panel keeps the console for whoever downloads it."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    download.value.save_as(kept)
    return [line for line in kept.read_text().splitlines() if line.startswith(word)]


def test_a_console_that_was_cut_off_has_every_line_once_and_in_order(
    panel: Panel, running: str, proxy: Proxy, tmp_path: Path
) -> None:
    lines = [f"diver-{number:03}" for number in range(_MANY + 20)]
    before, during, after = lines[:10], lines[10:-10], lines[-10:]
    instance = panel.stack.instance(running)["id"]
    near = Panel(panel.browser, panel.stack, url=proxy.address)
    with near.visit("operator", f"/instances/{instance}?tab=console", complaints=_GONE) as page:
        state, screen = page.locator("[data-console-state]"), page.locator("[data-console]")
        expect(state).to_have_attribute("data-state", "live")
        _say(panel, running, before)
        expect(screen).to_contain_text(before[-1])
        proxy.cut()
        expect(state).to_contain_text("Reconnecting")
        expect(page.locator("[data-connection]").first).to_contain_text("Reconnecting")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(urlsplit(request.url).path))
        _say(panel, running, during)
        expect(screen).not_to_contain_text(during[-1])
        assert set(asked) <= {"/api/v1/events", f"/api/v1/instances/{instance}/console"}, "only the streams are tried"
        proxy.mend()
        expect(state).to_have_attribute("data-state", "live")
        until_live(page)
        _say(panel, running, after)
        expect(screen).to_contain_text(after[-1])
        assert _said(page, tmp_path / "console.log", "diver-") == lines
