"""The wheel: with the built panel in it, without one, and installed, serving it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.services.processes import Process
from tests.services.seaweed import S3
from tests.services.waiting import eventually_sync

ROOT = Path(__file__).parents[3]
PAGE = "<!doctype html><title>packed</title><script>window.packed = true</script>"
PIP = Path(sys.prefix) / "bootstrap" / "bin" / "pip"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a build needs of a checkout, without a panel."""
    copy = tmp_path / "checkout"
    for folder in ("src", "games"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy / file)
    return copy


@pytest.fixture
def with_panel(checkout: Path) -> Path:
    built = checkout / "panel" / ".output" / "public"
    (built / "_nuxt").mkdir(parents=True)
    (built / "index.html").write_text(PAGE)
    (built / "_nuxt" / "entry.js").write_text("export {}")
    return checkout


def test_without_a_panel_a_wheel_is_built_that_says_so(checkout: Path) -> None:
    done = _build(checkout)
    assert done.returncode == 0, done.stdout
    assert "This wheel has no panel" in done.stdout
    assert not [name for name in _names(checkout) if "panel/public" in name]


def test_a_release_is_refused_without_a_panel(checkout: Path) -> None:
    done = _build(checkout, HYTOPUS_REQUIRE_PANEL="1")
    assert done.returncode != 0
    assert "Build it: make panel" in done.stdout
    assert not list((checkout / "dist").glob("*.whl"))


@pytest.mark.s3
def test_an_installed_wheel_serves_the_panel_it_carries(with_panel: Path, tmp_path: Path, s3: S3) -> None:
    done = _build(with_panel, HYTOPUS_REQUIRE_PANEL="1")
    assert done.returncode == 0, done.stdout
    assert {"hytopus/brain/panel/public/index.html", "hytopus/brain/panel/public/_nuxt/entry.js"} <= _names(with_panel)
    installed = tmp_path / "installed"
    wheel, *_ = (with_panel / "dist").glob("*.whl")
    subprocess.run([PIP, "install", "-q", "--no-deps", "--no-index", "--target", installed, wheel], check=True)
    for url in _brain(installed, tmp_path, s3):
        page = httpx2.get(url, trust_env=False)
        assert page.text == PAGE
        assert "sha256-" in page.headers["content-security-policy"]
        assert s3.endpoint in page.headers["content-security-policy"]
        assert httpx2.get(f"{url}/_nuxt/entry.js", trust_env=False).text == "export {}"
        assert httpx2.get(f"{url}/api/v1/nothing", trust_env=False).json()["code"] == "route_not_found"
        assert httpx2.get(f"{url}/healthz", trust_env=False).json() == {"status": "ok"}


def _brain(installed: Path, directory: Path, s3: S3) -> Iterator[str]:
    """The URL of a Brain that runs out of the installed package, not out of this checkout."""
    known = directory / "brain.json"
    brain = Process(
        "brain",
        [sys.executable, "-m", "tests.services.brain", str(known)],
        directory / "brain.log",
        {
            "PYTHONPATH": str(installed),
            "HYTOPUS_BRAIN__DATA_DIR": str(directory / "brain"),
            "HYTOPUS_BRAIN__HTTP__LISTEN": "127.0.0.1:0",
            "HYTOPUS_BRAIN__GATEWAY__SESSION_LISTEN": "127.0.0.1:0",
            "HYTOPUS_BRAIN__GATEWAY__JOIN_LISTEN": "127.0.0.1:0",
            "HYTOPUS_BRAIN__STORAGE__URL": f"s3://{s3.bucket}/wheel?endpoint={s3.endpoint}",
            "HYTOPUS_BRAIN__STORAGE__ACCESS_KEY": s3.access_key,
            "HYTOPUS_BRAIN__STORAGE__SECRET_KEY": s3.secret_key,
        },
    )
    brain.start()
    try:
        eventually_sync(known.exists, timeout=150, every=0.05, what=f"the Brain\n{brain.tail()}")
        yield str(json.loads(known.read_text())["url"])
    finally:
        brain.stop()


def _build(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=checkout,
        env={**os.environ, **environment},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )


def _names(checkout: Path) -> set[str]:
    wheel, *_ = (checkout / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())
