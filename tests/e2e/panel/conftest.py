"""One browser for all tests of the panel; each visit has a context of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from hytopus.brain.panel.bundle import find
from tests.e2e.panel.content import create_running, push_layers
from tests.e2e.panel.visits import Panel
from tests.services import chromium
from tests.services.stack import Stack


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    program = chromium.ensure_installed()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(chromium.FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def panel(browser: Browser, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """The panel that the stack's Brain serves, and three layers to build servers of."""
    built = find()
    assert built is not None, "these tests need the panel: make panel"
    assert (built / "index.html").is_file(), "these tests need the panel: make panel"
    push_layers(stack, tmp_path_factory.mktemp("layers"))
    return Panel(browser, stack)


@pytest.fixture(scope="package")
def running(panel: Panel) -> str:
    """The name of an instance of three layers that runs."""
    return create_running(panel.stack)
