"""Shapes of accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, SecretStr

from hytopus.brain.accounts.models import TokenKind
from hytopus.brain.accounts.roles import Role
from hytopus.brain.http.schemas import Output, Schema
from hytopus.kit.ids import is_name


def _user_name(name: str) -> str:
    if not is_name(name):
        raise ValueError(
            "lower-case letters, digits, - and _; 1 to 64 of them, beginning and ending with one of the first"
        )
    return name


def _long_enough(password: SecretStr) -> SecretStr:
    if not 10 <= len(password.get_secret_value()) <= 256:
        raise ValueError("10 to 256 characters")
    return password


UserName = Annotated[str, AfterValidator(_user_name)]
NewPassword = Annotated[SecretStr, AfterValidator(_long_enough)]
AnyPassword = Annotated[SecretStr, Field(max_length=256)]


class Login(Schema):
    name: Annotated[str, Field(max_length=64)]
    password: AnyPassword
    cookie: bool = False
    """Keep the login in a cookie that scripts cannot read, and leave the token out of the answer."""


class UserOut(Output):
    id: str
    name: str
    role: Role
    disabled: bool
    created_at: datetime
    last_login_at: datetime | None


class LoginOut(Output):
    token: str | None
    """Null when it went into the cookie."""
    expires_at: datetime
    user: UserOut


class Me(Output):
    user: UserOut
    role: Role
    """The role of this request: that of the token, if it is less than the user's."""
    token_id: str


class ChangePassword(Schema):
    password: AnyPassword
    new_password: NewPassword


class CreateUser(Schema):
    name: UserName
    password: NewPassword
    role: Role = Role.VIEWER


class ChangeUser(Schema):
    role: Role | None = None
    disabled: bool | None = None
    password: NewPassword | None = None


class CreateToken(Schema):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    role: Role | None = None
    """Yours if not given."""
    expires_at: AwareDatetime | None = None


class TokenOut(Output):
    id: str
    kind: TokenKind
    name: str
    hint: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_address: str


class NewTokenOut(TokenOut):
    token: str
    """The secret. It is shown this once."""
