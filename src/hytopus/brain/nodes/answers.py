"""What nodes answer, checked before anything is done with it: whoever broke into one may answer anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hytopus.brain.nodes.errors import NodeAnswerUnusable
from hytopus.kit.untrusted import read_json

M = TypeVar("M", bound=BaseModel)


def read_answer(body: str, *, node_id: str, what: str) -> dict[str, Any]:
    """The object that `body` is. Raises `NodeAnswerUnusable`."""
    try:
        answer = read_json(body)
    except ValueError as error:
        raise NodeAnswerUnusable(node=node_id, what=what, cause=f"it is no JSON ({error})") from error
    if not isinstance(answer, dict):
        raise NodeAnswerUnusable(node=node_id, what=what, cause="it is no object")
    return answer


def understood(model: type[M], answer: Mapping[str, Any], *, node_id: str, what: str) -> M:
    """The answer in the shape it should have. Raises `NodeAnswerUnusable`."""
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part)[:64] for part in first["loc"])
        cause = f"{where}: {first['msg']}" if where else first["msg"]
        raise NodeAnswerUnusable(node=node_id, what=what, cause=cause) from error
