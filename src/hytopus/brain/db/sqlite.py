"""A SQLite connection that runs statements where they are called and only waits for the disk in its thread.

aiosqlite hands every single step (cursor, execute, fetch, close) to a thread and back: some 0.3 ms each, several
times what SQLite itself needs. Statements here run on the event loop; what can wait for a disk or a lock (BEGIN
IMMEDIATE, COMMIT, ROLLBACK) still goes to the thread. Queries must therefore be short: page them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from aiosqlite import Connection

_IN_THREAD: Final = frozenset({"commit", "rollback", "close"})


class InlineConnection(Connection):
    """See the module; used by one task at a time, as every SQLAlchemy connection is."""

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        waits = fn.__name__ in _IN_THREAD and fn.__self__ is self._connection  # type: ignore[attr-defined]
        if waits or (args and args[0] == "BEGIN IMMEDIATE"):
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        return fn(*args, **kwargs)


async def connect(path: str) -> InlineConnection:
    """Open a database file; created if missing."""

    def connector() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=10, check_same_thread=False, isolation_level=None)

    connection = InlineConnection(connector, iter_chunk_size=64)
    connection._thread.daemon = True  # a connection that was forgotten must not keep the process alive
    await connection
    return connection
