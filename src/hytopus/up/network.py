"""Everything on one machine, in the order in which one thing needs the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from hytopus.storage.settings import StorageSettings
from hytopus.up.accounts import Access, prepare_access
from hytopus.up.brain import brain_program, brain_settings
from hytopus.up.engine import ensure_engine
from hytopus.up.leftovers import end_leftovers
from hytopus.up.lock import only_one
from hytopus.up.node import ensure_joined, node_program
from hytopus.up.options import UpOptions
from hytopus.up.preflight import check, check_root
from hytopus.up.service import Place, Say, keep_running
from hytopus.up.storage import check_store, other_s3, own_s3


@dataclass(frozen=True, slots=True)
class Network:
    """A network that is up."""

    url: str
    access: Access
    node_name: str
    authority: str | None
    """Of its certificate, as PEM, where it is HTTPS."""


@asynccontextmanager
async def running(options: UpOptions, say: Say) -> AsyncIterator[Network]:
    """Bring everything up; leaving the block ends it in the opposite order. Game servers and Docker go on."""
    check_root()
    async with AsyncExitStack() as stack:
        stack.enter_context(only_one(options.data_dir))
        place = await asyncio.to_thread(_prepare, options, say)
        await end_leftovers(options.data_dir, options.run, say)
        await asyncio.to_thread(check, options)
        await ensure_engine(options.logs, say)
        storage = await _object_store(options, place, stack)
        access = await prepare_access(brain_settings(options, storage), options.data_dir)
        await stack.enter_async_context(keep_running(brain_program(options, storage), place))
        say(f"The Brain answers at {options.url}.")
        identity = await ensure_joined(options, access.token, say)
        await stack.enter_async_context(keep_running(node_program(options, access.token, identity), place))
        say(f"The node {identity.node_name} is online.")
        try:
            authority = await asyncio.to_thread(options.authority.read_text) if options.secure else None
            yield Network(options.url, access, identity.node_name, authority)
        finally:
            say("Stopping the node's agent, the Brain and the S3 server. Game servers go on.")


async def _object_store(options: UpOptions, place: Place, stack: AsyncExitStack) -> StorageSettings:
    if not options.own_s3:
        storage = other_s3(options)
        await check_store(storage)
        place.say("The S3 you named takes what is put into it.")
        return storage
    storage, program = await asyncio.to_thread(own_s3, options)
    await stack.enter_async_context(keep_running(program, place))
    place.say(f"The S3 server (SeaweedFS) answers on port {options.s3_ports.s3}.")
    return storage


def _prepare(options: UpOptions, say: Say) -> Place:
    for directory in (options.logs, options.run):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Place(options.data_dir, options.logs, options.run, say, echo=options.verbose)
