"""The Brain's REST API, as the commands use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import httpx2

from hytopus import __version__
from hytopus.cli.connection.credentials import Credentials
from hytopus.cli.connection.several import FirstReachable, addresses_of
from hytopus.cli.failure import ApiProblem, BrainNotTrusted, BrainUnreachable, NotLoggedIn
from hytopus.wire.trust import PinnedTransport, is_about_certificates

Json = Any
"""A decoded JSON document, as the API sends it."""

_TIMEOUT: Final = httpx2.Timeout(30, connect=5)
_PATIENT: Final = 150.0
_LONG: Final = httpx2.Timeout(_PATIENT, connect=5)
"""A node may have to fetch a template first, or to put a large file into place."""
_QUIET: Final = httpx2.Timeout(30, connect=5, read=45)
"""Live streams carry a heartbeat every 15 seconds; three missing ones mean the line is dead."""


def at(*parts: str) -> str:
    """The path of something: `at("instances", name, "start")`. Names cannot lead elsewhere."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


class Api:
    """An open connection to a Brain. Paths are below `/api/v1`."""

    def __init__(self, credentials: Credentials, client: httpx2.AsyncClient) -> None:
        self.credentials = credentials
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(
        cls, credentials: Credentials, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> AsyncIterator[Api]:
        headers = {"User-Agent": f"hytopus/{__version__}", "Accept": "application/json"}
        if credentials.token:
            headers["Authorization"] = f"Bearer {credentials.token}"
        if transport is None and credentials.ca is not None:
            transport = PinnedTransport(credentials.ca)
        addresses = addresses_of(credentials.url)
        if len(addresses) > 1:
            transport = FirstReachable(addresses, transport)
        async with httpx2.AsyncClient(
            base_url=f"{addresses[0]}/api/v1", headers=headers, timeout=_TIMEOUT, transport=transport
        ) as client:
            yield cls(credentials, client)

    async def get(self, path: str, /, **query: Any) -> Json:
        return await self.request("GET", path, query=query)

    async def post(
        self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None, patient: bool = False
    ) -> Json:
        """`key` makes repeating a creation safe (`Idempotency-Key`); `patient`: a node may have to fetch templates."""
        headers = {"Idempotency-Key": key} if key else None
        return await self.request("POST", path, body=body, headers=headers, timeout=_PATIENT if patient else None)

    async def put(self, path: str, body: Mapping[str, Any]) -> Json:
        return await self.request("PUT", path, body=body)

    async def patch(self, path: str, body: Mapping[str, Any]) -> Json:
        return await self.request("PATCH", path, body=body)

    async def delete(self, path: str, /, **query: Any) -> Json:
        return await self.request("DELETE", path, query=query)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Json:
        """The answer's document; None where there is none. Problems are raised as `ApiProblem`."""
        with self._reaching():
            response = await self._client.request(
                method,
                path,
                params=_given(query),
                json=dict(body) if body is not None else None,
                headers=headers,
                timeout=timeout or _TIMEOUT,
            )
        self._check(response)
        return response.json() if response.content else None

    async def download(self, path: str, /) -> bytes:
        """A body that is no document; small enough for the memory."""
        with self._reaching():
            response = await self._client.request("GET", path, timeout=_TIMEOUT)
        self._check(response)
        return response.content

    async def items(self, path: str, /, *, limit: int | None = None, **query: Any) -> AsyncIterator[Json]:
        """Every item of a list, page by page; at most `limit`."""
        cursor, left = None, limit
        while left is None or left > 0:
            page = await self.get(path, cursor=cursor, limit=min(left or 200, 200), **query)
            for item in page["items"]:
                yield item
            cursor = page.get("next_cursor")
            left = None if left is None else left - len(page["items"])
            if cursor is None:
                return

    @asynccontextmanager
    async def stream(
        self, path: str, /, *, last_id: str | None = None, **query: Any
    ) -> AsyncIterator[httpx2.EventSource]:
        """Server-sent events; iterate the source for the events."""
        headers = {"Last-Event-ID": last_id} if last_id else {}
        with self._reaching():
            async with self._client.sse(path, params=_given(query), headers=headers, timeout=_QUIET) as source:
                if source.response.is_error:
                    await source.response.aread()
                    self._check(source.response)
                yield source

    @asynccontextmanager
    async def lines(self, path: str, /, **query: Any) -> AsyncIterator[AsyncIterator[str]]:
        """A response of any length, line by line."""
        with self._reaching():
            async with self._client.stream("GET", path, params=_given(query), timeout=_QUIET) as response:
                if response.is_error:
                    await response.aread()
                    self._check(response)
                yield response.aiter_lines()

    async def send_file(self, path: str, chunks: AsyncIterator[bytes], size: int, /, **query: Any) -> Json:
        """PUT a body of so many bytes, never held as a whole."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        with self._reaching():
            response = await self._client.put(
                path, params=_given(query), content=chunks, headers=headers, timeout=_LONG
            )
        self._check(response)
        return response.json()

    @asynccontextmanager
    async def receive_file(self, path: str, /, **query: Any) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """How many bytes come, and then the bytes. A connection that breaks before the end is an error."""
        with self._reaching():
            async with self._client.stream("GET", path, params=_given(query), timeout=_LONG) as response:
                if response.is_error:
                    await response.aread()
                    self._check(response)
                yield int(response.headers.get("content-length", 0)), response.aiter_bytes()

    def _check(self, response: httpx2.Response) -> None:
        if not response.is_error:
            return
        problem = ApiProblem(_document(response), response.status_code)
        if problem.code == "not_authenticated":
            raise NotLoggedIn(url=self.credentials.url)
        raise problem

    def _reaching(self) -> _Reaching:
        return _Reaching(self.credentials.url)


class _Reaching:
    """Turns transport errors into `BrainUnreachable`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, httpx2.TransportError | httpx2.InvalidURL):
            if is_about_certificates(error):
                raise BrainNotTrusted(url=self._url) from error
            raise BrainUnreachable(url=self._url, why=_why(error)) from error


def _why(error: Exception) -> str:
    if isinstance(error, httpx2.ConnectTimeout):
        return "nothing answers at this address"
    if isinstance(error, httpx2.TimeoutException):
        return "it does not answer in time"
    return str(error).rstrip(".") or type(error).__name__


def _document(response: httpx2.Response) -> Mapping[str, Any]:
    """The problem document; where something else than the Brain answered, one that says so."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if isinstance(document, dict):
        return document
    return {
        "code": "not_hytopus",
        "detail": f"{response.url.host} answered {response.status_code}, but not as a Hytopus Brain would.",
        "remedy": "Check the address (HYTOPUS_URL, --url).",
    }


def _given(query: Mapping[str, Any] | None) -> dict[str, Any]:
    """Only what was given: None and empty lists do not travel."""
    return {name: value for name, value in (query or {}).items() if value is not None and value != []}
