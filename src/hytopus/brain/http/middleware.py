"""Around every request: its id, the log line about it, its duration, and the last net for what nobody caught."""

from __future__ import annotations

import re
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hytopus.brain.http.edge import edge_of
from hytopus.brain.http.problems import problem_response
from hytopus.errors import HytopusError
from hytopus.kit.ids import new_id
from hytopus.kit.logs import get_logger
from hytopus.kit.requests import is_request_id, of_request

log = get_logger("hytopus.access")

_QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestLog:
    """ASGI middleware. `X-Request-ID` is taken over if it is harmless, made up otherwise, and always answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if is_request_id(given) else new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        with of_request(request_id):
            await self._observe(scope, receive, send)

    async def _observe(self, scope: Scope, receive: Receive, send: Send) -> None:
        clock = edge_of(Request(scope)).clock
        began = clock.monotonic()
        status, answered = 0, began

        async def sending(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], clock.monotonic()
                MutableHeaders(scope=message)["X-Request-ID"] = scope["state"]["request_id"]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception:  # the last net: nothing above would answer the client
            log.exception("request failed unexpectedly", method=scope["method"], path=scope["path"])
            if status:
                raise
            request = Request(scope, receive)
            response = await problem_response(request, HytopusError())
            await response(scope, receive, sending)
        finally:
            _note(scope, status, answered - began)


class BodyLimit:
    """ASGI middleware that reads at most so many bytes of a request, but for paths whose routes never hold a body."""

    def __init__(self, app: ASGIApp, *, most: int, streamed: re.Pattern[str]) -> None:
        self.app = app
        self.most = most
        self.streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.streamed.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        too_large = announced.isdigit() and int(announced) > self.most
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            if too_large:
                raise HTTPException(413)
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.most:
                raise HTTPException(413)
            return message

        await self.app(scope, limited, send)


def _note(scope: Scope, status: int, seconds: float) -> None:
    """`seconds` is the time to the first byte: a live stream would tell nothing else."""
    route = route_template(scope)
    edge_of(Request(scope)).metrics.requests.labels(scope["method"], route, str(status)).observe(seconds)
    state: dict[str, Any] = scope["state"]
    principal = state.get("principal")
    level = log.debug if scope["path"] in _QUIET else log.info
    level(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round(seconds * 1000, 1),
        address=scope["client"][0] if scope.get("client") else "",
        user=principal.actor.name if principal else "",
        **({"code": state["problem"]} if "problem" in state else {}),
    )


def route_template(scope: Scope) -> str:
    """The path template that answered, or a constant: a metric must not grow with the paths people try."""
    routes: dict[Any, str] = scope["app"].state.templates
    return routes.get(scope.get("endpoint"), "unmatched")
