"""Fixtures of all tests: the real services, started when the first test asks for them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import hypothesis
import pytest
from blockbuster import blockbuster_ctx

from tests.services import docker
from tests.services.postgres import PostgresServer, running_postgres
from tests.services.seaweed import S3, running_s3

_RUN: Final = "HYTOPUS_TEST_RUN"
"""Environment variable with the directory of this test run; pytest-xdist's workers inherit it."""
_UNIT: Final = Path(__file__).parent / "unit"
_SERVERS: Final = ["hytopus.brain", "hytopus.node", "hytopus.wire", "hytopus.storage", "hytopus.layers"]
"""What shares an event loop with many others; the command line has its loop to itself."""
_MAY_BLOCK: Final = {
    "prometheus_client/process_collector.py": {"collect"},  # /proc answers at once
    "hytopus/brain/db/engine.py": {"_engine"},  # once, at the start
    "hytopus/kit/waiting.py": {"inline"},  # in simulations, on tiny files
    "hytopus/brain/db/sqlite.py": {"_execute"},  # measured: faster than a thread would be
}

hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("long", deadline=None, print_blob=True, max_examples=5_000)
hypothesis.settings.load_profile("default")


def pytest_configure(config: pytest.Config) -> None:
    if not _is_worker(config):
        os.environ[_RUN] = tempfile.mkdtemp(prefix="hytopus-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _is_worker(config):
        run = Path(os.environ.pop(_RUN))
        docker.stop_engine(run)
        shutil.rmtree(run, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say plainly what was skipped and why, once for each reason."""
    reasons: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons.setdefault(reason.removeprefix("Skipped: "), []).append(report.nodeid)
    for reason, tests in reasons.items():
        terminalreporter.write_line(f"skipped {len(tests)}: {reason} (first: {tests[0]})")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _nothing_blocks_the_event_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """A call of ours that would hold up everybody else on the event loop fails the unit test it happens in."""
    if not request.path.is_relative_to(_UNIT):
        yield
        return
    with blockbuster_ctx(_SERVERS) as detector:
        for call in detector.functions.values():
            for file, functions in _MAY_BLOCK.items():
                call.can_block_in(file, functions)
        yield


@pytest.fixture(scope="session")
def docker_engine() -> str:
    """The address of a Docker Engine that answers, e.g. `unix:///var/run/docker.sock`."""
    return docker.running_engine(Path(os.environ[_RUN]))


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A real S3 server with a bucket, shared by the session: use keys of your own."""
    with running_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
