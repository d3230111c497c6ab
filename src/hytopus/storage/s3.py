"""Any S3 through aiobotocore, with deadlines, few retries, and errors that say what is wrong."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urljoin

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

from hytopus.errors import HytopusError
from hytopus.storage.base import OpenUpload, Part, SignedRequest
from hytopus.storage.errors import (
    BucketMissing,
    ObjectMissing,
    PartsDoNotMatch,
    S3Denied,
    S3Failed,
    S3Unreachable,
    UploadGone,
)
from hytopus.storage.settings import Location, StorageSettings, parse_url

_PIECE: Final = 16 << 20
_READ: Final = 1 << 20

_DENIED: Final = frozenset(
    {"AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "401", "403", "ExpiredToken"}
)
_MISSING: Final = frozenset({"NoSuchKey", "NotFound", "404"})
_BAD_PARTS: Final = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "BadDigest", "InvalidRequest"})
_BUSY: Final = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "503", "504"})


class S3Store:
    """An S3 bucket that is open. Make one with `open_s3`."""

    def __init__(self, location: Location, client: Any, signer: Any) -> None:
        self._location = location
        self._client = client
        self._signer = signer
        self._requests: Counter[tuple[str, str]] = Counter()
        self._traffic: Counter[tuple[str, str]] = Counter()

    @property
    def prefix(self) -> str:
        return self._location.prefix

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        return self._requests

    @property
    def traffic(self) -> Counter[tuple[str, str]]:
        return self._traffic

    async def presign_get(self, key: str, *, expires_s: int = 900) -> str:
        return await self._presign("get_object", expires_s, Key=key)

    async def presign_part(
        self, key: str, upload_id: str, number: int, *, sha256: str, expires_s: int = 3600
    ) -> SignedRequest:
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        url = await self._presign(
            "upload_part", expires_s, Key=key, UploadId=upload_id, PartNumber=number, ChecksumSHA256=checksum
        )
        return SignedRequest(url, {"x-amz-checksum-sha256": checksum})

    async def origin(self) -> str | None:
        """Scheme, host and port of the addresses that are signed; none without keys to sign with."""
        try:
            return urljoin(await self.presign_get("any"), "/").rstrip("/")
        except NoCredentialsError:
            return None

    async def presign_put(self, key: str, *, sha256: str, expires_s: int = 900) -> SignedRequest:
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        url = await self._presign("put_object", expires_s, Key=key, ChecksumSHA256=checksum)
        return SignedRequest(url, {"x-amz-checksum-sha256": checksum})

    async def create_upload(self, key: str) -> str:
        answer = await self._call("create_multipart_upload", key, Key=key, ChecksumAlgorithm="SHA256")
        upload_id: str = answer["UploadId"]
        return upload_id

    async def complete_upload(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        await self._call(
            "complete_multipart_upload",
            key,
            Key=key,
            UploadId=upload_id,
            MultipartUpload={"Parts": [_part(part) for part in sorted(parts, key=lambda part: part.number)]},
        )

    async def abort_upload(self, key: str, upload_id: str) -> None:
        try:
            await self._call("abort_multipart_upload", key, Key=key, UploadId=upload_id)
        except UploadGone:
            return

    async def list_uploads(self) -> list[OpenUpload]:
        found: list[OpenUpload] = []
        marker: dict[str, str] = {}
        while True:
            answer = await self._call("list_multipart_uploads", self.prefix, Prefix=self.prefix, **marker)
            found += [
                OpenUpload(each["Key"], each["UploadId"], each["Initiated"]) for each in answer.get("Uploads", ())
            ]
            if not answer.get("IsTruncated"):
                return found
            marker = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}

    async def head(self, key: str) -> int | None:
        try:
            answer = await self._call("head_object", key, Key=key)
        except ObjectMissing:
            return None
        size: int = answer["ContentLength"]
        return size

    async def get(self, key: str) -> bytes:
        answer = await self._call("get_object", key, Key=key)
        async with answer["Body"] as body:
            data: bytes = await body.read()
        return data

    async def put(self, key: str, data: bytes) -> None:
        await self._call("put_object", key, Key=key, Body=data)

    async def put_file(self, key: str, path: Path) -> None:
        with await asyncio.to_thread(path.open, "rb") as file:
            first = await asyncio.to_thread(file.read, _PIECE)
            if len(first) < _PIECE:
                await self.put(key, first)
                return
            await self._put_pieces(key, first, file)

    async def _put_pieces(self, key: str, piece: bytes, file: BinaryIO) -> None:
        upload_id = await self.create_upload(key)
        try:
            parts: list[Part] = []
            while piece:
                parts.append(await self._put_piece(key, upload_id, len(parts) + 1, piece))
                piece = await asyncio.to_thread(file.read, _PIECE)
            await self.complete_upload(key, upload_id, parts)
        except BaseException:
            await asyncio.shield(self.abort_upload(key, upload_id))
            raise

    async def _put_piece(self, key: str, upload_id: str, number: int, piece: bytes) -> Part:
        digest = await asyncio.to_thread(lambda: hashlib.sha256(piece).hexdigest())
        answer = await self._call(
            "upload_part",
            key,
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            Body=piece,
            ChecksumSHA256=base64.b64encode(bytes.fromhex(digest)).decode(),
        )
        return Part(number, answer["ETag"], digest)

    async def get_file(self, key: str, path: Path) -> str:
        digest = hashlib.sha256()
        answer = await self._call("get_object", key, Key=key)
        try:
            with await asyncio.to_thread(path.open, "wb") as file:
                async with answer["Body"] as body:
                    while piece := await body.read(_READ):
                        await asyncio.to_thread(_take, piece, file, digest)
        except (BotoCoreError, OSError, TimeoutError) as error:
            raise S3Unreachable(endpoint=self._endpoint, why=str(error) or type(error).__name__) from error
        return digest.hexdigest()

    async def list_keys(self, prefix: str) -> list[str]:
        found: list[str] = []
        marker: dict[str, str] = {}
        while True:
            answer = await self._call("list_objects_v2", prefix, Prefix=prefix, **marker)
            found += [each["Key"] for each in answer.get("Contents", ())]
            if not answer.get("IsTruncated"):
                return found
            marker = {"ContinuationToken": answer["NextContinuationToken"]}

    async def delete(self, key: str) -> None:
        await self._call("delete_object", key, Key=key)

    async def ping(self) -> None:
        await self._call("head_bucket", "")

    async def lists_buckets(self) -> bool:
        try:
            await self._client.list_buckets()
        except (ClientError, BotoCoreError, OSError, TimeoutError):
            return False
        return True

    async def ensure_bucket(self, *, create: bool) -> None:
        """Raises `BucketMissing` if there is none and it cannot be made."""
        try:
            await self.ping()
        except ObjectMissing as missing:
            gone = BucketMissing(endpoint=self._endpoint, bucket=self._location.bucket)
            if not create:
                raise gone from missing
            try:
                await self._call("create_bucket", "", **_where_to_create(self._location))
            except (S3Denied, S3Failed) as error:
                raise gone from error

    @property
    def _endpoint(self) -> str:
        return str(self._client.meta.endpoint_url)

    async def _presign(self, operation: str, expires_s: int, **params: Any) -> str:
        params["Bucket"] = self._location.bucket
        url: str = await self._signer.generate_presigned_url(operation, Params=params, ExpiresIn=expires_s)
        return url

    async def _call(self, operation: str, key: str, **params: Any) -> Any:
        try:
            answer = await getattr(self._client, operation)(Bucket=self._location.bucket, **params)
        except (ClientError, BotoCoreError, OSError, TimeoutError) as error:
            problem = self._explain(error, key)
            self._requests[operation, problem.code] += 1
            raise problem from error
        self._requests[operation, "ok"] += 1
        self._traffic[operation, "sent"] += len(params.get("Body", b""))
        if "Body" in answer:
            self._traffic[operation, "received"] += answer["ContentLength"]
        return answer

    def _explain(self, error: Exception, key: str) -> HytopusError:
        """What botocore raised, as one of ours."""
        if isinstance(error, NoCredentialsError):
            return S3Denied(endpoint=self._endpoint, why="there are none")
        if isinstance(error, ParamValidationError):
            return S3Failed(endpoint=self._endpoint, why=str(error))
        if not isinstance(error, ClientError):
            return S3Unreachable(endpoint=self._endpoint, why=str(error) or type(error).__name__)
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        why = str(error.response.get("Error", {}).get("Message") or code)
        if code == "NoSuchUpload":
            return UploadGone(key=key)
        if code in _MISSING:
            return ObjectMissing(key=key)
        if code == "NoSuchBucket":
            return BucketMissing(endpoint=self._endpoint, bucket=self._location.bucket)
        if code in _DENIED:
            return S3Denied(endpoint=self._endpoint, why=why)
        if code in _BUSY:
            return S3Unreachable(endpoint=self._endpoint, why=why)
        if code in _BAD_PARTS and error.operation_name == "CompleteMultipartUpload":
            return PartsDoNotMatch(key=key, why=why)
        return S3Failed(endpoint=self._endpoint, why=f"{code}: {why}")


@asynccontextmanager
async def open_s3(settings: StorageSettings) -> AsyncIterator[S3Store]:
    """Open the store of the settings. Does not touch the network; `ensure_bucket` does."""
    location = parse_url(settings.url)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(_client(settings, location, location.endpoint))
        signer = client
        if settings.public_endpoint is not None:
            signer = await stack.enter_async_context(_client(settings, location, settings.public_endpoint.rstrip("/")))
        yield S3Store(location, client, signer)


def _client(settings: StorageSettings, location: Location, endpoint: str | None) -> Any:
    return get_session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name=location.region,
        aws_access_key_id=settings.access_key.get_secret_value() if settings.access_key else None,
        aws_secret_access_key=settings.secret_key.get_secret_value() if settings.secret_key else None,
        config=AioConfig(
            signature_version="s3v4",
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=32,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if location.path_style else "auto"},
        ),
    )


def _take(piece: bytes, file: BinaryIO, digest: Any) -> None:
    file.write(piece)
    digest.update(piece)


def _part(part: Part) -> dict[str, Any]:
    checksum = base64.b64encode(bytes.fromhex(part.sha256)).decode()
    return {"PartNumber": part.number, "ETag": part.etag, "ChecksumSHA256": checksum}


def _where_to_create(location: Location) -> dict[str, Any]:
    if location.endpoint is not None or location.region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": location.region}}
