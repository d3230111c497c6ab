"""Nothing of a sealed file can be changed, cut or moved without being noticed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.brain.backups.errors import BadBackupKey
from hytopus.brain.backups.sealing import PIECE, BackupKey, SealBroken, Sealer, unseal

KEY = BackupKey(bytes(range(32)))
SALT = b"s" * 16
SIZES = [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE]


def sealed(data: bytes, *, key: BackupKey = KEY) -> bytes:
    below = io.BytesIO()
    sealer = Sealer(below, key, SALT)
    sealer.write(data)
    sealer.close()
    return below.getvalue()


def opened(data: bytes, *, key: BackupKey = KEY, salt: bytes = SALT) -> bytes:
    return b"".join(unseal(io.BytesIO(data), key, salt))


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_comes_back(size: int) -> None:
    data = bytes(index % 251 for index in range(size))
    assert opened(sealed(data)) == data


@pytest.mark.parametrize("size", SIZES)
def test_an_end_that_was_cut_off_is_noticed(size: int) -> None:
    whole = sealed(bytes(size))
    for end in {len(whole) - 1, len(whole) // 2, max(0, len(whole) - PIECE - 16), 0} - {len(whole)}:
        with pytest.raises(SealBroken):
            opened(whole[:end])


def test_pieces_cannot_change_places() -> None:
    whole = sealed(bytes(PIECE) + b"x" * PIECE + b"end")
    size = PIECE + 16
    with pytest.raises(SealBroken):
        opened(whole[size : 2 * size] + whole[:size] + whole[2 * size :])
    with pytest.raises(SealBroken):
        opened(whole[:size] + whole[:size] + whole[size:])


@given(st.binary(max_size=200), st.data())
def test_a_single_changed_bit_is_noticed(data: bytes, draw: st.DataObject) -> None:
    whole = bytearray(sealed(data))
    place = draw.draw(st.integers(0, len(whole) * 8 - 1))
    whole[place // 8] ^= 1 << place % 8
    with pytest.raises(SealBroken):
        opened(bytes(whole))


def test_another_key_or_salt_opens_nothing() -> None:
    with pytest.raises(SealBroken):
        opened(sealed(b"data"), key=BackupKey.make())
    with pytest.raises(SealBroken):
        opened(sealed(b"data"), salt=b"t" * 16)


def test_a_key_is_kept_in_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    key = BackupKey.make()
    key.write(tmp_path / "backup.key")
    assert BackupKey.read(tmp_path / "backup.key") == key
    assert (tmp_path / "backup.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        BackupKey.make().write(tmp_path / "backup.key")


@pytest.mark.parametrize("text", ["", "hytopus-backup-key-", "hytopus-backup-key-AAAA", "AAAA", "hytopus-backup-key-é"])
def test_what_is_no_key_is_refused_with_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "k").write_text(text)
    with pytest.raises(BadBackupKey, match="/k cannot be used"):
        BackupKey.read(tmp_path / "k")
    with pytest.raises(BadBackupKey):
        BackupKey.read(tmp_path / "missing")
