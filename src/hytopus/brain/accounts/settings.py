"""What an operator can set about accounts."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from hytopus.brain.accounts.roles import Role


class AccountSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    require_second_factor: list[Role] = []
    """Users with these roles can do nothing but set up a second factor until they have one. API tokens go on."""
