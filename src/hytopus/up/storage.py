"""The object store `up` uses: its own SeaweedFS, or an S3 that somebody else runs."""

from __future__ import annotations

from pydantic import SecretStr

from hytopus.errors import HytopusError
from hytopus.storage.s3 import open_s3
from hytopus.storage.settings import StorageSettings
from hytopus.up import seaweed
from hytopus.up.options import UpOptions
from hytopus.up.service import Program


def own_s3(options: UpOptions) -> tuple[StorageSettings, Program]:
    """SeaweedFS in the data directory, and how to use it."""
    directory = options.data_dir / "s3"
    keys = seaweed.prepare(directory)
    endpoint = f"http://{seaweed.HOST}:{options.s3_ports.s3}"
    storage = StorageSettings(
        url=f"s3://{seaweed.BUCKET}?endpoint={endpoint}&region={seaweed.REGION}&path_style=1",
        access_key=SecretStr(keys.access_key),
        secret_key=SecretStr(keys.secret_key),
    )

    async def ready() -> bool:
        return await takes_a_put(storage)

    command = seaweed.command(seaweed.weed_program(), directory, options.s3_ports)
    return storage, Program("s3", command, ready, grace_seconds=10)


def other_s3(options: UpOptions) -> StorageSettings:
    """The S3 that was named with `--s3-url`."""
    return StorageSettings(
        url=options.s3_url or "",
        access_key=SecretStr(options.s3_access_key) if options.s3_access_key else None,
        secret_key=SecretStr(options.s3_secret_key) if options.s3_secret_key else None,
    )


async def takes_a_put(storage: StorageSettings) -> bool:
    """Whether the store really stores: its port opens long before that."""
    patient = storage.model_copy(update={"connect_timeout": 2.0, "read_timeout": 5.0})
    async with open_s3(patient) as store:
        try:
            await store.put(f"{store.prefix}ready", b"")
        except HytopusError:
            return False
    return True


async def check_store(storage: StorageSettings) -> None:
    """Raises what is wrong with an S3 somebody else runs; makes the bucket if it is missing."""
    async with open_s3(storage) as store:
        await store.ensure_bucket(create=storage.create_bucket)
        await store.put(f"{store.prefix}ready", b"")


def environment_of(storage: StorageSettings) -> dict[str, str]:
    """The same for the Brain's environment."""
    found = {"HYTOPUS_BRAIN__STORAGE__URL": storage.url}
    if storage.access_key is not None:
        found["HYTOPUS_BRAIN__STORAGE__ACCESS_KEY"] = storage.access_key.get_secret_value()
    if storage.secret_key is not None:
        found["HYTOPUS_BRAIN__STORAGE__SECRET_KEY"] = storage.secret_key.get_secret_value()
    return found
