"""One browser for all tests of the panel; each visit has a context of its own."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, sync_playwright

from hytopus.brain.panel.bundle import find
from tests.e2e.panel.content import create_running, push_layers
from tests.e2e.panel.visits import Panel
from tests.services import chromium
from tests.services.cable import Cable
from tests.services.ports import free_port
from tests.services.seaweed import S3
from tests.services.stack import Stack


@pytest.fixture(scope="package")
def provider_port() -> int:
    """Where the browser finds the provider of single sign-on, if a test runs one."""
    return free_port()


@pytest.fixture(scope="package")
def proxy_port() -> int:
    """Where the browser finds the Brain through a proxy, if a test runs one."""
    return free_port()


@pytest.fixture(scope="package")
def program(
    stack: Stack, s3: S3, provider_port: int, proxy_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Debian's Chromium in a network of its own: it drops its requests whenever an engine adds an interface."""
    directory = tmp_path_factory.mktemp("chromium")
    cable = Cable(directory, [stack.brain_ports[0], urlsplit(s3.endpoint).port or 80, provider_port, proxy_port])
    command = cable.within([str(chromium.ensure_installed())])
    script = directory / "chromium"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    script.chmod(0o755)
    try:
        cable.lay()
        yield script
    finally:
        cable.remove()


@pytest.fixture(scope="package")
def browser(program: Path) -> Iterator[Browser]:
    """Without a window."""
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
