"""Hytopus whole: S3, a Brain and a node in processes of their own on free ports, each of which can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2

from tests.services.engine import PrivateEngine
from tests.services.ports import free_port, free_ports
from tests.services.processes import Process
from tests.services.seaweed import S3, S3Server
from tests.services.waiting import eventually_sync

GAMES = Path(__file__).parents[2] / "games"
OWN_GAMES = Path(__file__).parent / "games"
"""Games that only tests play."""


class Stack:
    """One installation below `directory`. `start` brings up what does not run; `close` ends everything it started.

    `database_url` empty: SQLite. `s3` is used where one is given, else the stack runs its own, which can be killed.
    """

    def __init__(
        self,
        directory: Path,
        *,
        s3: S3 | None = None,
        database_url: str = "",
        docker_url: str = "",
        node_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.s3_server = None if s3 else S3Server(_made(directory / "s3"))
        store = s3 or (self.s3_server.s3 if self.s3_server else None)
        assert store is not None
        http, sessions, joining, metrics, *_ = free_ports(4)
        self.brain_ports = (http, sessions, joining)
        first = free_port(beside=200)
        self.game_ports = range(first, first + 200)
        self.known = directory / "brain.json"
        self.docker = {"DOCKER_HOST": docker_url} if docker_url else {}
        self.brain = Process(
            "brain",
            [sys.executable, "-m", "tests.services.brain", str(self.known)],
            directory / "brain.log",
            {
                "HYTOPUS_BRAIN__DATA_DIR": str(directory / "brain"),
                "HYTOPUS_BRAIN__DATABASE_URL": database_url,
                "HYTOPUS_BRAIN__GAMES_DIRS": json.dumps([str(OWN_GAMES)]),
                "HYTOPUS_BRAIN__HTTP__LISTEN": f"127.0.0.1:{http}",
                "HYTOPUS_BRAIN__GATEWAY__SESSION_LISTEN": f"127.0.0.1:{sessions}",
                "HYTOPUS_BRAIN__GATEWAY__JOIN_LISTEN": f"127.0.0.1:{joining}",
                "HYTOPUS_BRAIN__STORAGE__URL": f"s3://{store.bucket}/{directory.name}?endpoint={store.endpoint}",
                "HYTOPUS_BRAIN__STORAGE__ACCESS_KEY": store.access_key,
                "HYTOPUS_BRAIN__STORAGE__SECRET_KEY": store.secret_key,
            },
        )
        self.node = Process(
            "node",
            [sys.executable, "-m", "hytopus.cli", "node", "run"],
            directory / "node.log",
            {
                "HYTOPUS_NODE__DATA_DIR": str(directory / "node"),
                "HYTOPUS_NODE__ADDRESS": "127.0.0.1",
                "HYTOPUS_NODE__PORTS__FIRST": str(self.game_ports.start),
                "HYTOPUS_NODE__PORTS__LAST": str(self.game_ports.stop - 1),
                "HYTOPUS_NODE__METRICS__PORT": str(metrics),
                "HYTOPUS_NODE__CAPACITY__CPUS": "64",
                "HYTOPUS_NODE__DOCKER__BIND_ADDRESS": "127.0.0.1",
                **self.docker,
                **(node_settings or {}),
            },
        )
        self.engine: PrivateEngine | None = None
        """Where a test gave the stack an engine of its own."""
        self._client: httpx2.Client | None = None
        self.token = ""

    def start(self) -> None:
        """Bring up what does not run; the first time, log in and let the node join."""
        if self.s3_server is not None:
            self.s3_server.start()
        self.start_brain()
        if not self.token:
            self.log_in()
        if not (self.directory / "node" / "node.json").exists():
            self.join("node-1", HYTOPUS_NODE__DATA_DIR=str(self.directory / "node"))
        self.start_node()

    def start_brain(self) -> None:
        self.brain.start()
        eventually_sync(self._answers, timeout=60, every=0.05, what=f"the Brain to answer\n{self.brain.tail()}")

    def start_node(self) -> None:
        self.node.start()
        eventually_sync(self._node_is_online, timeout=60, every=0.05, what=f"the node\n{self.node.tail()}")

    def close(self) -> None:
        """Destroy what still exists, so that no container outlives the test, and end every process."""
        if self.brain.running and self.node.running:
            self.destroy_everything()
        if self._client is not None:
            self._client.close()
        self.node.stop()
        self.brain.stop()
        if self.s3_server is not None:
            self.s3_server.kill()

    @property
    def api(self) -> httpx2.Client:
        """A client of the REST API, logged in as the admin."""
        if self._client is None:
            url = json.loads(self.known.read_text())["url"]
            self._client = httpx2.Client(base_url=f"{url}/api/v1/", timeout=30, trust_env=False)
        if self.token:
            self._client.headers["Authorization"] = f"Bearer {self.token}"
        return self._client

    def get(self, path: str, **params: Any) -> Any:
        return checked(self.api.get(path, params=params))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return checked(self.api.post(path, json=body) if body is not None else self.api.post(path))

    def delete(self, path: str) -> Any:
        return checked(self.api.delete(path))

    def cli(self, *words: str, code: int = 0) -> str:
        """Run the command line against this stack; what it printed. `code` is the exit code to expect."""
        done = subprocess.run(
            [sys.executable, "-m", "hytopus.cli", *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=600,
            env={
                **os.environ,
                **self.docker,
                "HYTOPUS_URL": str(self.api.base_url).split("/api/")[0],
                "HYTOPUS_TOKEN": self.token,
                "XDG_CONFIG_HOME": str(self.directory / "config"),
                "COLUMNS": "160",
            },
        )
        assert done.returncode == code, f"{words} -> {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.tails()}"
        return done.stdout + done.stderr

    def instance(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"instances/{name}")
        return found

    def until(self, name: str, *states: str, timeout: float = 60) -> dict[str, Any]:
        """Wait until an instance is in one of the states."""

        def reached() -> dict[str, Any] | None:
            found = self.instance(name)
            if found["state"] in states:
                return found
            assert found["state"] != "failed", found
            return None

        try:
            found = eventually_sync(reached, timeout=timeout, every=0.05, what=f"{name} to be {states}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tails()}") from error
        assert found is not None
        return found

    def until_gone(self, name: str, timeout: float = 60) -> None:
        def gone() -> bool:
            answer = self.api.get(f"instances/{name}")
            return answer.status_code == 404 or answer.json()["state"] == "destroyed"

        eventually_sync(gone, timeout=timeout, every=0.05, what=f"{name} to be destroyed\n{self.tails()}")

    def destroy_everything(self) -> None:
        names = [item["name"] for item in self.get("instances", limit=500)["items"]]
        for name in names:
            self.api.delete(f"instances/{name}")
        for name in names:
            self.until_gone(name)

    def tails(self) -> str:
        return f"{self.brain.tail()}\n{self.node.tail()}"

    def is_up(self, since: datetime) -> bool:
        """The Brain answers and has heard the node after `since`, whatever came before."""
        try:
            found = self.api.get("nodes")
        except httpx2.HTTPError:
            return False
        nodes = found.json()["items"] if found.is_success else ()
        heard = [datetime.fromisoformat(node["last_seen"]) for node in nodes if node["state"] == "online"]
        return any(at > since for at in heard)

    def _answers(self) -> bool:
        assert self.brain.running, self.brain.tail()
        if not self.known.exists():
            return False
        try:
            return self.api.get("../../readyz").status_code < 500
        except httpx2.HTTPError:
            return False

    def _node_is_online(self) -> bool:
        assert self.node.running, self.node.tail()
        return any(node["state"] == "online" for node in self.get("nodes")["items"])

    def log_in(self) -> None:
        password = json.loads(self.known.read_text())["password"]
        self.token = checked(self.api.post("login", json={"name": "admin", "password": password}))["token"]

    def join(self, name: str, **environment: str) -> str:
        """Let a node of this name join, by default one that nobody starts; its id."""
        directory = {"HYTOPUS_NODE__DATA_DIR": str(self.directory / name)}
        token = self.post("nodes/join-tokens", {"node_name": name})["token"]
        url = json.loads(self.known.read_text())["url"]
        done = subprocess.run(
            [sys.executable, "-m", "hytopus.cli", "node", "join", url, token, "--name", name],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            env={**self.node.environment, **directory, **environment},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        node_id: str = self.get(f"nodes/{name}")["id"]
        return node_id


def checked(answer: httpx2.Response) -> Any:
    """The answer's JSON; an AssertionError with the problem document where it was refused."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url} -> {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory
