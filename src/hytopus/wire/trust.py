"""Trusting a Brain whose certificate its own authority has signed, by whatever name or address it is reached."""

from __future__ import annotations

import hashlib
import ssl
from typing import Final

import httpx2

SERVER_NAME: Final = "brain.hytopus.internal"
"""The name in every Brain's certificate. It is checked instead of the address that is dialled: the Brain's CA signs
nothing else with it, and an operator may reach the Brain by any name, address or forwarded port."""


class PinnedTransport(httpx2.AsyncHTTPTransport):
    """HTTPS that believes this authority and no other. Raises ValueError for what is no certificate."""

    def __init__(self, ca_pem: str) -> None:
        try:
            context = ssl.create_default_context(cadata=ca_pem)
        except ssl.SSLError as error:
            raise ValueError("it is not a PEM certificate") from error
        super().__init__(verify=context)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.extensions = {**request.extensions, "sni_hostname": SERVER_NAME}
        return await super().handle_async_request(request)


def fingerprint(ca_pem: str) -> str:
    """As join tokens, the Brain's log and `hytopus login` show it. Raises ValueError for what is no certificate, or
    more than one: whoever reads the text for trust believes all of them, so a fingerprint must vouch for all it holds.
    """
    check_alone(ca_pem)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ca_pem)).hexdigest()[:32]


def check_alone(pem: str) -> None:
    """Raises ValueError unless there is just one certificate, and nothing else that could be read as one."""
    if pem.count("-----BEGIN ") != 1:
        raise ValueError("it is not one certificate")


def is_about_certificates(error: BaseException | None) -> bool:
    """Whether somebody answered, with a certificate that is not believed."""
    return error is not None and "CERTIFICATE_VERIFY_FAILED" in str(error)
