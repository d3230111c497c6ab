"""A real OpenID Connect provider for the tests: `oidc-provider` from npm, on the panel's Node.js from PyPI."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.services.ports import free_port
from tests.services.processes import Process
from tests.services.waiting import eventually_sync

FOLDER: Final = Path(__file__).parent / "oidc_provider"
ROOT: Final = Path(__file__).parents[2]
NODE: Final = ROOT / ".venv/node/bin"
CLIENT_ID: Final = "hytopus"
CLIENT_SECRET: Final = "a secret of the client"


@dataclass(frozen=True, slots=True)
class OidcServer:
    """`brain_port` is where the Brain must listen: the provider sends browsers nowhere else."""

    issuer: str
    brain_port: int

    @property
    def brain_url(self) -> str:
        return f"http://127.0.0.1:{self.brain_port}"

    def let_in(
        self, account: str, *, tamper: dict[str, Any] | None = None, refuse: bool = False, **claims: Any
    ) -> None:
        """Who logs in next, with which claims, and what is done to the ID token."""
        body = {"account": account, "claims": claims, "tamper": tamper or {}, "refuse": refuse}
        request = urllib.request.Request(f"{self.issuer}/control", json.dumps(body).encode(), method="PUT")
        urllib.request.urlopen(request, timeout=10).close()


@contextmanager
def running_provider(directory: Path, port: int = 0, brain_port: int = 0) -> Iterator[OidcServer]:
    """On free ports unless they are given."""
    ensure_installed()
    port = port or free_port()
    server = OidcServer(f"http://127.0.0.1:{port}", brain_port or free_port())
    environment = {
        "PORT": str(port),
        "REDIRECT": f"{server.brain_url}/api/v1/oidc/callback",
        "POST_LOGOUT": f"{server.brain_url}/login",
    }
    process = Process("provider", [str(NODE / "node"), str(FOLDER / "server.mjs")], directory / "log", environment)
    process.start()
    try:
        eventually_sync(lambda: _ready(process), timeout=30, every=0.1, what=f"the provider, see {directory}/log")
        yield server
    finally:
        process.kill()


def ensure_installed() -> None:
    """Node.js and the packages of the lock file; once, whoever of several test processes asks first."""
    with (FOLDER / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (ROOT / ".venv/node/stamp").exists():
            subprocess.run([ROOT / "tools/panel", "node"], check=True)
        if not (FOLDER / "node_modules/stamp").exists():
            npm = [str(NODE / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(npm, cwd=FOLDER, check=True, env={**os.environ, "PATH": f"{NODE}:{os.environ['PATH']}"})
            (FOLDER / "node_modules/stamp").touch()


def _ready(process: Process) -> bool:
    assert process.running, process.tail()
    return "ready" in process.log.read_text()
