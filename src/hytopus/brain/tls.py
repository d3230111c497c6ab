"""HTTPS for API and panel: an operator's certificate, or one of the Brain's own authority, renewed while it runs."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final

from hytopus.brain.authority.ca import Authority
from hytopus.brain.settings import HttpSettings
from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger

log = get_logger(__name__)

LOOK_EVERY_SECONDS: Final = 3600

Load = Callable[[ssl.SSLContext], None]
"""Puts the certificate of this moment, with its key, into a context that may be in use already."""
Changed = Callable[[], Coroutine[Any, Any, None]]


class CertificateUnusable(HytopusError):
    code: ClassVar[str] = "certificate_unusable"
    template: ClassVar[str] = "The certificate {certificate} with the key {key} cannot be used: {why}."
    remedy: ClassVar[str] = (
        "Name PEM files that belong together and that the Brain may read in http.certificate and http.certificate_key."
    )


def source(settings: HttpSettings, authority: Authority) -> tuple[Load | None, Changed]:
    """Where the certificate comes from, None for plain HTTP; and what to wait for when it may be another one."""
    if not settings.secure:
        return None, never
    if settings.certificate is not None:
        certificate, key = settings.certificate, settings.certificate_key
        return lambda context: _load_files(context, certificate, key), never
    return lambda context: _load_pair(context, *authority.server_certificate()), authority.changed


async def open_context(load: Load) -> ssl.SSLContext:
    """A context for a server. Raises `CertificateUnusable`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    await asyncio.to_thread(load, context)
    return context


async def never() -> None:
    await asyncio.Event().wait()


async def keep_current(
    context: ssl.SSLContext, load: Load, changed: Changed = never, *, every: float = LOOK_EVERY_SECONDS
) -> None:
    """Until cancelled: new connections get the certificate of this hour, or at once that of another authority. One that
    cannot be used leaves the old one."""
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(changed(), every)
        try:
            await asyncio.to_thread(load, context)
        except CertificateUnusable as error:
            log.warning("certificate not renewed", code=error.code, detail=str(error))


def _load_files(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise CertificateUnusable(certificate=certificate, key=key or certificate, why=_why(error)) from error


def _load_pair(context: ssl.SSLContext, key: bytes, certificate: bytes) -> None:
    """OpenSSL wants a file; this one exists in memory only."""
    descriptor = os.memfd_create("hytopus-certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, key + certificate)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        with suppress(OSError):
            os.close(descriptor)


def _why(error: OSError) -> str:
    return error.strerror or str(error)
