"""HTTPS: by default with the Brain's own authority, renewed while it runs, or with a certificate of one's own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from hytopus.brain import tls
from hytopus.brain.authority.ca import Authority
from hytopus.brain.http.security import SecurityHeaders
from hytopus.brain.settings import HttpSettings
from hytopus.brain.tls import CertificateUnusable
from hytopus.brain.web import WebServer
from hytopus.kit.clock import SystemClock
from hytopus.wire.trust import PinnedTransport, fingerprint
from tests.integration.api.clock import StepClock
from tests.services.waiting import eventually


@pytest.fixture
async def authority(tmp_path: Path) -> Authority:
    return await Authority.open(tmp_path / "ca", names=["panel.example"], clock=SystemClock())


@asynccontextmanager
async def _serving(settings: HttpSettings, authority: Authority) -> AsyncIterator[str]:
    app = FastAPI()
    app.add_middleware(SecurityHeaders)

    @app.get("/hello")
    async def hello() -> str:
        return "hello"

    async with WebServer.open(app, settings, *tls.source(settings, authority)) as web:
        yield web.url


async def _get(url: str, ca_pem: str) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=PinnedTransport(ca_pem), timeout=10) as client:
        return await client.get(f"{url}/hello")


@pytest.mark.parametrize(
    ("listen", "mode", "secure"),
    [
        ("127.0.0.1:8420", "auto", False),
        ("[::1]:8420", "auto", False),
        ("localhost:8420", "auto", False),
        ("0.0.0.0:8420", "auto", True),
        ("brain.example:8420", "auto", True),
        ("0.0.0.0:8420", "off", False),
        ("127.0.0.1:8420", "on", True),
    ],
)
def test_only_a_loopback_address_is_plain_unless_somebody_says_so(listen: str, mode: str, secure: bool) -> None:
    assert HttpSettings.model_validate({"listen": listen, "tls": mode}).secure == secure


async def test_whoever_knows_the_authority_is_served_by_whatever_address(authority: Authority) -> None:
    async with _serving(HttpSettings(listen="127.0.0.1:0", tls="on"), authority) as url:
        answer = await _get(url, authority.ca_pem)
        assert answer.json() == "hello"
        assert "strict-transport-security" in answer.headers
        assert fingerprint(authority.ca_pem) == authority.fingerprint


async def test_another_authority_is_not_believed(authority: Authority, tmp_path: Path) -> None:
    other = await Authority.open(tmp_path / "other", clock=SystemClock())
    async with _serving(HttpSettings(listen="127.0.0.1:0", tls="on"), authority) as url:
        with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await _get(url, other.ca_pem)


async def test_a_browser_finds_the_names_it_is_told(authority: Authority) -> None:
    async with _serving(HttpSettings(listen="127.0.0.1:0", tls="on"), authority) as url:
        context = ssl.create_default_context(cadata=authority.ca_pem)
        for name in ("panel.example", "127.0.0.1", "localhost"):
            _, writer = await asyncio.open_connection(
                "127.0.0.1", int(url.rpartition(":")[2]), ssl=context, server_hostname=name
            )
            writer.close()
            await writer.wait_closed()


async def test_a_certificate_is_renewed_without_a_restart(tmp_path: Path, clock: StepClock) -> None:
    authority = await Authority.open(tmp_path / "ca", clock=clock)
    load, _ = tls.source(HttpSettings(tls="on"), authority)
    assert load is not None
    loads: list[bytes] = []

    def counting(context: ssl.SSLContext) -> None:
        load(context)
        loads.append(authority.server_certificate()[1])

    context = await tls.open_context(counting)
    renewing = asyncio.create_task(tls.keep_current(context, counting, every=0.01))
    await eventually(lambda: len(loads) > 2)
    assert len(set(loads)) == 1
    clock.advance(60 * 24 * 3600)
    await eventually(lambda: len(set(loads)) == 2)
    renewing.cancel()


async def test_a_certificate_of_ones_own(authority: Authority, tmp_path: Path) -> None:
    key, certificate = authority.server_certificate()
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "chain.pem").write_bytes(certificate)
    settings = HttpSettings(
        listen="127.0.0.1:0", certificate=tmp_path / "chain.pem", certificate_key=tmp_path / "key.pem"
    )
    async with _serving(settings, authority) as url:
        assert url.startswith("https://")
        assert (await _get(url, authority.ca_pem)).json() == "hello"


async def test_a_certificate_that_cannot_be_read_is_named(authority: Authority, tmp_path: Path) -> None:
    settings = HttpSettings(listen="127.0.0.1:0", certificate=tmp_path / "absent.pem")
    with pytest.raises(CertificateUnusable, match=r"absent\.pem.*No such file"):
        async with _serving(settings, authority):
            pass
