"""Sends bundles where the Brain says: a presigned PUT for exactly one object."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import ClassVar, Final

from hytopus.errors import HytopusError

SECONDS: Final = 60.0


class CrashNotUploaded(HytopusError):
    code: ClassVar[str] = "crash_not_uploaded"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The bundle of crash {crash} could not be stored: {why}"
    remedy: ClassVar[str] = "It is kept on the node and tried again. Check that the node reaches the object store."
    retryable: ClassVar[bool] = True


def put(crash_id: str, url: str, headers: Mapping[str, str], content: bytes) -> None:
    """Blocks. Raises `CrashNotUploaded`."""
    if not url.startswith(("http://", "https://")):
        raise CrashNotUploaded(crash=crash_id, why="the Brain gave no web address")
    request = urllib.request.Request(url, data=content, headers=dict(headers), method="PUT")  # noqa: S310 - checked
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310 - as above
            return
    except urllib.error.HTTPError as error:
        raise CrashNotUploaded(crash=crash_id, why=f"the store answered {error.code} {error.reason}") from error
    except (OSError, ValueError) as error:
        raise CrashNotUploaded(crash=crash_id, why=str(error)) from error
