"""Where the Brain's settings come from, and which source wins."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from hytopus.brain.settings import load_settings
from hytopus.storage.errors import BadS3Url
from hytopus.storage.settings import Location, parse_url


def test_arguments_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "brain.toml"
    file.write_text('data_dir = "/from/file"\n[http]\nlisten = "10.0.0.1:1"\n[log]\nlevel = "debug"\n')
    monkeypatch.setenv("HYTOPUS_BRAIN__HTTP__LISTEN", "10.0.0.2:2")
    monkeypatch.setenv("HYTOPUS_BRAIN__STORAGE__SECRET_KEY", "hush")
    settings = load_settings(file, data_dir=Path("/given"))
    assert settings.data_dir == Path("/given")
    assert settings.http.listen == "10.0.0.2:2"
    assert settings.log.level == "debug"
    assert settings.database == "sqlite:////given/brain.db"
    assert "hush" not in repr(settings)


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "absent.toml")
    assert settings.http.listen == "127.0.0.1:8420"
    assert settings.database == "sqlite:////var/lib/hytopus/brain/brain.db"


def test_a_misspelt_setting_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "brain.toml"
    file.write_text('[http]\nlissten = "10.0.0.1:1"\n')
    with pytest.raises(ValidationError, match="lissten"):
        load_settings(file)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://bucket", Location("bucket", "", None, "us-east-1", False)),
        (
            "s3://b/a/b/?endpoint=http://h:1/&region=eu",
            Location("b", "a/b/", "http://h:1", "eu", True),
        ),
        (
            "s3://b?endpoint=https://h&path_style=0",
            Location("b", "", "https://h", "us-east-1", False),
        ),
    ],
)
def test_an_s3_url_is_taken_apart(url: str, location: Location) -> None:
    assert parse_url(url) == location


@pytest.mark.parametrize("url", ["http://b", "s3://", "bucket", "s3://b?endpoint=h:1", "s3://b?endpont=http://h"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(BadS3Url):
        parse_url(url)
