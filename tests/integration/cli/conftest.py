"""A real Brain with a real S3, and the command line in this process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hytopus.brain.settings import load_settings
from hytopus.cli.app import run
from hytopus.storage.settings import StorageSettings
from hytopus.up.accounts import Access, prepare_access
from hytopus.up.storage import environment_of
from tests.services.ports import free_port
from tests.services.proxy import Proxy, running_proxy
from tests.services.seaweed import S3


@dataclass(frozen=True, slots=True)
class Brain:
    url: str
    access: Access


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """Runs command lines and hands out what they printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Outcome:
        """Whatever comes of it."""
        self._capsys.readouterr()
        code = run(list(arguments))
        captured = self._capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    def ok(self, *arguments: str) -> Outcome:
        outcome = self(*arguments)
        assert outcome.code == 0, outcome.err
        return outcome


@pytest.fixture(scope="session")
def line(s3: S3) -> Iterator[Proxy]:
    """What stands between this machine and the object store, as far as the command line can tell."""
    host, _, port = s3.endpoint.removeprefix("http://").partition(":")
    with running_proxy(host, int(port)) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def brain(s3: S3, line: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brain]:
    """A Brain in a process of its own, for all tests of a session: use names of your own."""
    directory = tmp_path_factory.mktemp("brain")
    storage = StorageSettings(
        url=f"s3://{s3.bucket}/cli?endpoint={s3.endpoint}&region={s3.region}&path_style=1",
        access_key=SecretStr(s3.access_key),
        secret_key=SecretStr(s3.secret_key),
    )
    access = asyncio.run(prepare_access(load_settings(data_dir=directory, storage=storage), directory))
    environment = {
        **os.environ,
        **environment_of(storage),
        "HYTOPUS_BRAIN__STORAGE__PUBLIC_ENDPOINT": line.address,
        "HYTOPUS_BRAIN__DATA_DIR": str(directory),
        "HYTOPUS_BRAIN__HTTP__LISTEN": f"127.0.0.1:{free_port()}",
        "HYTOPUS_BRAIN__GATEWAY__SESSION_LISTEN": "127.0.0.1:0",
        "HYTOPUS_BRAIN__GATEWAY__JOIN_LISTEN": "127.0.0.1:0",
    }
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "hytopus.cli", "brain", "run"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        announced = process.stdout.readline()
        assert announced.startswith("The Brain answers at "), (directory / "log").read_text()
        yield Brain(announced.split()[-1].rstrip("."), access)
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def stranger(brain: Brain, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Somebody who is not logged in."""
    monkeypatch.setenv("HYTOPUS_CONFIG", str(tmp_path / "home" / "config.toml"))
    monkeypatch.setenv("HYTOPUS_URL", brain.url)
    monkeypatch.delenv("HYTOPUS_TOKEN", raising=False)
    return Cli(capsys)


@pytest.fixture
def cli(stranger: Cli, brain: Brain, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The admin."""
    monkeypatch.setenv("HYTOPUS_TOKEN", brain.access.token)
    return stranger
