"""What can be wrong with the object store."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class BadS3Url(HytopusError):
    code: ClassVar[str] = "bad_s3_url"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "{url!r} does not name a place in an S3: {why}."
    remedy: ClassVar[str] = (
        "Write s3://bucket/prefix?endpoint=https://host:port&region=name&path_style=1 (all but the bucket optional)."
    )


class S3Unreachable(HytopusError):
    code: ClassVar[str] = "s3_unreachable"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "The object store at {endpoint} did not answer: {why}."
    remedy: ClassVar[str] = "Check that it runs and that the Brain can reach it, then try again."
    retryable: ClassVar[bool] = True


class S3Denied(HytopusError):
    code: ClassVar[str] = "s3_denied"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The object store at {endpoint} refused the Brain's keys ({why})."
    remedy: ClassVar[str] = "Check access key, secret key and the rights they have on the bucket."


class S3Failed(HytopusError):
    code: ClassVar[str] = "s3_failed"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The object store at {endpoint} answered {why}."
    remedy: ClassVar[str] = "Look into its log."


class BucketMissing(HytopusError):
    code: ClassVar[str] = "bucket_missing"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The object store at {endpoint} has no bucket {bucket!r}, and it could not be made."
    remedy: ClassVar[str] = "Make the bucket, or let the Brain's keys make it."


class ObjectMissing(HytopusError):
    code: ClassVar[str] = "object_missing"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The object store has no object {key!r}."
    remedy: ClassVar[str] = "It was deleted behind the Brain's back: upload it again."


class UploadGone(HytopusError):
    code: ClassVar[str] = "upload_gone"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The upload to {key!r} is over: it was completed, aborted or took longer than a day."
    remedy: ClassVar[str] = "Begin the upload again."


class PartsDoNotMatch(HytopusError):
    code: ClassVar[str] = "parts_do_not_match"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The parts given are not those that were uploaded to {key!r}: {why}."
    remedy: ClassVar[str] = "Upload the parts again and give the ETag each of them got."
