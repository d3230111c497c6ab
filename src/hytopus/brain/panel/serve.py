"""Answers what is neither API nor health: with the panel's files, and with its page for every address it knows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hytopus.brain.panel.bundle import IMMUTABLE, Asset, Bundle, find, read
from hytopus.brain.panel.policy import PERMISSIONS, content_security_policy
from hytopus.kit.logs import get_logger
from hytopus.storage.s3 import S3Store

log = get_logger(__name__)

_MISSING: Final = (Path(__file__).parent / "missing.html").read_bytes()
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK_EVERY_TIME: Final = "no-cache"


class Panel:
    """A built panel in a directory: read when it is first asked for, and again when it was built anew.

    `connect` are the origins beside the Brain's own that the panel talks to.
    """

    def __init__(self, directory: Path | None, connect: Sequence[str] = ()) -> None:
        self._directory = directory
        self._connect = tuple(connect)
        self._bundle: Bundle | None = None
        self._built: tuple[int, int] | None = None
        self._reading = asyncio.Lock()

    @property
    def bundle(self) -> Bundle | None:
        """What was read last."""
        return self._bundle

    async def look(self) -> Bundle | None:
        """The panel as it is now; a build that is gone again leaves the one before."""
        async with self._reading:
            await asyncio.to_thread(self._look)
        return self._bundle

    def policy(self, bundle: Bundle) -> str:
        return content_security_policy(bundle.script_hashes, self._connect)

    def _look(self) -> None:
        if self._directory is None:
            return
        try:
            found = (self._directory / "index.html").stat()
            built = (found.st_ino, found.st_mtime_ns)
            if built != self._built:
                self._bundle, self._built = read(self._directory), built
        except FileNotFoundError:
            return


async def open_panel(directory: Path | None, store: S3Store) -> Panel:
    """The panel of the settings, or the one that comes with Hytopus; it uploads to the store."""
    origin = await store.origin()
    panel = Panel(directory or await asyncio.to_thread(find), [origin] if origin else [])
    if await panel.look() is None:
        log.warning("there is no panel to serve", remedy="in a checkout: make panel")
    return panel


def install(app: FastAPI, panel: Panel) -> None:
    """Let the panel answer what no route does."""
    answer = _Fallback(panel, app.router.default)
    app.router.default = answer
    app.state.templates[_Fallback] = "panel"


class _Fallback:
    """ASGI. `otherwise` answers what is not the panel's, which is a problem document."""

    def __init__(self, panel: Panel, otherwise: ASGIApp) -> None:
        self._panel = panel
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(Request(scope)) if _is_for_people(scope) else None
        if response is None:
            await self._otherwise(scope, receive, send)
            return
        scope["endpoint"] = _Fallback
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response | None:
        path = request.scope["path"]
        bundle = self._panel.bundle
        if bundle is not None and path in bundle.assets and path != "/index.html":
            return _file(request, bundle.assets[path], self._panel.policy(bundle))
        if path.startswith(IMMUTABLE) or not _wants_page(request):
            return None
        bundle = await self._panel.look()
        if bundle is None:
            return Response(_MISSING, 503, media_type="text/html; charset=utf-8")
        return _file(request, bundle.index, self._panel.policy(bundle))


def _file(request: Request, asset: Asset, policy: str) -> Response:
    """Every file brings the policy along: a worker obeys that of its own script."""
    coding, body = asset.best(request.headers.get("accept-encoding", ""))
    told = {
        "Cache-Control": _FOREVER if asset.immutable else _ASK_EVERY_TIME,
        "Content-Security-Policy": policy,
        "ETag": asset.etag,
        "Permissions-Policy": PERMISSIONS,
        "Vary": "Accept-Encoding",
    }
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=told)
    if coding:
        told["Content-Encoding"] = coding
    return Response(body, headers=told, media_type=asset.media_type)


def _is_for_people(scope: Scope) -> bool:
    path = scope["path"]
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and not f"{path}/".startswith("/api/")


def _wants_page(request: Request) -> bool:
    """A browser that opens an address says that it wants HTML; scripts that mistype a path get a problem document."""
    return request.scope["path"] == "/" or "text/html" in request.headers.get("accept", "")
