"""For how long this node may run what it was lent, without word from a Brain.

A lease runs from when the message was *sent* that a Brain has answered, so that no delay on the way can make it
longer, and is counted by a clock that nobody sets and that counts the time of a suspended machine. It is written down,
so that the next agent does not begin anew; a reboot ends it, and everything that ran with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hytopus.kit.clock import Clock
from hytopus.kit.files import replace_file
from hytopus.kit.logs import get_logger

log = get_logger(__name__)

UNANSWERED: Final = 64
"""Messages whose answer is still awaited; older ones cannot renew anything that a newer one would not."""


def boot_id() -> str:
    """Another one after every boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Lease:
    """One for the node: a Brain counts on it as a whole, and instances differ only in how long that lasts.

    `load` and `save` touch the disk and are for a thread; without a file they do nothing.
    """

    def __init__(self, clock: Clock, file: Path | None = None, *, boot: Callable[[], str] = boot_id) -> None:
        self._clock, self._file, self._boot = clock, file, boot
        self._number = 0
        self._sent: dict[int, float] = {}
        self._since = self._saved = float("-inf")
        self.wanted = False
        """Heartbeats are to ask for it: something was lent here, or waits to be."""

    def sending(self) -> int:
        """A message is about to be sent; the number its answer has to name."""
        self._number += 1
        self._sent[self._number] = self._clock.boottime()
        self._sent.pop(self._number - UNANSWERED, None)
        return self._number

    def renewed(self, number: int) -> None:
        """A Brain has answered. Answers may come twice, late, or in another order."""
        self._since = max(self._since, self._sent.pop(number, self._since))

    def left(self, lease_s: float) -> float:
        """Seconds until a lease of this length is over; below 0, since when it is."""
        return self._since + lease_s - self._clock.boottime()

    @property
    def unsaved(self) -> bool:
        """It was renewed since it was last written down. A crash in between makes it shorter, never longer."""
        return self._file is not None and self._since > self._saved

    def load(self) -> None:
        """What an earlier agent has written down, if the machine was not booted since."""
        try:
            known = json.loads(self._file.read_text()) if self._file else {}
            if known.get("boot") == self._boot():
                self._since = min(float(known["since"]), self._clock.boottime())
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            log.debug("no lease of an earlier agent")

    def save(self) -> None:
        since = self._since
        if self._file is None:
            return
        content = json.dumps({"boot": self._boot(), "since": since}).encode()
        try:
            replace_file(self._file, content, durable=False)
            self._saved = since
        except OSError as error:
            log.warning("the lease could not be written down", why=str(error))
