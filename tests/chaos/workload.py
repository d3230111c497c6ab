"""What operators do meanwhile: instances are created, stopped, started, restarted and destroyed.

Whoever gets no answer asks again with the same idempotency key or for the same state, as a good client does; what has
been asked for last is what must be so in the end.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from uuid import uuid4

import httpx2

from tests.services.stack import Stack

PATIENCE_SECONDS: Final = 120
VERBS: Final = ("restart", "restart", "stop", "start", "start", "kill", "destroy")


@dataclass
class Workload:
    """Keeps `count` names busy. `wanted`: what the last thing asked for means, by name."""

    stack: Stack
    random: Random
    count: int
    layer: str
    wanted: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    """Requests that got no answer and were sent again."""

    def step(self) -> None:
        name = f"c-{self.random.randrange(self.count):02}"
        if name not in self.wanted:
            self._create(name)
            return
        verb = self.random.choice(VERBS)
        if verb == "destroy":
            self._destroy(name)
        else:
            self._ask(name, verb)

    def fill(self) -> None:
        """Every name exists in the end."""
        for number in range(self.count):
            if (name := f"c-{number:02}") not in self.wanted:
                self._create(name)

    def _create(self, name: str) -> None:
        key = uuid4().hex
        body = {"name": name, "layers": [self.layer]}

        def send() -> httpx2.Response:
            return self.stack.api.post("instances", json=body, headers={"Idempotency-Key": key})

        answer = self._insist("create", send, accepted=(409,))
        if answer.status_code == 409:  # its predecessor of the same name is still being destroyed
            return
        self.wanted[name], self.ids[name] = "running", answer.json()["id"]

    def _ask(self, name: str, verb: str) -> None:
        path = f"instances/{self.ids[name]}/{verb}"
        self._insist(verb, lambda: self.stack.api.post(path))
        self.wanted[name] = "stopped" if verb in ("stop", "kill") else "running"

    def _destroy(self, name: str) -> None:
        path = f"instances/{self.ids.pop(name)}"
        self._insist("destroy", lambda: self.stack.api.delete(path), accepted=(404, 409))
        del self.wanted[name]

    def _insist(
        self, what: str, send: Callable[[], httpx2.Response], *, accepted: tuple[int, ...] = ()
    ) -> httpx2.Response:
        """Until somebody answers. Anything but an answer or "not now" is a failure of its own."""
        self.asked[what] += 1
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = send()
            except httpx2.TransportError as error:
                problem: Any = error
            else:
                if answer.is_success or answer.status_code in accepted:
                    return answer
                problem = answer.text
                assert answer.status_code >= 500, f"{what}: {answer.status_code} {answer.text}"
            assert time.monotonic() < until, f"{what}: no answer within {PATIENCE_SECONDS} s: {problem}"
            self.repeated += 1
            time.sleep(0.2)
