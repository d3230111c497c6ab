"""A Docker Engine where there is none: on a machine within the machine that has no systemd and no Engine running."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from hytopus.up.engine import engine_version, ensure_engine
from hytopus.up.errors import DockerDown
from tests.integration.cli.conftest import Brain
from tests.services.machine import unavailable

_WITHIN = """
mount -t tmpfs none /run
mount -t tmpfs none /var/lib/docker
exec "$@"
"""
_BRING_UP = """
import asyncio, sys
from pathlib import Path
from hytopus.up.engine import ensure_engine

for _ in range(2):
    asyncio.run(ensure_engine(Path(sys.argv[1]), lambda line: print(line, flush=True)))
"""


@pytest.mark.docker
@pytest.mark.root
def test_it_is_started_by_hand_and_stays(docker_engine: str, tmp_path: Path) -> None:
    """`docker_engine` only makes sure that Docker is installed. Everything ends with the process namespace."""
    if os.geteuid() != 0:
        unavailable("a machine within the machine needs root")
    Path("/var/lib/docker").mkdir(exist_ok=True)
    done = subprocess.run(
        [
            *("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"),
            *("sh", "-euc", _WITHIN, "sh", sys.executable, "-c", _BRING_UP, str(tmp_path)),
        ],
        check=False,
        env={name: value for name, value in os.environ.items() if name != "DOCKER_HOST"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout
    first, second, third = done.stdout.splitlines()
    assert "by hand" in first
    assert second == third
    assert "answers" in second


async def test_an_engine_that_was_named_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    with pytest.raises(DockerDown, match=r"no\.sock"):
        await ensure_engine(tmp_path, print)


async def test_a_stranger_at_its_address_is_no_engine(monkeypatch: pytest.MonkeyPatch, brain: Brain) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://{httpx2.URL(brain.url).netloc.decode()}")
    assert await engine_version() is None
