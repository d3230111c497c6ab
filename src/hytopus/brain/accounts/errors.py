"""What can be wrong with accounts."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class NotAuthenticated(HytopusError):
    code: ClassVar[str] = "not_authenticated"
    status: ClassVar[int] = 401
    template: ClassVar[str] = "This needs a login."
    remedy: ClassVar[str] = "Log in, or send a token as `Authorization: Bearer …`."


class InvalidToken(HytopusError):
    code: ClassVar[str] = "invalid_token"
    status: ClassVar[int] = 401
    template: ClassVar[str] = "The token is unknown, revoked or expired, or its user is disabled."
    remedy: ClassVar[str] = "Log in again, or make a new token."


class InvalidCredentials(HytopusError):
    code: ClassVar[str] = "invalid_credentials"
    status: ClassVar[int] = 401
    template: ClassVar[str] = "Name or password is wrong."
    remedy: ClassVar[str] = "An admin can set a new password with `hytopus user password`."


class TooManyAttempts(HytopusError):
    code: ClassVar[str] = "too_many_attempts"
    status: ClassVar[int] = 429
    template: ClassVar[str] = "Too many attempts to log in."
    remedy: ClassVar[str] = "Wait {retry_after} seconds and try again."
    retryable: ClassVar[bool] = True


class Forbidden(HytopusError):
    code: ClassVar[str] = "forbidden"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "This needs the role {needed}; {name} has the role {role}."
    remedy: ClassVar[str] = "Ask an admin to do it or to give you the role."


class CrossSiteRequest(HytopusError):
    code: ClassVar[str] = "cross_site_request"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "Another web site tried to use your session."
    remedy: ClassVar[str] = "Use the panel itself, or a token as `Authorization: Bearer …`."


class UserNotFound(HytopusError):
    code: ClassVar[str] = "user_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no user {name!r}."


class UserNameTaken(HytopusError):
    code: ClassVar[str] = "user_name_taken"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "There is a user {name!r} already."
    remedy: ClassVar[str] = "Choose another name."


class LastAdmin(HytopusError):
    code: ClassVar[str] = "last_admin"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{name} is the last admin: without one, nobody could manage users any more."
    remedy: ClassVar[str] = "Make another user an admin first."


class WrongPassword(HytopusError):
    code: ClassVar[str] = "wrong_password"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The present password is wrong."


class TokenNotFound(HytopusError):
    code: ClassVar[str] = "token_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no token {token_id!r} of yours."


class TokenNameTaken(HytopusError):
    code: ClassVar[str] = "token_name_taken"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "You have a token named {name!r} already."
    remedy: ClassVar[str] = "Choose another name, or revoke that one first."


class TokenRoleTooHigh(HytopusError):
    code: ClassVar[str] = "token_role_too_high"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "A token cannot have the role {asked}: you are here as {role}."
    remedy: ClassVar[str] = "Ask for the same role or a lesser one."


class ExpiryInThePast(HytopusError):
    code: ClassVar[str] = "expiry_in_the_past"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "A token that ended at {expires_at} would be of no use."
