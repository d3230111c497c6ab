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


class SecondFactorRequired(HytopusError):
    code: ClassVar[str] = "second_factor_required"
    status: ClassVar[int] = 401
    template: ClassVar[str] = "This login needs a code too."
    remedy: ClassVar[str] = "Send the code that your authenticator app shows, or a recovery code, as `code`."


class WrongCode(HytopusError):
    code: ClassVar[str] = "wrong_code"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The code is wrong, or was used before."
    remedy: ClassVar[str] = "Wait for the app's next code. If none is right, set the clock of the device."


class SecondFactorExists(HytopusError):
    code: ClassVar[str] = "second_factor_exists"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{name} has a second factor already."
    remedy: ClassVar[str] = "Turn it off first, with a code of the present app or a recovery code."


class NoSecondFactor(HytopusError):
    code: ClassVar[str] = "no_second_factor"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{name} has no second factor."


class NoEnrolment(HytopusError):
    code: ClassVar[str] = "no_enrolment"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "There is no secret yet to which a code could belong."
    remedy: ClassVar[str] = "Begin again: the secret comes first."


class SecondFactorMissing(HytopusError):
    code: ClassVar[str] = "second_factor_missing"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "{name} has the role {role}, which here takes a second factor."
    remedy: ClassVar[str] = "Set one up first: in the panel's settings, or with `hytopus second-factor enrol`."


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


class NeedsEverything(HytopusError):
    code: ClassVar[str] = "needs_everything"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "This concerns everybody; {name} may steer a part only: {scope}."
    remedy: ClassVar[str] = "Ask somebody whose rights are not limited to regions or tags."


class ScopedAdmin(HytopusError):
    code: ClassVar[str] = "scoped_admin"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "An admin may do everything, so an admin cannot be limited to regions or tags."
    remedy: ClassVar[str] = "Choose the role operator or viewer, or leave the limits out."


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


class TokenHoldsMore(HytopusError):
    code: ClassVar[str] = "token_holds_more"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "{name!r} may do more than the token you use, so that token cannot end it."
    remedy: ClassVar[str] = "Log in and do it from there."


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
