"""A whole Brain: it starts, serves, says what is wrong, and stops at once."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hytopus.brain.accounts.passwords import Passwords
from hytopus.brain.gateway.errors import GatewayCannotListen
from hytopus.brain.main import Running, run
from hytopus.brain.settings import BrainSettings, load_settings
from hytopus.brain.web import CannotListen
from hytopus.games.definition import BadGame
from tests.services.ports import free_port
from tests.services.seaweed import S3

pytestmark = pytest.mark.s3


@pytest.fixture
def settings(s3: S3, tmp_path: Path) -> BrainSettings:
    return _settings(s3, tmp_path)


def _settings(s3: S3, directory: Path, **changes: Any) -> BrainSettings:
    given: dict[str, Any] = {
        "data_dir": directory / "brain",
        "http": {"listen": "127.0.0.1:0"},
        "gateway": {"session_listen": "127.0.0.1:0", "join_listen": "127.0.0.1:0"},
        "storage": {
            "url": f"s3://{s3.bucket}/main?endpoint={s3.endpoint}&region={s3.region}",
            "access_key": s3.access_key,
            "secret_key": s3.secret_key,
        },
        "log": {"format": "json"},
    }
    return load_settings(directory / "absent.toml", **given | changes)


@asynccontextmanager
async def _brain(settings: BrainSettings) -> AsyncIterator[Running]:
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(run(settings, ready=ready.set_result, passwords=Passwords(cheap=True)))
    waiting: set[asyncio.Future[Any]] = {running, ready}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    yield ready.result()
    ready.result().stop()
    await running


@asynccontextmanager
async def _admin(brain: Running, password: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=brain.url) as client:
        answer = await client.post("/api/v1/login", json={"name": "admin", "password": password})
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield client


async def test_a_brain_serves_and_stops_with_live_streams_open(settings: BrainSettings) -> None:
    async with _brain(settings) as brain:
        assert brain.admin_password is not None
        async with _admin(brain, brain.admin_password) as client:
            assert (await client.get("/readyz")).json()["status"] == "ok"
            games = [game["name"] for game in (await client.get("/api/v1/games")).json()]
            assert "stand-in" in games
            assert "BEGIN CERTIFICATE" in (await client.get("/api/v1/join-info")).json()["ca_pem"]
            wanted = {"Accept": "text/event-stream"}
            async with client.stream("GET", "/api/v1/events", headers=wanted) as stream:
                lines = stream.aiter_lines()
                assert await anext(lines) == ": open"
                began = time.monotonic()
                brain.stop()
                assert [line async for line in lines if line] == []
    assert time.monotonic() - began < 2


async def test_a_second_start_finds_everything_as_it_was(settings: BrainSettings) -> None:
    async with _brain(settings) as brain:
        password = brain.admin_password or ""
        async with httpx2.AsyncClient(base_url=brain.url) as client:
            before = (await client.get("/api/v1/join-info")).json()
    async with _brain(settings) as brain:
        assert brain.admin_password is None
        async with _admin(brain, password) as client:
            assert (await client.get("/api/v1/me")).json()["role"] == "admin"
            assert (await client.get("/api/v1/join-info")).json()["ca_pem"] == before["ca_pem"]


async def test_a_brain_without_its_store_steers_on_and_says_so(s3: S3, tmp_path: Path) -> None:
    url = f"s3://{s3.bucket}?endpoint=http://127.0.0.1:{free_port()}"
    settings = _settings(s3, tmp_path, storage={"url": url, "access_key": "a", "secret_key": "b"})
    async with _brain(settings) as brain, httpx2.AsyncClient(base_url=brain.url) as client:
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        checks = ready.json()["checks"]
        assert checks["database"] == "ok"
        assert "did not answer" in checks["object_store"]


async def test_what_keeps_a_brain_from_starting_is_said_plainly(s3: S3, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CannotListen, match=address):
            await run(_settings(s3, tmp_path, http={"listen": address}), passwords=Passwords(cheap=True))
        gateway = {"session_listen": address, "join_listen": "127.0.0.1:0"}
        with pytest.raises(GatewayCannotListen, match=address):
            await run(_settings(s3, tmp_path, gateway=gateway), passwords=Passwords(cheap=True))
    broken = tmp_path / "games" / "broken"
    broken.mkdir(parents=True)
    (broken / "game.toml").write_text("name = 1")
    with pytest.raises(BadGame, match=r"broken.game\.toml"):
        await run(_settings(s3, tmp_path, games_dirs=[tmp_path / "games"]), passwords=Passwords(cheap=True))
