"""What can be wrong with single sign-on."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class OidcOff(HytopusError):
    code: ClassVar[str] = "oidc_off"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "Single sign-on is not set up here."
    remedy: ClassVar[str] = "Log in with name and password, or set `oidc.issuer`."


class OidcUnavailable(HytopusError):
    code: ClassVar[str] = "oidc_unavailable"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The provider {issuer} cannot be used: {why}."
    remedy: ClassVar[str] = "Log in with name and password; check `oidc.issuer` and the way there."
    retryable: ClassVar[bool] = True


class OidcRefused(HytopusError):
    code: ClassVar[str] = "oidc_refused"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "The provider did not let you in: {why}."
    remedy: ClassVar[str] = "Try again; if it stays so, ask whoever runs the provider."


class OidcStateUnknown(HytopusError):
    code: ClassVar[str] = "oidc_state_unknown"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "This login was not begun here, took too long, or was used before."
    remedy: ClassVar[str] = "Begin again from the login page."


class BadIdToken(HytopusError):
    code: ClassVar[str] = "bad_id_token"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "What the provider said about you does not hold: {why}."
    remedy: ClassVar[str] = "Begin again; if it stays so, check `oidc.client_id` and the clocks of both."


class OidcNotAdmitted(HytopusError):
    code: ClassVar[str] = "oidc_not_admitted"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "{name} may not use this Brain: {why}."
    remedy: ClassVar[str] = "Ask an admin to map a group of yours to a role (`oidc.grants`), or to enable your account."


class OidcNameTaken(HytopusError):
    code: ClassVar[str] = "oidc_name_taken"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "There is a user {name} already, who is not the one the provider means."
    remedy: ClassVar[str] = "Ask an admin to rename or remove one of the two; accounts are never joined by their names."
