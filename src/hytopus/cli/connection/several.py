"""Several Brains behind one login: the first that can be reached is used, and kept until it cannot be."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import httpx2


class FirstReachable(httpx2.AsyncBaseTransport):
    """Sends requests to one of several addresses. What has begun is not repeated elsewhere: it may be done."""

    def __init__(self, addresses: Sequence[str], inner: httpx2.AsyncBaseTransport | None = None) -> None:
        self._addresses = deque(httpx2.URL(address) for address in addresses)
        self._inner = inner or httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        for left in range(len(self._addresses) - 1, -1, -1):
            address = self._addresses[0]
            request.url = request.url.copy_with(scheme=address.scheme, host=address.host, port=address.port)
            request.headers["Host"] = address.netloc.decode("ascii")
            try:
                return await self._inner.handle_async_request(request)
            except httpx2.TransportError as error:
                self._addresses.rotate(-1)
                if not left or not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                    raise
        raise AssertionError("there is at least one address")

    async def aclose(self) -> None:
        await self._inner.aclose()


def addresses_of(url: str) -> list[str]:
    """`http://a:8420,http://b:8420` as a list."""
    return [part.strip().rstrip("/") for part in url.split(",") if part.strip()] or [url]
