"""The lock, the ports, the disk, and the S3 server's command line."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hytopus.up import seaweed
from hytopus.up.errors import AlreadyUp, DiskTooFull, PortTaken
from hytopus.up.lock import only_one
from hytopus.up.options import UpOptions
from hytopus.up.preflight import check_disk, check_port
from tests.services.ports import free_port


def test_a_second_up_is_told_who_is_first(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(AlreadyUp, match=f"process {os.getpid()} "), only_one(tmp_path):
        pass


def test_the_lock_ends_with_its_holder(tmp_path: Path) -> None:
    code = "import sys, os; from pathlib import Path; from hytopus.up.lock import only_one\n"
    code += "with only_one(Path(sys.argv[1])): os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False, timeout=30).returncode == 9
    with only_one(tmp_path):
        assert (tmp_path / "up.lock").read_text() == str(os.getpid())


def test_a_taken_port_is_named_with_its_holder() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"Port {port} is taken by .* \(process {os.getpid()}\)"):
            check_port("127.0.0.1", port)


def test_a_free_port_passes() -> None:
    check_port("127.0.0.1", free_port())


def test_a_full_disk_is_noticed_early(tmp_path: Path) -> None:
    with pytest.raises(DiskTooFull, match="are needed to begin"):
        check_disk(tmp_path, needed_mb=10**9)


def test_all_ports_move_together(tmp_path: Path) -> None:
    options = UpOptions(tmp_path, port=9420)
    ports = options.ports()
    assert len(set(ports)) == len(ports)
    assert set(range(9420, 9424)) < set(ports)
    assert {port for port in ports if port < 19_000} == {*range(9420, 9424), *range(9430, 9440)}


def test_an_s3_of_ones_own_needs_no_ports_here(tmp_path: Path) -> None:
    assert UpOptions(tmp_path, s3_url="s3://bucket").ports() == (8420, 8421, 8422, 8423)


def test_a_host_name_becomes_a_node_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Game_Host 7.example.org")
    assert UpOptions(tmp_path).chosen_name() == "game_host-7"


def test_the_s3_server_is_private(tmp_path: Path) -> None:
    keys = seaweed.prepare(tmp_path)
    assert seaweed.prepare(tmp_path) == keys, "the keys must not change when it starts again"
    assert stat.S_IMODE((tmp_path / "s3.json").stat().st_mode) == 0o600
    command = seaweed.command(Path("weed"), tmp_path, seaweed.Ports.starting_at(9000))
    assert {"-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"} < set(command)
    assert not any(keys.secret_key in part for part in command), "everybody can read command lines"
