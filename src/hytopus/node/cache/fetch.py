"""`python -m hytopus.node.cache.fetch`: fetch, verify and unpack one tarball, as the game's user.

The job comes as JSON on standard input, together with two open directories' and files' descriptors; progress and the
outcome go as JSON lines to standard output. This process receives, hashes and decompresses; a forked one writes.
It ends by itself when the agent does.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from contextlib import suppress
from typing import Any, Final

from hytopus.errors import HytopusError
from hytopus.layers.archive import Limits
from hytopus.layers.compression import decompressor
from hytopus.node.cache.channel import say, say_error, say_os_error
from hytopus.node.cache.http import Address
from hytopus.node.cache.reader import ObjectReader
from hytopus.node.cache.remote import RemoteObject
from hytopus.node.cache.ring import Ring, RingBroken
from hytopus.node.cache.unpack import fork, write_tree

_REPORT_EVERY: Final = 0.1
_MEMORY: Final = 4 << 30


def main() -> int:
    gc.disable()  # a short life without cycles
    job = json.load(sys.stdin)
    address = Address.parse(job["url"], patience=job["patience"])
    confine(job)
    try:
        return _fetch(job, address)
    except HytopusError as error:
        say_error(error)
    except OSError as error:
        say_os_error(error)
    except RingBroken:
        pass  # the unpacking side has said why
    return 1


def confine(job: dict[str, Any]) -> None:
    """Become the game's user and give up what unpacking never needs.

    From here on nothing can be imported: the interpreter's files may be root's alone.
    """
    os.umask(0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    if os.geteuid() == 0 and job["owner"] is not None:
        uid, gid = job["owner"]
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


def _fetch(job: dict[str, Any], address: Address) -> int:
    limits = Limits(*job["limits"])
    ring = Ring()
    child = fork(lambda: write_tree(ring, job["tree"], job["manifest"], limits))
    ring.be_producer()
    remote = RemoteObject(address, job["size"], layer=job["layer"], patience=job["patience"])
    reader = ObjectReader(remote)
    try:
        _decompress(reader, ring, limits)
    finally:
        reader.close()
    _, status = os.waitpid(child, 0)
    if status:
        return 1
    say(
        sha256=reader.hexdigest(),
        received=reader.received,
        requests=remote.requests,
        failed_requests=remote.failed_requests,
    )
    return 0


def _decompress(reader: ObjectReader, ring: Ring, limits: Limits) -> None:
    stream = decompressor(reader.read, limits)
    report_at = 0.0
    while size := stream.readinto(ring.slot()):
        ring.filled(size)
        now = time.monotonic()
        if now >= report_at:
            report_at = now + _REPORT_EVERY
            say(fetched=reader.position)
    ring.filled(0)


if __name__ == "__main__":
    code = 1
    with suppress(BrokenPipeError):  # the agent has gone
        code = main()
    os._exit(code)
