"""Which Brain, and as whom."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from hytopus.cli.connection import credentials
from hytopus.cli.connection.credentials import BadCredentialsFile, Credentials


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "hytopus" / "config.toml"
    monkeypatch.setenv("HYTOPUS_CONFIG", str(file))
    monkeypatch.delenv("HYTOPUS_URL", raising=False)
    monkeypatch.delenv("HYTOPUS_TOKEN", raising=False)
    return file


def test_without_a_login_it_is_the_local_brain_and_nobody() -> None:
    assert credentials.resolve() == Credentials(credentials.DEFAULT_URL, None)


def test_what_was_saved_is_found_and_private(config: Path) -> None:
    credentials.save(Credentials("https://brain.example", 'hyt_"quoted"'))
    assert credentials.resolve() == Credentials("https://brain.example", 'hyt_"quoted"')
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_a_token_is_never_sent_to_another_brain() -> None:
    credentials.save(Credentials("https://brain.example", "hyt_secret"))
    assert credentials.resolve("https://other.example").token is None


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.save(Credentials("https://brain.example", "hyt_saved"))
    monkeypatch.setenv("HYTOPUS_URL", "https://other.example/")
    monkeypatch.setenv("HYTOPUS_TOKEN", "hyt_given")
    assert credentials.resolve() == Credentials("https://other.example", "hyt_given")


def test_forgetting_keeps_the_address() -> None:
    credentials.save(Credentials("https://brain.example", "hyt_secret"))
    credentials.forget()
    assert credentials.load() == Credentials("https://brain.example", None)


@pytest.mark.parametrize("text", ["not toml", "token = 'x'\n"])
def test_a_broken_file_is_named(config: Path, text: str) -> None:
    config.parent.mkdir(parents=True)
    config.write_text(text)
    with pytest.raises(BadCredentialsFile, match=str(config)):
        credentials.load()


@pytest.mark.parametrize(
    ("url", "readable"),
    [
        ("https://brain.example", False),
        ("http://127.0.0.1:8420", False),
        ("http://[::1]:8420", False),
        ("http://localhost:8420", False),
        ("http://brain.example", True),
        ("http://10.0.0.1:8420", True),
        ("https://one.example, http://two.example", True),
        ("http://localhost.example", True),
    ],
)
def test_an_address_on_whose_way_somebody_can_read(url: str, readable: bool) -> None:
    assert credentials.is_open(url) is readable
