"""What can be wrong with a request about crashes."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class CrashNotFound(HytopusError):
    code: ClassVar[str] = "crash_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no crash {crash!r}."
    remedy: ClassVar[str] = "`hytopus crash list` shows those there are; they are deleted after `crashes.keep_days`."


class BundleNotStored(HytopusError):
    code: ClassVar[str] = "bundle_not_stored"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The bundle of crash {crash} is not in the object store yet."
    remedy: ClassVar[str] = "Its node brings it as soon as it reaches the Brain and the object store; look again then."
    retryable: ClassVar[bool] = True


class BundleDamaged(HytopusError):
    code: ClassVar[str] = "bundle_damaged"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The bundle of crash {crash} cannot be read: {why}"
    remedy: ClassVar[str] = "Download it and look; its last lines are kept with the crash itself."
