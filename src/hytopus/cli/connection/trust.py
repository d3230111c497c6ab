"""Coming to trust a Brain without a certificate of a public authority: by a file, a fingerprint, or by asking once."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from typing import Any, ClassVar

import httpx2

from hytopus.cli.failure import BrainUnreachable, Usage
from hytopus.cli.terminal.ask import confirm
from hytopus.errors import HytopusError
from hytopus.wire.trust import fingerprint, is_about_certificates

_TIMEOUT = httpx2.Timeout(10)


class UnknownAuthority(HytopusError):
    code: ClassVar[str] = "unknown_authority"
    template: ClassVar[str] = "The certificate of {url} is of an authority that nobody vouches for ({fingerprint})."
    remedy: ClassVar[str] = (
        "If the Brain's log names the same authority, say --ca {fingerprint}; or give its certificate with --ca FILE: "
        "it is ca/ca.pem in the Brain's data directory."
    )


class OtherAuthority(HytopusError):
    code: ClassVar[str] = "other_authority"
    template: ClassVar[str] = "{url} shows the authority {found}, not {expected}."
    remedy: ClassVar[str] = "Somebody may be in between: do not log in before you know why."


async def authority_for(url: str, ca: str | None) -> str | None:
    """The certificate to believe, as PEM; None where the machine's own list of authorities will do.

    `ca` is a file, or a fingerprint that the Brain's own authority must have.
    """
    if ca is not None and (given := _read(Path(ca))) is not None:
        return given
    if not url.startswith("https:") or (ca is None and await _is_trusted(url)):
        return None
    shown = await _shown(url)
    try:
        found = fingerprint(shown)
    except ValueError as error:
        raise BrainUnreachable(url=url, why="it shows no certificate of one authority") from error
    if ca is not None:
        if ca.lower().replace(":", "") != found:
            raise OtherAuthority(url=url, found=found, expected=ca)
        return shown
    if not sys.stdin.isatty():
        raise UnknownAuthority(url=url, fingerprint=found)
    confirm(
        f"{url} shows a certificate of its own authority {found}, which the Brain's log names too. Trust it?", yes=False
    )
    return shown


async def _is_trusted(url: str) -> bool:
    """Whether this machine believes the certificate anyway."""
    try:
        await _join_info(url, verify=True)
    except BrainUnreachable as error:
        if is_about_certificates(error.__cause__):
            return False
        raise
    return True


async def _shown(url: str) -> str:
    """What the Brain says its authority is; worth nothing before somebody has compared it."""
    document = await _join_info(url, verify=False)
    try:
        return str(document["ca_pem"])
    except (KeyError, TypeError) as error:
        raise BrainUnreachable(url=url, why="what answers there is no Brain") from error


async def _join_info(url: str, *, verify: bool) -> Any:
    try:
        async with httpx2.AsyncClient(timeout=_TIMEOUT, verify=verify) as client:
            answer = await client.get(f"{url}/api/v1/join-info")
            return answer.json() if answer.is_success else None
    except (httpx2.TransportError, httpx2.InvalidURL, ValueError) as error:
        raise BrainUnreachable(url=url, why=str(error).rstrip(".") or type(error).__name__) from error


def _read(file: Path) -> str | None:
    """None where there is no such file."""
    if not file.is_file():
        return None
    text = file.read_text()
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise Usage(why=f"{file} is not a PEM certificate") from error
    return text
