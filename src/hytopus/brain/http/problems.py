"""Errors as RFC 9457 problem documents, in the response and in the API description."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from hytopus.brain.http.edge import edge_of
from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger

log = get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"


class InvalidRequest(HytopusError):
    code: ClassVar[str] = "invalid_request"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The request is not valid: {summary}."
    remedy: ClassVar[str] = "Mend the fields named in `errors` and send it again."


class RouteNotFound(HytopusError):
    code: ClassVar[str] = "route_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is nothing at {path}."
    remedy: ClassVar[str] = "/openapi.json lists every path of this API."


class MethodNotAllowed(HytopusError):
    code: ClassVar[str] = "method_not_allowed"
    status: ClassVar[int] = 405
    template: ClassVar[str] = "{path} does not answer to {method}."
    remedy: ClassVar[str] = "/openapi.json lists every path of this API."


class BodyTooLarge(HytopusError):
    code: ClassVar[str] = "body_too_large"
    status: ClassVar[int] = 413
    template: ClassVar[str] = "The request body is larger than this API takes."
    remedy: ClassVar[str] = "Template contents go to the object store through presigned URLs, never through the Brain."


class UnreadableRequest(HytopusError):
    code: ClassVar[str] = "unreadable_request"
    status: ClassVar[int] = 400
    template: ClassVar[str] = "The request cannot be read: {why}."


class DatabaseUnavailable(HytopusError):
    code: ClassVar[str] = "database_unavailable"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "The Brain's database does not answer."
    remedy: ClassVar[str] = "Game servers run on. Check the database; the Brain's log says what is wrong with it."
    retryable: ClassVar[bool] = True


class FieldError(BaseModel):
    field: str
    """Where in the request, e.g. `layers.0`, or `query.limit`."""
    message: str
    code: str = ""
    """Which rule does not hold, e.g. `string_too_long`."""
    params: dict[str, Any] = Field(default_factory=dict)
    """What the rule names, e.g. `max_length`."""


class Problem(BaseModel):
    """RFC 9457, with Hytopus' stable `code` and the values its message names."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str = ""
    params: dict[str, Any] = Field(default_factory=dict)
    retryable: bool = False
    request_id: str = ""
    errors: list[FieldError] | None = None


def problem_of(
    error: HytopusError, *, request_id: str = "", errors: Sequence[FieldError] | None = None
) -> dict[str, Any]:
    """The document of an error."""
    document = Problem(
        type=f"urn:hytopus:problem:{error.code}",
        title=error.code.replace("_", " ").capitalize(),
        status=error.status,
        detail=error.message,
        code=error.code,
        remedy=error.advice,
        params=jsonable_encoder(error.params),
        retryable=error.retryable,
        request_id=request_id,
        errors=list(errors) if errors is not None else None,
    )
    return document.model_dump(mode="json", exclude_none=True)


async def problem_response(
    request: Request,
    error: HytopusError,
    *,
    errors: Sequence[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Answer with a problem, after leaving the audit record of a changing request that was refused or failed."""
    request.state.problem = error.code
    try:
        await edge_of(request).on_refusal(request, error.code)
    except Exception:  # the caller must hear of the first problem, not of this one
        log.exception("audit record of a refused request lost", outcome=error.code)
    document = problem_of(error, request_id=getattr(request.state, "request_id", ""), errors=errors)
    return JSONResponse(document, error.status, {**(headers or {}), **_headers(error)}, MEDIA_TYPE)


def problems(*errors: type[HytopusError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that may raise these errors."""
    by_status: dict[int, list[type[HytopusError]]] = defaultdict(list)
    for error in errors:
        by_status[error.status].append(error)
    return {
        status: {
            "model": Problem,
            "description": ", ".join(f"`{error.code}`" for error in group),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, group in by_status.items()
    }


def install(app: FastAPI) -> None:
    """Answer every error of the application with a problem document."""
    app.add_exception_handler(HytopusError, _on_hytopus_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    for error in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(error, _on_database_error)


async def _on_hytopus_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HytopusError)
    if error.status >= 500:
        log.warning("request failed", code=error.code, detail=error.message, exc_info=error.__cause__)
    return await problem_response(request, error)


async def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [_field(each) for each in error.errors()]
    summary = "; ".join(f"{each.field}: {each.message}" for each in fields[:3])
    return await problem_response(request, InvalidRequest(summary=summary), errors=fields)


def _field(found: Mapping[str, Any]) -> FieldError:
    """Only plain values: a rule may name an exception or a pattern."""
    params = {name: value for name, value in found.get("ctx", {}).items() if isinstance(value, str | int | float)}
    return FieldError(field=_where(found["loc"]), message=found["msg"], code=found["type"], params=params)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = request.url.path
    found: HytopusError
    if error.status_code == 404:
        found = RouteNotFound(path=path)
    elif error.status_code == 405:
        found = MethodNotAllowed(path=path, method=request.method)
    elif error.status_code == 413:
        found = BodyTooLarge()
    else:
        found = UnreadableRequest(why=str(error.detail).rstrip("."))
    return await problem_response(request, found, headers=error.headers)


async def _on_database_error(request: Request, error: Exception) -> JSONResponse:
    log.error("database unavailable", exc_info=error)
    return await problem_response(request, DatabaseUnavailable())


def _headers(error: HytopusError) -> dict[str, str]:
    if error.status == 401:
        return {"WWW-Authenticate": "Bearer"}
    retry_after = error.params.get("retry_after")
    return {"Retry-After": str(retry_after)} if isinstance(retry_after, int) else {}  # a node sends texts


def _where(location: Sequence[Any]) -> str:
    """`("body", "layers", 0)` reads `layers.0`; other places keep their name: `query.limit`."""
    parts = [str(part) for part in location]
    if parts and parts[0] == "body":
        parts = parts[1:] or ["body"]
    return ".".join(parts)
