"""The command line and a Brain whose certificate is of its own authority."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hytopus.wire.trust import fingerprint
from tests.integration.cli.conftest import Cli
from tests.services.processes import Process
from tests.services.seaweed import S3
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.s3, pytest.mark.timeout(300)]


@dataclass(frozen=True, slots=True)
class Secure:
    url: str
    password: str
    ca: Path

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.ca.read_text())


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def secure(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    directory = tmp_path_factory.mktemp("secure")
    known = directory / "brain.json"
    brain = Process(
        "brain",
        [sys.executable, "-m", "tests.services.brain", str(known)],
        directory / "brain.log",
        {
            **os.environ,
            "HYTOPUS_BRAIN__DATA_DIR": str(directory / "brain"),
            "HYTOPUS_BRAIN__HTTP__LISTEN": "127.0.0.1:0",
            "HYTOPUS_BRAIN__HTTP__TLS": "on",
            "HYTOPUS_BRAIN__GATEWAY__SESSION_LISTEN": "127.0.0.1:0",
            "HYTOPUS_BRAIN__GATEWAY__JOIN_LISTEN": "127.0.0.1:0",
            "HYTOPUS_BRAIN__STORAGE__URL": f"s3://{s3.bucket}/https?endpoint={s3.endpoint}",
            "HYTOPUS_BRAIN__STORAGE__ACCESS_KEY": s3.access_key,
            "HYTOPUS_BRAIN__STORAGE__SECRET_KEY": s3.secret_key,
        },
    )
    brain.start()
    try:
        eventually_sync(known.exists, timeout=150, every=0.05, what="the Brain")
        said = json.loads(known.read_text())
        assert said["url"].startswith("https://")
        yield Secure(said["url"], said["password"], directory / "brain" / "ca" / "ca.pem")
    finally:
        brain.stop()


@pytest.fixture
def person(secure: Secure, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    monkeypatch.setenv("HYTOPUS_CONFIG", str(tmp_path / "home" / "config.toml"))
    for name in ("HYTOPUS_URL", "HYTOPUS_TOKEN", "HYTOPUS_CA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{secure.password}\n"))
    return Cli(capsys)


def _login(person: Cli, secure: Secure, *more: str) -> tuple[int, str]:
    outcome = person("login", secure.url, "--user", "admin", "--password-stdin", *more)
    return outcome.code, outcome.err


@pytest.mark.parametrize("by", ["file", "fingerprint"])
def test_an_authority_that_is_named_is_believed_and_kept(person: Cli, secure: Secure, by: str) -> None:
    code, said = _login(person, secure, "--ca", str(secure.ca) if by == "file" else secure.fingerprint)
    assert code == 0, said
    assert person.ok("whoami", "--json").json["user"]["name"] == "admin"


def test_an_unknown_authority_gets_no_password_from_a_script(person: Cli, secure: Secure) -> None:
    code, said = _login(person, secure)
    assert code != 0
    assert secure.fingerprint in said
    assert "--ca" in said


def test_another_authority_is_refused(person: Cli, secure: Secure) -> None:
    code, said = _login(person, secure, "--ca", "0" * 32)
    assert code != 0
    assert "not 0000" in said


def test_a_person_who_has_compared_the_authority_is_asked_once(
    person: Cli, secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(f"y\n{secure.password}\n"))
    code, said = _login(person, secure)
    assert code == 0, said
    monkeypatch.setattr("sys.stdin", Terminal(f"{secure.password}\n"))
    code, said = _login(person, secure)
    assert code == 0, said


def test_whoever_does_not_agree_is_not_logged_in(person: Cli, secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(f"n\n{secure.password}\n"))
    assert _login(person, secure)[0] != 0


def test_a_script_names_the_authority_in_its_environment(
    person: Cli, secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    _login(person, secure, "--ca", secure.fingerprint)
    token = str(person.ok("token", "create", "script", "--json").json["token"])
    monkeypatch.setenv("HYTOPUS_CONFIG", "/nonexistent/config.toml")
    monkeypatch.setenv("HYTOPUS_URL", secure.url)
    monkeypatch.setenv("HYTOPUS_TOKEN", token)
    refused = person("whoami")
    assert refused.code != 0
    assert "HYTOPUS_CA" in refused.err
    monkeypatch.setenv("HYTOPUS_CA", str(secure.ca))
    person.ok("whoami")


def test_panel_api_and_command_line_go_through_a_rotation(person: Cli, secure: Secure, tmp_path: Path) -> None:
    """Whoever ran it changes over; whoever believes only the former authority is told, and sends nothing."""
    former = secure.ca.read_text()
    _login(person, secure, "--ca", secure.fingerprint)
    shown = person.ok("brain", "ca", "rotate", "--yes", "--json").json
    assert [each["state"] for each in shown["items"]] == ["signing", "serving"]
    assert "Every node has changed over" in person.ok("brain", "ca", "show").out
    assert "ca_rotation" in [each["code"] for each in person("doctor", "--json").json]
    shown = person.ok("brain", "ca", "retire", "--yes", "--json").json
    assert [each["state"] for each in shown["items"]] == ["current", "retired"]
    eventually_sync(lambda: secure.ca.read_text() != former, what="the new authority on disk")
    eventually_sync(lambda: person("whoami").code == 0, what="the API under the new authority")
    assert secure.fingerprint == shown["items"][0]["fingerprint"]
    (tmp_path / "former.pem").write_text(former)
    code, said = _login(person, secure, "--ca", str(tmp_path / "former.pem"))
    assert code != 0
    assert "does not trust" in said
