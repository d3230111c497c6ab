"""Logging in, users, tokens, and what each role may."""

from __future__ import annotations

import io
import re
import stat
from pathlib import Path

import pyotp
import pytest

from tests.integration.cli.conftest import Brain, Cli

PASSWORD = "correct horse battery"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Standard input holds the password."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    return monkeypatch


def test_strangers_are_told_to_log_in(stranger: Cli) -> None:
    refused = stranger("instance", "list")
    assert refused.code == 4
    assert "hytopus login" in refused.err


def test_logging_in_and_out(stranger: Cli, brain: Brain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert brain.access.password is not None
    monkeypatch.setattr("sys.stdin", io.StringIO(brain.access.password + "\n"))
    stranger.ok("login", brain.url, "--user", "admin", "--password-stdin")
    config = tmp_path / "home" / "config.toml"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert brain.access.password not in config.read_text()
    monkeypatch.delenv("HYTOPUS_URL")
    assert stranger.ok("whoami", "--json").json["user"]["name"] == "admin"
    stranger.ok("logout")
    assert stranger("whoami").code == 4


def test_a_wrong_password(stranger: Cli, typed: pytest.MonkeyPatch) -> None:
    refused = stranger("login", "--user", "admin", "--password-stdin")
    assert refused.code == 4
    assert PASSWORD not in refused.err


class Person(io.StringIO):
    """Types line after line at a terminal, and where the lines end, the code that the app shows."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *lines: str) -> None:
        super().__init__("".join(f"{line}\n" for line in lines))
        self._capsys = capsys

    def isatty(self) -> bool:
        return True

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]  # typeshed: bytes of the base class
        return super().readline(size) or self._code()

    def _code(self) -> str:
        shown = "".join(self._capsys.readouterr())
        secret = re.search(r"into your app: (\w+)", shown)
        assert secret, shown
        return pyotp.TOTP(secret[1]).now() + "\n"


def test_a_login_with_a_second_factor(
    cli: Cli, brain: Brain, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def person_types(*lines: str) -> None:
        monkeypatch.setattr("sys.stdin", Person(capsys, *lines))

    person_types(PASSWORD)
    cli.ok("user", "create", "sam", "--password-stdin")
    monkeypatch.delenv("HYTOPUS_TOKEN")
    person_types(PASSWORD)
    cli.ok("login", brain.url, "--user", "sam", "--password-stdin")
    assert "(this one)" in cli.ok("session", "list").out
    person_types(PASSWORD)
    codes = re.findall(r"^  (\S+)$", cli.ok("second-factor", "enrol", "--password-stdin").out, re.MULTILINE)
    person_types(PASSWORD, "000000")
    assert "wrong" in cli("login", "--user", "sam", "--password-stdin").err
    person_types(PASSWORD, codes[0])
    cli.ok("login", "--user", "sam", "--password-stdin")
    person_types(PASSWORD)
    assert "wrong" in cli("second-factor", "disable", "--password-stdin", "--code", codes[0]).err
    person_types(PASSWORD)
    cli.ok("second-factor", "disable", "--password-stdin", "--code", codes[1])
    cli.ok("session", "end-others")


def test_users_come_change_and_go(cli: Cli, typed: pytest.MonkeyPatch) -> None:
    cli.ok("user", "create", "robin", "--role", "operator", "--password-stdin")
    assert "robin" in cli.ok("user", "list").out
    assert cli.ok("user", "change", "robin", "--role", "viewer", "--disable", "--json").json["disabled"]
    assert (
        "eu" in cli.ok("user", "change", "robin", "--region", "eu", "--tag", "ssd", "--json").json["scope"]["regions"]
    )
    assert "region eu, tag ssd" in cli.ok("user", "list").out
    assert cli.ok("user", "change", "robin", "--everywhere", "--json").json["scope"] == {
        "regions": [],
        "tags": [],
        "others": [],
    }
    cli.ok("user", "remove", "robin", "--yes")
    assert cli("user", "change", "robin", "--role", "viewer").code == 3


def test_a_viewers_token_may_look_and_not_touch(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    token = cli.ok("token", "create", "board", "--role", "viewer", "--expires", "1h", "--json").json["token"]
    monkeypatch.setenv("HYTOPUS_TOKEN", token)
    cli.ok("instance", "list")
    refused = cli("template", "delete", "anything", "--yes")
    assert refused.code == 4


def test_a_revoked_token_is_refused(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    token = cli.ok("token", "create", "lost", "--json").json["token"]
    assert "lost" in cli.ok("token", "list").out
    cli.ok("token", "revoke", "lost")
    assert cli("token", "revoke", "lost").code == 3
    monkeypatch.setenv("HYTOPUS_TOKEN", token)
    assert cli("whoami").code == 4


def test_the_audit_log_knows(cli: Cli) -> None:
    cli.ok("token", "create", "audited", "--json")
    records = cli.ok("audit", "--action", "token.", "--since", "1h", "--json").json
    assert any(record["target"].endswith("/audited") for record in records)
    assert "token.create" in cli.ok("audit", "--action", "token.").out
