"""Routers of the features: paths below `/api/v1`, operation ids that are the endpoint's name."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts

from hytopus.brain.http import idempotency
from hytopus.brain.http.edge import edge_of
from hytopus.brain.http.problems import InvalidRequest
from hytopus.errors import HytopusError

PREFIX: Final = "/api/v1"


class UnguardedRoute(HytopusError):
    code: ClassVar[str] = "unguarded_route"
    template: ClassVar[str] = "{path} would be open to everybody."
    remedy: ClassVar[str] = "Make its router with `feature_router`."


class Route(APIRoute):
    """A route that is only entered by those who may.

    It also keeps the response with the idempotency key of the request, in the same transaction.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            if "\0" in request.url.path or b"%00" in request.scope["query_string"]:
                raise InvalidRequest(summary="no text holds the character U+0000")
            await edge_of(request).authorise(request)
            response = await handle(request)
            await idempotency.keep(request, response)
            return response

        return answer


def feature_router(tag: str) -> APIRouter:
    """A router for one feature; `app.py` mounts it below `/api/v1`."""
    return APIRouter(route_class=Route, tags=[tag], generate_unique_id_function=lambda route: route.name)


@dataclass(frozen=True, slots=True)
class MountedRoute:
    """A route as it is reachable. `path` is the template below the prefix, e.g. `/instances/{name}`."""

    method: str
    path: str
    endpoint: Callable[..., Any]

    @property
    def name(self) -> str:
        return self.endpoint.__name__


def mounted_routes(app: FastAPI) -> Iterator[MountedRoute]:
    """Every route of the API, whichever feature it comes from. Raises `UnguardedRoute`."""
    for context in iter_route_contexts(app.routes):
        path, endpoint = context.path, context.endpoint
        if path is None or endpoint is None or not path.startswith(f"{PREFIX}/"):
            continue
        if not isinstance(context.original_route, Route):
            raise UnguardedRoute(path=path)
        for method in sorted(context.methods or ()):
            yield MountedRoute(method, path.removeprefix(PREFIX), endpoint)
