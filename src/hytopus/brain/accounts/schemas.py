"""Shapes of accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, SecretStr

from hytopus.brain.accounts.models import Token, TokenKind
from hytopus.brain.accounts.roles import Role
from hytopus.brain.http.parameters import in_utc
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


Code = Annotated[str, Field(min_length=1, max_length=64)]


Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=64)]


class ScopeIn(Schema):
    """Limits: one of the regions, and one of the tags. Empty lists do not limit."""

    regions: Names = Field(default_factory=list)
    tags: Names = Field(default_factory=list)

    def document(self) -> dict[str, list[str]]:
        """As it is kept; empty where it does not limit."""
        parts = {"regions": sorted(set(self.regions)), "tags": sorted(set(self.tags))}
        return {name: values for name, values in parts.items() if values}


class LimitOut(Output):
    model_config = ConfigDict(from_attributes=True, json_schema_serialization_defaults_required=True)

    regions: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)


class ScopeOut(LimitOut):
    others: list[LimitOut] = Field(default_factory=list)
    """What is open beside that, each with regions and tags of its own: of a user whom single sign-on grants several."""


class Login(Schema):
    name: Annotated[str, Field(max_length=64)]
    password: AnyPassword
    code: Code | None = None
    """Of the authenticator app or for recovery; needed where the user has a second factor."""
    cookie: bool = False
    """Keep the login in a cookie that scripts cannot read, and leave the token out of the answer."""


class UserOut(Output):
    id: str
    name: str
    role: Role
    scope: ScopeOut
    """What an operator or viewer is limited to."""
    disabled: bool
    external: bool
    """Whether he comes from the provider of single sign-on, which decides his role."""
    second_factor: bool
    """Whether a login takes a code beside the password."""
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
    scope: list[ScopeOut]
    """What this request is limited to: all of these; none: everything is open."""
    token_id: str
    must_enrol: bool
    """This login can do nothing but set up a second factor, which its role takes."""
    recovery_codes_left: int


class EnrolSecondFactor(Schema):
    password: AnyPassword


class EnrolmentOut(Output):
    secret: str
    """In base32, for typing. It is shown this once."""
    uri: str
    qr: str
    """The same as a picture: a data URI with an SVG."""


class ConfirmSecondFactor(Schema):
    code: Code


class ShowSecondFactor(Schema):
    password: AnyPassword
    code: Code


class RecoveryCodesOut(Output):
    recovery_codes: list[str]
    """Each is good once. They are shown this once."""


class ChangePassword(Schema):
    password: AnyPassword
    new_password: NewPassword


class CreateUser(Schema):
    name: UserName
    password: NewPassword
    role: Role = Role.VIEWER
    scope: ScopeIn = ScopeIn()


class ChangeUser(Schema):
    role: Role | None = None
    scope: ScopeIn | None = None
    disabled: bool | None = None
    password: NewPassword | None = None


class CreateToken(Schema):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    role: Role | None = None
    """Yours if not given."""
    scope: ScopeIn = ScopeIn()
    """Limits beside your own."""
    expires_at: Annotated[AwareDatetime, AfterValidator(in_utc)] | None = None


class TokenOut(Output):
    id: str
    kind: TokenKind
    name: str
    hint: str
    role: Role
    scopes: list[ScopeOut]
    """Limits beside those of its owner."""
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_address: str


class SessionOut(Output):
    id: str
    hint: str
    client: str
    """What it said of itself: a browser, the command line."""
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_address: str
    current: bool
    """The one this request was made with."""

    @classmethod
    def of(cls, token: Token, *, current: bool) -> SessionOut:
        return cls(
            id=token.id,
            hint=token.hint,
            client=token.name,
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
            last_address=token.last_address,
            current=current,
        )


class NewTokenOut(TokenOut):
    token: str
    """The secret. It is shown this once."""


class OidcOut(Output):
    enabled: bool
    title: str


class OidcLogoutOut(Output):
    url: str | None
    """Where the browser goes to end its login at the provider too."""
