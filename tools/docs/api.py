"""`api.md`: every route, out of the OpenAPI description the Brain serves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from hytopus.brain.accounts.permissions import TABLE
from hytopus.brain.features import API
from hytopus.brain.http.routing import PREFIX
from hytopus.brain.http.schemas import Schema
from tools.docs.attributes import attribute_docs
from tools.docs.markdown import anchor, cell, code, table

_INTRO = f"""
Everything below `{PREFIX}`; a running Brain serves the whole description, with every shape, as `/openapi.json`.
Beside it, without a login: `/healthz` (the process answers), `/readyz` (database and object store answer too) and
`/metrics` (Prometheus).

- **Who.** `Authorization: Bearer hyt_…`, a token of `POST /login` or of `POST /me/tokens`. Browsers may log in with
  `"cookie": true` instead. The least role of each route is below; [all of them](permissions.md).
- **Errors** are problem documents (RFC 9457) with a stable `code`, `detail`, `remedy` and `params`;
  [all codes](errors.md). Every answer has an `X-Request-ID`, which the logs have too.
- **Intents.** What takes time answers 202 as soon as the intent is on disk. The event feed tells what becomes of it.
- **Lists** are pages: `limit` (at most 500) and `cursor`; an answer's `next_cursor` is null on the last page.
- **Repeating.** `Idempotency-Key` on `POST /instances`: the same key with the same body gets the first answer again
  for 24 hours, and nothing is made twice.
- **Live.** Server-sent events: `GET /events` with `Accept: text/event-stream`, and `GET …/console` and `…/logs/follow`
  always. A client that comes back with `Last-Event-ID` misses no event and sees none twice.
- **Templates' bytes** never pass the Brain: an upload gets presigned addresses for its parts, a download one for the
  object.
"""
_METHODS = ("get", "post", "put", "patch", "delete")


def description() -> Mapping[str, Any]:
    """The OpenAPI document, without a Brain that runs."""
    app = FastAPI(title="Hytopus")
    for router in API:
        app.include_router(router, prefix=PREFIX)
    return app.openapi()


def page() -> str:
    document = description()
    by_tag: dict[str, list[str]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                by_tag[operation["tags"][0]].append(_route(document, method, path, operation))
    tags = sorted(by_tag)
    links = " · ".join(f"[{tag}](#{anchor(tag)})" for tag in tags)
    parts = ["\n\n".join([f"## {tag}", *by_tag[tag]]) for tag in tags]
    return "\n\n".join([f"# REST API\n{_INTRO}", links, *parts])


def _route(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> str:
    short = path.removeprefix(PREFIX)
    least = TABLE[method.upper(), short]
    lines = [f"### {method.upper()} {short}", "", " ".join(operation.get("description", "").split())]
    lines += ["", f"Role: {least.value if least else 'none needed'}.{_answers(operation)}"]
    for title, rows in (("Parameter", _parameters(operation)), ("Field", _body(document, operation))):
        listed = list(rows)
        if listed:
            lines += ["", table((title, "Type", "Meaning"), listed)]
    return "\n".join(lines)


def _answers(operation: Mapping[str, Any]) -> str:
    good = [status for status in operation["responses"] if status.startswith("2")]
    bad = [
        code(error.strip("`"))
        for status, answer in operation["responses"].items()
        if not status.startswith("2") and "`" in answer["description"]
        for error in answer["description"].split(", ")
    ]
    errors = f" Errors: {', '.join(dict.fromkeys(bad))}." if bad else ""
    return f" Answers {' or '.join(good)}.{errors}"


def _parameters(operation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] != "path":
            where = " (header)" if parameter["in"] == "header" else ""
            yield code(parameter["name"]) + where, _type(parameter["schema"]), parameter.get("description", "")


def _body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return
    shape = _resolved(document, content["schema"])
    docs = _docs_of(shape.get("title", ""))
    for name, field in shape.get("properties", {}).items():
        mark = " (required)" if name in shape.get("required", ()) else ""
        yield code(name) + mark, _type(field), cell(field.get("description") or docs.get(name, ""))


def _docs_of(shape: str) -> Mapping[str, str]:
    """FastAPI does not know the texts below a model's fields."""
    return next((attribute_docs(kind) for kind in _below(Schema) if kind.__name__ == shape), {})


def _below(shape: type[Schema]) -> Iterator[type[Schema]]:
    for each in shape.__subclasses__():
        yield each
        yield from _below(each)


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_type(each) for each in schema[several] if each.get("type") != "null")
    if "enum" in schema:
        return ", ".join(code(str(value)) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return str(schema.get("format", schema.get("type", "any")))
