"""Templates from a directory to the store and back."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Cli
from tests.services.proxy import Proxy
from tests.services.seaweed import S3

pytestmark = pytest.mark.s3


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    folder = tmp_path / "layer"
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "server.json").write_text('{"name": "${SERVER_NAME}"}\n')
    (folder / "start.sh").write_text("#!/bin/sh\n")
    (folder / "start.sh").chmod(0o755)
    (folder / "template.toml").write_text('type = "master"\ndescription = "A base"\ntags = ["pvp", "eu"]\n')
    return folder


def test_a_layer_goes_to_the_store_and_comes_back(cli: Cli, layer: Path, tmp_path: Path) -> None:
    pushed = cli.ok("template", "push", str(layer), "roundtrip@1.0.0", "--json").json
    assert pushed["sent"]
    pulled = tmp_path / "pulled"
    cli.ok("template", "pull", "roundtrip@1.0.0", "--unpacked", "--output", str(pulled))
    for path in ("config/server.json", "start.sh", "template.toml"):
        assert (pulled / path).read_bytes() == (layer / path).read_bytes()
    assert (pulled / "start.sh").stat().st_mode & 0o777 == 0o755


def test_pushing_again_does_nothing(cli: Cli, layer: Path) -> None:
    first = cli.ok("template", "push", str(layer), "again@1", "--json").json
    os.utime(layer / "start.sh", (1, 1))
    second = cli.ok("template", "push", str(layer), "again@1", "--json").json
    assert (first["sent"], second["sent"]) == (True, False)
    assert first["checksum"] == second["checksum"]


def test_a_version_never_changes(cli: Cli, layer: Path) -> None:
    cli.ok("template", "push", str(layer), "fixed@1")
    (layer / "start.sh").write_text("#!/bin/bash\n")
    refused = cli("template", "push", str(layer), "fixed@1")
    assert refused.code == 5
    assert "exists already" in refused.err


def test_without_a_version_it_is_the_next_number(cli: Cli, layer: Path) -> None:
    counted = layer.rename(layer.with_name("counted"))
    assert cli.ok("template", "push", str(counted), "--json").json["version"] == "1"
    again = cli.ok("template", "push", str(counted), "--json").json
    assert (again["version"], again["sent"]) == ("1", False)
    (counted / "start.sh").write_text("#!/bin/bash\n")
    assert cli.ok("template", "push", str(counted), "counted", "--json").json["version"] == "2"


def test_numbers_do_not_follow_names(cli: Cli, layer: Path) -> None:
    cli.ok("template", "push", str(layer), "named@1.0.0-beta")
    (layer / "start.sh").write_text("#!/bin/bash\n")
    refused = cli("template", "push", str(layer), "named")
    assert refused.code == 2
    assert "1.0.0-beta" in refused.err


def test_lists_are_filtered_by_type_and_tags_and_details_name_the_object(cli: Cli, layer: Path) -> None:
    cli.ok("template", "push", str(layer), "listed@1")
    cli.ok("template", "push", str(layer), "listed@2")
    found = cli.ok("template", "list", "listed", "--type", "master", "--tag", "pvp", "--tag", "eu", "--json").json
    assert [(each["id"], each["versions"], each["newest"]["version"]) for each in found] == [("listed", 2, "2")]
    assert cli.ok("template", "list", "listed", "--tag", "us", "--json").json == []
    assert "A base" in cli.ok("template", "show", "listed").out
    assert "templates/listed/1/" in cli.ok("template", "show", "listed@1").out


def test_deleting_asks_first_and_then_forgets_the_version(cli: Cli, layer: Path) -> None:
    cli.ok("template", "push", str(layer), "doomed@1")
    unasked = cli("template", "delete", "doomed@1")
    assert unasked.code == 2
    assert "--yes" in unasked.err
    cli.ok("template", "delete", "doomed@1", "--yes")
    assert cli("template", "show", "doomed@1").code == 3


def test_an_archive_can_be_pushed(cli: Cli, layer: Path, tmp_path: Path) -> None:
    archive = tmp_path / "mine.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(layer, arcname=".")
    pushed = cli.ok("template", "push", str(archive), "archived@1", "--json").json
    assert (pushed["format"], pushed["files"]) == ("tar.gz", 2)


def test_a_hostile_archive_never_leaves_this_machine(cli: Cli, tmp_path: Path) -> None:
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as tar:
        entry = tarfile.TarInfo("../../etc/passwd")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"root"))
    refused = cli("template", "push", str(archive), "evil@1")
    assert refused.code == 1
    assert "../../etc/passwd" in refused.err
    assert cli("template", "show", "evil").code == 3


def test_what_is_neither_directory_nor_archive_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert cli("template", "push", str(tmp_path / "notes.txt"), "notes@1").code == 1
    assert cli("template", "push", str(tmp_path / "nowhere"), "nowhere@1").code == 1


def test_a_broken_line_costs_only_the_part_it_broke_in(cli: Cli, layer: Path, line: Proxy, tmp_path: Path) -> None:
    (layer / "world.bin").write_bytes(os.urandom(20_000_000))
    broken = line.broken
    line.break_next(3_000_000, 6_000_000)
    cli.ok("template", "push", str(layer), "flaky@1")
    line.break_next(2_000_000, 5_000_000)
    cli.ok("template", "pull", "flaky@1", "--unpacked", "--output", str(tmp_path / "back"))
    assert line.broken == broken + 4
    assert (tmp_path / "back" / "world.bin").read_bytes() == (layer / "world.bin").read_bytes()


def test_a_changed_object_is_not_accepted(cli: Cli, layer: Path, s3: S3, tmp_path: Path) -> None:
    version = cli.ok("template", "push", str(layer), "tampered@1", "--json").json
    client = s3.client()
    data = bytearray(client.get_object(Bucket=s3.bucket, Key=version["s3_key"])["Body"].read())
    data[-1] ^= 1
    client.put_object(Bucket=s3.bucket, Key=version["s3_key"], Body=bytes(data))
    client.close()
    target = tmp_path / "tampered.tar.zst"
    refused = cli("template", "pull", "tampered@1", "--output", str(target))
    assert refused.code == 1
    assert "has the checksum" in refused.err
    assert not target.exists()


def test_pull_overwrites_nothing(cli: Cli, layer: Path, tmp_path: Path) -> None:
    cli.ok("template", "push", str(layer), "careful@1")
    target = tmp_path / "mine"
    target.write_text("precious")
    assert cli("template", "pull", "careful@1", "--output", str(target)).code == 5
    assert target.read_text() == "precious"


def test_a_diff_names_what_was_changed_and_added_and_says_so_by_its_exit_code(cli: Cli, layer: Path) -> None:
    cli.ok("template", "push", str(layer), "differs@1")
    assert "No difference" in cli.ok("template", "diff", "differs@1", str(layer)).out
    (layer / "start.sh").write_text("#!/bin/bash\n")
    (layer / "new.txt").write_text("new")
    differs = cli("template", "diff", "differs@1", str(layer), "--json")
    assert differs.code == 1
    assert {(each["path"], each["kind"]) for each in differs.json} == {("start.sh", "changed"), ("new.txt", "added")}


def test_mistakes_are_found_before_pushing(cli: Cli, layer: Path) -> None:
    assert cli("template", "lint", str(layer)).code == 0
    (layer / "link").symlink_to("/etc/passwd")
    found = cli("template", "lint", str(layer), "--json")
    assert found.code == 1
    assert [each["path"] for each in found.json if each["level"] == "error"] == ["link"]


def test_packing_is_the_same_everywhere(cli: Cli, layer: Path, tmp_path: Path) -> None:
    one = cli.ok("template", "pack", str(layer), "--output", str(tmp_path / "one.tar.zst"), "--json").json
    os.utime(layer / "start.sh", (1, 1))
    two = cli.ok("template", "pack", str(layer), "--output", str(tmp_path / "two.tar.zst"), "--json").json
    assert one["checksum"] == two["checksum"]
