"""uvicorn inside our own task group: it neither takes the signals nor outlives the Brain."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import ClassVar, Final

import uvicorn
from fastapi import FastAPI

from hytopus.brain import tls
from hytopus.brain.http.connections import USUAL, Limits, within
from hytopus.brain.settings import HttpSettings
from hytopus.errors import HytopusError

_GRACE_SECONDS: Final = 2
"""How long requests under way may take once the Brain stops."""


class CannotListen(HytopusError):
    code: ClassVar[str] = "cannot_listen"
    template: ClassVar[str] = "The API cannot listen on {address}: {why}."
    remedy: ClassVar[str] = "Stop what uses the address, or set http.listen to another one."


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """The API on its socket. `url` has the real port, if 0 was asked for."""

    def __init__(self, url: str) -> None:
        self.url = url

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        app: FastAPI,
        settings: HttpSettings,
        certificate: tls.Load | None = None,
        changed: tls.Changed = tls.never,
        limits: Limits = USUAL,
    ) -> AsyncIterator[WebServer]:
        """Serve until the context is left; requests under way get two seconds to finish. HTTPS with a certificate."""
        context = await tls.open_context(certificate) if certificate else None
        listener = _bind(settings.listen)
        server = _Server(_config(app, settings, context, limits))
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(sockets=[listener]))
            renewing = (
                tasks.create_task(tls.keep_current(context, certificate, changed)) if context and certificate else None
            )
            try:
                host, port = listener.getsockname()[:2]
                yield cls(f"{'https' if context else 'http'}://{_for_url(host)}:{port}")
            finally:
                if renewing is not None:
                    renewing.cancel()
                server.should_exit = True
                await serving


def _config(app: FastAPI, settings: HttpSettings, context: ssl.SSLContext | None, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=within(limits),
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=65,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        ssl_context_factory=(lambda _config, _default: context) if context else None,
    )


def _bind(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, int(port)), family=family, backlog=2048)
    except OSError as error:
        raise CannotListen(address=address, why=error.strerror or str(error)) from error
    # asyncio does this only for sockets made with an explicit protocol; without it every answer waits 40 ms for an ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _for_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
