"""Bases of the API's shapes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """A request body. An unknown field is an error, so that a misspelt one is never silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """A response body; can be made from a row with `model_validate(row)`."""

    model_config = ConfigDict(from_attributes=True)
