"""The connection to the Docker Engine: where it is, how long to wait, and how to read its endless answers."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
from aiodocker import Docker

DEFAULT_URL: Final = "unix:///var/run/docker.sock"

_UNIX: Final = "unix://"
_CONNECT_SECONDS: Final = 5
_CALL_SECONDS: Final = 120
"""Starting a container takes seconds on a busy machine; connecting to a local socket never does."""


@asynccontextmanager
async def connect(url: str | None = None) -> AsyncIterator[Docker]:
    """A client for the engine at `url`, else at `DOCKER_HOST`, else at the usual socket.

    Talks to nobody yet, so it works while the engine is down.
    """
    address = url or os.environ.get("DOCKER_HOST") or DEFAULT_URL
    timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS, sock_connect=_CONNECT_SECONDS)
    if not address.startswith(_UNIX):
        async with Docker(address, timeout=timeout) as docker:
            yield docker
        return
    # No limit of connections: every instance holds up to three (log, wait, console). And a new one for each call: it
    # costs 50 µs and never is one that a restarted engine has forgotten.
    connector = aiohttp.UnixConnector(address.removeprefix(_UNIX), limit=0, force_close=True)
    try:
        async with Docker(f"{_UNIX}localhost", connector=connector, timeout=timeout) as docker:
            yield docker
    finally:
        await connector.close()


async def call(
    docker: Docker,
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    seconds: float | None = _CALL_SECONDS,
) -> Any:
    """One request, its whole answer decoded; None where there is none. `seconds=None` waits as long as it takes."""
    response = await docker._do_query(
        path,
        method,
        params=dict(params or {}),
        data=None if body is None else json.dumps(body).encode(),
        timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS),
    )
    async with response:
        content = await response.read()
    return json.loads(content) if content else None


@asynccontextmanager
async def stream(
    docker: Docker, method: str, path: str, *, params: Mapping[str, Any] | None = None, data: Any = None
) -> AsyncIterator[aiohttp.ClientResponse]:
    """An answer that is read while it grows, for as long as it takes.

    aiodocker's own readers end quietly when the engine goes away in the middle; here that raises.
    """
    timeout = aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS)
    response = await docker._do_query(path, method, params=dict(params or {}), data=data, timeout=timeout)
    try:
        yield response
    finally:
        response.close()  # `release` would wait for the end of an endless answer


async def json_lines(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The documents of an answer that has one per line, of any length."""
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)
