"""A node's identity on disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from cryptography import x509

from hytopus.node.identity import (
    DataDirectoryInUse,
    IdentityDamaged,
    NodeNotJoined,
    agent_id,
    load_identity,
    lock_data_directory,
    signing_request,
)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    first, second = signing_request(tmp_path), signing_request(tmp_path)
    keys = [x509.load_pem_x509_csr(csr.encode()).public_key() for csr in (first, second)]
    assert keys[0] == keys[1]
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


def test_a_copied_directory_is_another_agent(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    before = agent_id(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert agent_id(tmp_path / "a") == before
    assert agent_id(tmp_path / "b") != before


def test_two_agents_cannot_share_a_directory(tmp_path: Path) -> None:
    held, second = lock_data_directory(tmp_path), lock_data_directory(tmp_path)
    with held, pytest.raises(DataDirectoryInUse, match=str(os.getpid())), second:
        pass
    with lock_data_directory(tmp_path):
        pass


def test_a_machine_that_has_not_joined_has_no_identity(tmp_path: Path) -> None:
    with pytest.raises(NodeNotJoined):
        load_identity(tmp_path)


def test_a_damaged_identity_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "node.json").write_text("{}")
    with pytest.raises(IdentityDamaged) as caught:
        load_identity(tmp_path)
    assert caught.value.advice
