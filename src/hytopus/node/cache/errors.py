"""What can go wrong between S3 and the node's disk."""

from __future__ import annotations

import errno
from typing import ClassVar

from hytopus.errors import HytopusError


class S3Unreachable(HytopusError):
    code: ClassVar[str] = "s3_unreachable"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "The template store {host} does not answer as it should: {why}"
    remedy: ClassVar[str] = "Check that the node reaches the S3 address; the agent tries again by itself."
    retryable: ClassVar[bool] = True


class ObjectMissing(HytopusError):
    code: ClassVar[str] = "object_missing"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "The template store has no object behind {layer}."
    remedy: ClassVar[str] = "Push the template again with `hytopus template push`."


class UrlExpired(HytopusError):
    code: ClassVar[str] = "url_expired"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "The template store refuses the address handed out for {layer}: {why}"
    remedy: ClassVar[str] = "Addresses are short-lived; the agent asks for a fresh one. Check the clocks if it repeats."
    retryable: ClassVar[bool] = True


class ChecksumMismatch(HytopusError):
    code: ClassVar[str] = "checksum_mismatch"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "What was fetched for {layer} is not what was pushed: expected {expected}, found {found}."
    remedy: ClassVar[str] = "Somebody replaced the object in S3, or it is damaged. Push the version again."


class FetchFailed(HytopusError):
    code: ClassVar[str] = "fetch_failed"
    status: ClassVar[int] = 500
    template: ClassVar[str] = "Fetching {layer} ended unexpectedly: {why}"
    remedy: ClassVar[str] = "It is tried again; the agent's log has the details if it repeats."
    retryable: ClassVar[bool] = True


class BadCacheRoot(HytopusError):
    code: ClassVar[str] = "bad_cache_root"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "{path!r} cannot hold the node's files: {why}"
    remedy: ClassVar[str] = "Choose another directory in the node's settings."


def is_full(error: OSError) -> bool:
    """Whether there is no room left, on the disk or in the quota."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
