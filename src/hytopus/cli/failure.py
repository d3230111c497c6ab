"""How a command fails: exit codes that scripts can use, and sentences on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from hytopus.cli.terminal.sanitise import sanitise
from hytopus.errors import HytopusError

FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
NOT_ALLOWED: Final = 4
CONFLICT: Final = 5
UNREACHABLE: Final = 6
INTERRUPTED: Final = 130

_INVALID: Final = "invalid_request"
"""What the Brain says of values that cannot be, such as a negative number of processors."""
_BY_STATUS: Final[Mapping[int, int]] = {401: NOT_ALLOWED, 403: NOT_ALLOWED, 404: NOT_FOUND, 409: CONFLICT}


class ApiProblem(HytopusError):
    """An error the Brain answered with: its own code, status, message and remedy."""

    def __init__(self, document: Mapping[str, Any], status: int) -> None:
        self.document = document
        self.code = str(document.get("code", "unknown"))  # type: ignore[misc]  # one class for every code of the Brain
        self.status = status  # type: ignore[misc]
        self.retryable = bool(document.get("retryable"))  # type: ignore[misc]
        super().__init__(**dict(document.get("params", {})))

    @property
    def message(self) -> str:
        return str(self.document.get("detail") or self.document.get("message") or f"The Brain answered {self.status}.")

    @property
    def advice(self) -> str:
        return str(self.document.get("remedy", ""))


class BrainUnreachable(HytopusError):
    code: ClassVar[str] = "brain_unreachable"
    template: ClassVar[str] = "The Brain at {url} cannot be reached: {why}."
    remedy: ClassVar[str] = (
        "See whether it runs (`hytopus up` on its machine), and check the address (HYTOPUS_URL, --url)."
    )
    retryable: ClassVar[bool] = True


class BrainNotTrusted(HytopusError):
    code: ClassVar[str] = "brain_not_trusted"
    template: ClassVar[str] = "The certificate of {url} is of an authority that this machine does not trust."
    remedy: ClassVar[str] = (
        "Run `hytopus login {url}`, which asks once; a script names the authority's certificate in HYTOPUS_CA."
    )


class NotLoggedIn(HytopusError):
    code: ClassVar[str] = "not_logged_in"
    status: ClassVar[int] = 401
    template: ClassVar[str] = "Nobody is logged in to {url}."
    remedy: ClassVar[str] = "Run `hytopus login`, or set HYTOPUS_TOKEN."


class ExtraMissing(HytopusError):
    code: ClassVar[str] = "extra_missing"
    template: ClassVar[str] = "`hytopus {command}` needs packages that are not installed ({module})."
    remedy: ClassVar[str] = "Install them with `pip install 'hytopus[{extra}]'`."


class BadSettings(HytopusError):
    code: ClassVar[str] = "bad_settings"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The {role}'s settings are not valid: {why}."
    remedy: ClassVar[str] = "Mend /etc/hytopus/{role}.toml or the {variable}… variables; docs/reference lists them."


class MachineRefused(HytopusError):
    """The operating system said no: no such directory, no permission, no space."""

    code: ClassVar[str] = "machine_refused"
    template: ClassVar[str] = "This machine refused: {why}."
    remedy: ClassVar[str] = "Check that path and its permissions, or run the command as a user who may do that."


class Usage(HytopusError):
    """Arguments that are each fine but do not go together."""

    code: ClassVar[str] = "usage"
    template: ClassVar[str] = "{why}."


def exit_code(error: HytopusError) -> int:
    if isinstance(error, BrainUnreachable):
        return UNREACHABLE
    if isinstance(error, Usage):
        return USAGE
    if isinstance(error, ApiProblem) and error.code == _INVALID:
        return USAGE
    return _BY_STATUS.get(error.status, FAILED)


def explain(error: HytopusError, *, as_json: bool = False) -> None:
    """The error on standard error: what happened, and what to do about it on a line of its own."""
    if as_json:
        print(json.dumps({**error.as_dict(), "status": error.status}, default=str), file=sys.stderr)
        return
    print(f"error: {sanitise(error.message)}", file=sys.stderr)
    for line in _further(error):
        print(f"  {sanitise(line)}", file=sys.stderr)
    if error.advice:
        print(f"  → {sanitise(error.advice)}", file=sys.stderr)


def _further(error: HytopusError) -> list[str]:
    """The fields the Brain found fault with, as far as its sentence has not named them already."""
    fields = getattr(error, "document", {}).get("errors", ())
    lines = [f"{field.get('field')}: {field.get('message')}" for field in fields]
    return [line for line in lines if line not in error.message]
