"""Static files as the Brain serves them (gzip, cached), and a toy Brain behind them that changes states on demand."""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web

ROOT: Final = Path(__file__).parents[2]
NODE: Final = ROOT / ".venv" / "node" / "bin" / "node"
PANEL: Final = ROOT / "panel" / ".output" / "public"


@asynccontextmanager
async def toy_brain(*, instances: int, rate: int) -> AsyncIterator[str]:
    """The panel's toy Brain, with so many instances and so many changes of state a second; its address."""
    environment = {**os.environ, "PORT": "0", "COUNT": str(instances), "RATE": str(rate)}
    process = await asyncio.create_subprocess_exec(
        NODE, "fake/main.ts", cwd=ROOT / "panel", env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def served(folder: Path, brain: str = "") -> AsyncIterator[str]:
    """`folder` on a free port, with `/api` passed on to `brain`."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as client:
        application = web.Application()
        application.router.add_route("*", "/api/{path:.*}", _passing_on(client, brain))
        application.router.add_get("/{path:.*}", _files(folder))
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()


def _files(folder: Path) -> web.Handler:  # type: ignore[name-defined]
    packed: dict[Path, bytes] = {
        path: gzip.compress(path.read_bytes(), 9) for path in folder.rglob("*") if path.is_file()
    }

    async def answer(request: web.Request) -> web.Response:
        wanted = folder / request.match_info["path"]
        path = wanted if wanted in packed else folder / "index.html"
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        cache = "public, max-age=31536000, immutable" if "/_nuxt/" in request.path else "no-cache"
        headers = {"Content-Encoding": "gzip", "Content-Type": kind, "Cache-Control": cache}
        return web.Response(body=packed[path], headers=headers)

    return answer


def _passing_on(client: aiohttp.ClientSession, brain: str) -> web.Handler:  # type: ignore[name-defined]
    async def answer(request: web.Request) -> web.StreamResponse:
        if not brain:
            return web.json_response([])
        async with client.request(
            request.method, brain + str(request.rel_url), headers={"Accept": request.headers.get("Accept", "*/*")}
        ) as found:
            response = web.StreamResponse(status=found.status, headers={"Content-Type": found.content_type})
            await response.prepare(request)
            async for chunk in found.content.iter_any():
                await response.write(chunk)
            return response

    return answer
