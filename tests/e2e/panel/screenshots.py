"""`python -m tests.e2e.panel.screenshots [NAME...]`: pictures of every page (or of these) in `panel/screenshots/`.

Starts a stack of its own with something to see in it, and ends it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from tests.e2e.panel.content import create_running, push_layers
from tests.e2e.panel.visits import Panel, Theme, places, settle
from tests.services import chromium, docker
from tests.services.stack import Stack
from tests.services.waiting import eventually_sync

OUT: Final = Path(__file__).parents[3] / "panel" / "screenshots"
LOOKS: Final[dict[str, tuple[Theme, str, bool]]] = {
    "light-en": ("light", "en", False),
    "dark-de": ("dark", "de", False),
    "light-de": ("light", "de", False),
    "dark-en": ("dark", "en", False),
    "phone": ("light", "en", True),
    "phone-dark-de": ("dark", "de", True),
}


def main(wanted: Collection[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="hytopus-screenshots-") as directory:
        docker_url = docker.running_engine(Path(directory))
        stack = Stack(Path(directory) / "stack", docker_url=docker_url)
        try:
            stack.start()
            fill(stack, Path(directory))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium.ensure_installed(), args=list(chromium.FLAGS)
                )
                take(Panel(browser, stack), wanted)
                browser.close()
        finally:
            stack.close()
            docker.stop_engine(Path(directory))
    print(f"The pictures are in {OUT}.")


def fill(stack: Stack, directory: Path) -> None:
    """Servers that run, one that waits, one that has failed, a node that is away, and a backup."""
    stack.cli("game", "build", "stand-in")
    push_layers(stack, directory / "layers")
    for prefix in ("lobby", "survival", "creative"):
        create_running(stack, prefix)
    layers, variables = ["panel-base"], {"GREETING": "Hello"}
    stack.post("instances", {"name": "giant", "layers": layers, "variables": variables, "memory_mb": 900_000})
    fault = {**variables, "BEHAVIOUR": "ExitAtOnce", "VALUE": "2"}
    stack.post("instances", {"name": "crashing", "layers": layers, "variables": fault})
    stack.join("node-2")
    stack.post("backups")
    eventually_sync(lambda: stack.get("backups")["items"], timeout=60, what="a backup")
    eventually_sync(lambda: stack.instance("crashing")["state"] == "failed", timeout=60, what="one to fail")


def take(panel: Panel, wanted: Collection[str] = ()) -> None:
    for look, (theme, language, phone) in LOOKS.items():
        (OUT / look).mkdir(parents=True, exist_ok=True)
        with panel.visit(None, "/login", theme=theme, language=language, phone=phone, complaints=[""]) as page:
            settle(page)
            page.screenshot(path=OUT / look / "login.png")
        with panel.visit(theme=theme, language=language, phone=phone, complaints=[""]) as page:
            for name, path in places(panel.stack).items():
                if wanted and name not in wanted:
                    continue
                page.goto(panel.url + path)
                settle(page)
                page.screenshot(path=OUT / look / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
