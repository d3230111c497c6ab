"""The Brain that `up` runs, and the little `up` itself asks of it."""

from __future__ import annotations

import sys
from typing import Any

import httpx2

from hytopus.brain.settings import BrainSettings, load_settings
from hytopus.storage.settings import StorageSettings
from hytopus.up.options import UpOptions
from hytopus.up.service import Program
from hytopus.up.storage import environment_of
from hytopus.wire.trust import PinnedTransport


def brain_settings(options: UpOptions, storage: StorageSettings) -> BrainSettings:
    """The settings the Brain will find in its environment."""
    return load_settings(data_dir=options.data_dir / "brain", database_url=options.database_url, storage=storage)


def brain_program(options: UpOptions, storage: StorageSettings) -> Program:
    environment = {
        "HYTOPUS_BRAIN__DATA_DIR": str(options.data_dir / "brain"),
        "HYTOPUS_BRAIN__DATABASE_URL": options.database_url,
        "HYTOPUS_BRAIN__HTTP__LISTEN": f"{options.bind}:{options.port}",
        "HYTOPUS_BRAIN__GATEWAY__SESSION_LISTEN": f"{options.bind}:{options.sessions_port}",
        "HYTOPUS_BRAIN__GATEWAY__JOIN_LISTEN": f"{options.bind}:{options.join_port}",
        **environment_of(storage),
    }

    async def ready() -> bool:
        return await _answers(options)

    return Program("brain", hytopus("brain", "run"), ready, environment)


def hytopus(*arguments: str) -> list[str]:
    """The command line that runs this very Hytopus."""
    return [sys.executable, "-m", "hytopus.cli", *arguments]


async def create_join_token(options: UpOptions, token: str, node_name: str) -> str:
    answer = await _ask(options, token, "POST", "/nodes/join-tokens", {"node_name": node_name})
    return str(answer["token"])


async def node_connected(options: UpOptions, token: str, node_id: str) -> bool:
    """Whether the node has a session now. (Its state may still be that of before the Brain started.)"""
    try:
        return bool((await _ask(options, token, "GET", f"/nodes/{node_id}"))["connected"])
    except httpx2.HTTPError:
        return False


async def _ask(options: UpOptions, token: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    async with _client(options, timeout=10) as client:
        headers = {"Authorization": f"Bearer {token}"}
        response = await client.request(method, f"/api/v1{path}", json=body, headers=headers)
        response.raise_for_status()
        return response.json()


async def _answers(options: UpOptions) -> bool:
    try:
        async with _client(options, timeout=2) as client:
            return (await client.get("/readyz")).is_success
    except (httpx2.HTTPError, FileNotFoundError):  # its authority is made at its first start
        return False


def _client(options: UpOptions, *, timeout: float) -> httpx2.AsyncClient:
    transport = PinnedTransport(options.authority.read_text()) if options.secure else None
    return httpx2.AsyncClient(base_url=options.url, timeout=timeout, trust_env=False, transport=transport)
