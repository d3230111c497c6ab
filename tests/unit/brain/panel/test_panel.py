"""The panel beside the API: who gets its page, how files are cached and packed, what a browser is told to refuse."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from hytopus.brain.http.security import SecurityHeaders
from hytopus.brain.panel.bundle import Asset, read
from hytopus.brain.panel.serve import Panel, install

PAGE = (
    "<!doctype html><script>window.theme=1</script>"
    '<script type="module" src="/_nuxt/entry.js" crossorigin></script>'
    '<script type="application/json" data-nuxt-data="app">[]</script>'
)
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    directory = tmp_path / "public"
    (directory / "_nuxt").mkdir(parents=True)
    (directory / "index.html").write_text(PAGE)
    (directory / "favicon.svg").write_text("<svg/>")
    (directory / "_nuxt" / "entry.js").write_text("let a = 1\n" * 300)
    (directory / "_nuxt" / "entry.js.gz").write_bytes(gzip.compress(b"let a = 1\n" * 300))
    (directory / "_nuxt" / "entry.js.br").write_bytes(b"as brotli")
    return directory


def _app(directory: Path | None, connect: list[str]) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.templates = {}
    app.add_middleware(SecurityHeaders)

    @app.get("/api/v1/things")
    async def things() -> list[str]:
        return ["thing"]

    async def problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return JSONResponse({"path": request.url.path}, error.status_code)

    app.add_exception_handler(HTTPException, problem)
    install(app, Panel(directory, connect))
    return app


def _client(app: FastAPI, scheme: str = "http") -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=f"{scheme}://brain")


@pytest.fixture
async def client(built: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with _client(_app(built, ["http://s3:8333"])) as client:
        await client.get("/")
        yield client


@pytest.mark.parametrize(
    "path", ["/", "/instances", "/instances/i1", "/no/such/page", "/index.html", "/metricsandmore"]
)
async def test_every_address_that_a_person_opens_gets_the_page(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers=HTML)
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/api", "/api/v1/nothing", "/api/v2/things"])
async def test_what_the_api_does_not_have_is_a_problem_even_for_a_browser(
    client: httpx2.AsyncClient, path: str
) -> None:
    answer = await client.get(path, headers=HTML)
    assert (answer.status_code, answer.json()) == (404, {"path": path})


async def test_a_mistyped_path_of_a_script_and_a_missing_chunk_are_not_the_page(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/instance", headers={"Accept": "*/*"})).status_code == 404
    assert (await client.get("/_nuxt/gone.js", headers=HTML)).status_code == 404
    assert (await client.post("/instances", headers=HTML)).status_code == 404


@pytest.mark.parametrize(
    "path", ["/../secret", "/%2e%2e/secret", "/_nuxt/..%2f..%2fsecret", "/favicon.svg/../../secret"]
)
async def test_nothing_outside_the_panel_is_served(client: httpx2.AsyncClient, built: Path, path: str) -> None:
    (built.parent / "secret").write_text("secret")
    assert "secret" not in (await client.get(path)).text.replace("/secret", "")


async def test_files_with_a_hash_in_their_name_are_kept_for_ever_and_others_asked_for(
    client: httpx2.AsyncClient,
) -> None:
    assert "immutable" in (await client.get("/_nuxt/entry.js")).headers["cache-control"]
    first = await client.get("/favicon.svg")
    assert (first.headers["content-type"], first.headers["cache-control"]) == ("image/svg+xml", "no-cache")
    again = await client.get("/favicon.svg", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("identity", ""),
        ("", ""),
        ("x;q=y", ""),
    ],
)
def test_the_best_coding_that_the_browser_takes(accepted: str, coding: str) -> None:
    asset = Asset("text/javascript", 'W/"1"', True, {"": b"plain", "gzip": b"gzip", "br": b"br"})
    assert asset.best(accepted) == (coding, coding.encode() or b"plain")


async def test_packed_files_are_answered_packed(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/_nuxt/entry.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.text == "let a = 1\n" * 300
    plain = await client.get("/_nuxt/entry.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert len(plain.content) == 3000


async def test_only_the_scripts_that_were_built_in_may_run(client: httpx2.AsyncClient) -> None:
    policy = _directives((await client.get("/", headers=HTML)).headers["content-security-policy"])
    hashes = re.findall(r"sha256-[^']+", policy["script-src"])
    expected = base64.b64encode(hashlib.sha256(b"window.theme=1").digest()).decode()
    assert f"sha256-{expected}" in hashes
    assert "unsafe-inline" not in policy["script-src"]
    assert "unsafe-eval'" not in policy["script-src"].replace("'wasm-unsafe-eval'", "")
    assert policy["connect-src"] == "'self' http://s3:8333"
    assert policy["frame-ancestors"] == policy["default-src"] == "'none'"


async def test_a_worker_obeys_the_same_policy(client: httpx2.AsyncClient) -> None:
    page, worker = await client.get("/", headers=HTML), await client.get("/_nuxt/entry.js")
    assert worker.headers["content-security-policy"] == page.headers["content-security-policy"]


async def test_every_answer_is_hardened(client: httpx2.AsyncClient) -> None:
    for path in ("/", "/api/v1/things", "/api/v1/nothing"):
        headers = (await client.get(path, headers=HTML)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "strict-transport-security" not in headers
    api = (await client.get("/api/v1/things")).headers
    assert api["cache-control"] == "no-store"
    assert "sandbox" in api["content-security-policy"]


async def test_https_is_to_stay_https(built: Path) -> None:
    async with _client(_app(built, []), "https") as client:
        assert "max-age" in (await client.get("/api/v1/things")).headers["strict-transport-security"]


@pytest.mark.parametrize("given", [True, False])
async def test_without_a_panel_the_page_says_how_to_build_one(tmp_path: Path, given: bool) -> None:
    async with _client(_app(tmp_path / "none" if given else None, [])) as client:
        answer = await client.get("/", headers=HTML)
        assert answer.status_code == 503
        assert "make panel" in answer.text
        assert (await client.get("/api/v1/things")).json() == ["thing"]


async def test_a_panel_that_is_built_later_or_anew_is_served_without_a_restart(tmp_path: Path, built: Path) -> None:
    place = tmp_path / "place"
    async with _client(_app(place, [])) as client:
        assert (await client.get("/")).status_code == 503
        shutil.copytree(built, place)
        assert (await client.get("/")).text == PAGE
        shutil.rmtree(place)
        assert (await client.get("/")).text == PAGE
        shutil.copytree(built, place)
        (place / "index.html").write_text("anew")
        assert (await client.get("/")).text == "anew"


async def test_head_has_no_body(client: httpx2.AsyncClient) -> None:
    answer = await client.head("/", headers=HTML)
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_bundle_without_a_page_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path)


def _directives(policy: str) -> dict[str, str]:
    return {name: value for name, _, value in (each.partition(" ") for each in policy.split("; "))}
