"""Visits to the panel: a browser of one's own, signed in, and nothing it complains about goes unnoticed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.services.stack import Stack, checked

ROLES: Final = ("admin", "operator", "viewer")
PASSWORD: Final = "correct-horse-battery"
DESK: Final = {"width": 1440, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
PATIENCE_MS: Final = 20_000
_AXE: Final = Path(__file__).parents[3] / "panel" / "node_modules" / "axe-core" / "axe.min.js"

Theme = Literal["light", "dark"]
expect.set_options(timeout=PATIENCE_MS)


class Panel:
    """The panel of a running stack, with a user of each role in it; found at `url`, if that is not the Brain's own."""

    def __init__(self, browser: Browser, stack: Stack, *, url: str = "") -> None:
        self.browser = browser
        self.stack = stack
        self.url = url or str(stack.api.base_url).split("/api/")[0]
        known = {user["name"] for user in stack.get("users")["items"]}
        for role in ROLES:
            if f"the-{role}" not in known:
                stack.post("users", {"name": f"the-{role}", "password": PASSWORD, "role": role})

    @contextmanager
    def visit(
        self,
        role: str | None = "admin",
        path: str = "/",
        *,
        theme: Theme = "light",
        language: str = "en",
        phone: bool = False,
        complaints: Sequence[str] = (),
    ) -> Iterator[Page]:
        """A page, signed in unless `role` is None. What the browser complains of beside `complaints` fails the test."""
        context = self.browser.new_context(
            viewport=PHONE if phone else DESK,  # type: ignore[arg-type]
            has_touch=phone,
            color_scheme=theme,
            locale=language,
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(PATIENCE_MS)
        try:
            if role is not None:
                self.sign_in(context, f"the-{role}")
            page = context.new_page()
            heard = _listen(page)
            if path:
                page.goto(self.url + path)
                if role is not None:
                    until_live(page)
            yield page
            unexpected = [each for each in heard if not any(re.search(known, each) for known in complaints)]
            assert not unexpected, unexpected
        finally:
            context.close()

    def sign_in(self, context: BrowserContext, name: str) -> None:
        """Without the form, which has tests of its own."""
        answer = context.request.post(
            f"{self.url}/api/v1/login",
            data={"name": name, "password": PASSWORD, "cookie": True},
            headers={"Origin": self.url},
        )
        assert answer.ok, answer.text()


def until_live(page: Page) -> None:
    """The panel is there and hears of every change."""
    expect(page.locator("[data-connection]").first).to_have_attribute("data-state", "live")


def fill_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """The form one signs in with."""
    page.locator("input[autocomplete=username]").fill(name)
    page.locator("input[autocomplete=current-password]").fill(password)
    page.locator("button[type=submit]").click()


def drop_files(page: Page, target: str, *files: Path) -> None:
    """Drop files or folders from the desktop, as the browser itself would."""
    place = page.locator(target)
    place.wait_for()
    box = place.bounding_box()
    assert box is not None
    devtools = page.context.new_cdp_session(page)
    where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 20}
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "data": data, **where})


def axe(page: Page, *rules: str) -> list[str]:
    """What axe finds serious or critical, one line each; only by these rules, where some are given."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_AXE.read_text())
    only = {"runOnly": list(rules)} if rules else {}
    found: dict[str, Any] = page.evaluate(
        "options => axe.run(document, options)", {"resultTypes": ["violations"], **only}
    )
    return [
        f"{page.url}: {each['id']}: {node['target']} {node['html'][:160]} {node['failureSummary'][:300]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def settle(page: Page) -> None:
    """Everything is there, and whatever moves has arrived; what turns for ever does not count."""
    page.locator("h1, h2, [data-slot=title]").first.wait_for()
    page.wait_for_function("() => document.querySelectorAll('main .animate-pulse').length === 0")
    page.wait_for_function("""() => [...document.querySelectorAll('[data-console]')].every(each =>
        each.querySelector('.xterm-rows')?.innerText.trim())""")
    page.wait_for_function("""() => !document.getAnimations().some(each =>
        each.playState === 'running' && each.effect.getTiming().iterations !== Infinity)""")


def _listen(page: Page) -> list[str]:
    heard: list[str] = []

    def on_message(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            heard.append(f"{page.url}: {message.text} ({message.location.get('url', '')})")

    page.on("console", on_message)
    page.on("pageerror", lambda error: heard.append(f"{page.url}: {error}"))
    return heard


def places(stack: Stack) -> dict[str, str]:
    """Every page by its name: the fixed ones, and one of each noun there is."""
    instances = stack.get("instances", limit=50)["items"]
    running = next((each["id"] for each in instances if each["state"] == "running"), None)
    failed = next((each["id"] for each in instances if each["state"] == "failed"), None)
    waiting = next((each["id"] for each in instances if each["state"] == "requested"), None)
    templates = [each["id"] for each in stack.get("templates")["items"]]
    nodes = [each["id"] for each in stack.get("nodes")["items"]]
    gone = next((each["id"] for each in stack.get("nodes")["items"] if each["state"] == "offline"), None)
    tabs = ("overview", "console", "logs", "files", "crashes", "placement", "settings")
    return {
        "dashboard": "/",
        "instances": "/instances",
        "instance-new": f"/instances/new?layer={templates[0]}" if templates else "/instances/new",
        **({f"instance-{tab}": f"/instances/{running}?tab={tab}" for tab in tabs} if running else {}),
        **({"instance-failed": f"/instances/{failed}?tab=crashes"} if failed else {}),
        **({"instance-waiting": f"/instances/{waiting}?tab=placement"} if waiting else {}),
        "nodes": "/nodes",
        "node-join": "/nodes?join=1",
        **({"node": f"/nodes/{nodes[0]}"} if nodes else {}),
        **({"node-offline": f"/nodes/{gone}"} if gone else {}),
        "templates": "/templates",
        "template-upload": "/templates?upload=1",
        **({"template": f"/templates/{templates[0]}"} if templates else {}),
        "crashes": "/crashes",
        "events": "/events",
        "doctor": "/doctor",
        "brains": "/brains",
        "backups": "/backups",
        "authority": "/authority",
        "audit": "/audit",
        "users": "/users",
        "settings": "/settings",
        "settings-security": "/settings/security",
        "settings-tokens": "/settings/tokens",
        "missing": "/no-such-page",
    }


__all__ = [
    "DESK",
    "PASSWORD",
    "PHONE",
    "ROLES",
    "Panel",
    "axe",
    "checked",
    "drop_files",
    "fill_in",
    "places",
    "settle",
    "until_live",
]
