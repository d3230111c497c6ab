"""How a machine becomes a node, and all the ways in which it does not."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import select

from hytopus.brain.activity.models import Event
from hytopus.brain.authority.ca import Authority
from hytopus.brain.authority.models import NodeCertificate
from hytopus.errors import HytopusError
from hytopus.kit.clock import SystemClock
from hytopus.node.identity import AlreadyJoined, load_identity
from hytopus.node.link.errors import BadJoinToken, BrainUnreachable, CaMismatch, NotABrain
from hytopus.node.link.joining import join
from hytopus.wire.join import JoinSecret
from tests.integration.link.world import Brain
from tests.services.ports import free_port


async def refusal(brain: Brain, token: str, directory: Path, name: str = "arm-1") -> str:
    with pytest.raises(HytopusError) as caught:
        await join(brain.url, token, directory, name)
    assert caught.value.advice, "every refusal says what to do"
    return caught.value.code


async def test_a_machine_becomes_a_node(brain: Brain, tmp_path: Path) -> None:
    identity = await brain.joined(tmp_path / "node", "arm-7")
    assert load_identity(tmp_path / "node") == identity
    signed = brain.authority.identify(identity.certificate_pem)
    assert signed is not None
    assert signed.node_id == identity.node_id
    for name in ("key.pem", "cert.pem", "node.json"):
        assert (tmp_path / "node" / name).stat().st_mode & 0o777 == 0o600
    async with brain.database.read() as session:
        joined = await session.scalar(select(Event).where(Event.kind == "node.joined"))
        assert joined is not None
        assert "arm-7" in joined.message
        assert await session.get(NodeCertificate, signed.serial) is not None


async def test_a_token_serves_once(brain: Brain, tmp_path: Path) -> None:
    token = await brain.token()
    await join(brain.url, token, tmp_path / "first", "arm-1")
    assert await refusal(brain, token, tmp_path / "second", "arm-2") == "join_token_used"


async def test_two_machines_with_one_token_at_once(brain: Brain, tmp_path: Path) -> None:
    token = await brain.token()
    results = await asyncio.gather(
        *(join(brain.url, token, tmp_path / str(number), f"arm-{number}") for number in range(4)),
        return_exceptions=True,
    )
    assert sorted(getattr(result, "code", "joined") for result in results) == ["join_token_used"] * 3 + ["joined"]


async def test_the_same_machine_may_repeat_a_lost_answer(brain: Brain, tmp_path: Path) -> None:
    token = await brain.token()
    first = await join(brain.url, token, tmp_path / "node", "arm-1")
    for name in ("node.json", "cert.pem"):
        (tmp_path / "node" / name).unlink()
    again = await join(brain.url, token, tmp_path / "node", "arm-1")
    assert again.node_id == first.node_id


async def test_an_expired_token(brain: Brain, tmp_path: Path) -> None:
    token = await brain.token(lifetime=timedelta(seconds=-1))
    assert await refusal(brain, token, tmp_path / "node") == "join_token_expired"


async def test_a_forged_token(brain: Brain, tmp_path: Path) -> None:
    forged = str(JoinSecret("x" * 43, brain.authority.fingerprint))
    assert await refusal(brain, forged, tmp_path / "node") == "join_token_invalid"
    assert not (tmp_path / "node" / "node.json").exists()


async def test_a_stranger_never_waits_for_the_write_lock(brain: Brain, tmp_path: Path) -> None:
    forged = str(JoinSecret("x" * 43, brain.authority.fingerprint))
    async with brain.database.write(), asyncio.timeout(5):
        assert await refusal(brain, forged, tmp_path / "node") == "join_token_invalid"


async def test_a_token_for_another_name(brain: Brain, tmp_path: Path) -> None:
    token = await brain.token(name="arm-1")
    assert await refusal(brain, token, tmp_path / "node", "arm-2") == "join_token_for_other_node"
    await join(brain.url, token, tmp_path / "node", "arm-1")


async def test_a_name_that_is_taken_leaves_the_token_alone(brain: Brain, tmp_path: Path) -> None:
    await brain.joined(tmp_path / "first", "arm-1")
    token = await brain.token()
    assert await refusal(brain, token, tmp_path / "second", "arm-1") == "node_name_taken"
    await join(brain.url, token, tmp_path / "second", "arm-2")


async def test_a_brain_with_another_ca_gets_no_secret(brain: Brain, tmp_path: Path) -> None:
    other = await Authority.open(tmp_path / "other-ca", clock=SystemClock())
    secret = JoinSecret.parse(await brain.token())
    assert secret is not None
    with pytest.raises(CaMismatch):
        await join(brain.url, str(JoinSecret(secret.secret, other.fingerprint)), tmp_path / "node", "arm-1")
    await join(brain.url, str(secret), tmp_path / "node", "arm-1")


async def test_half_a_token_is_refused(brain: Brain, tmp_path: Path) -> None:
    with pytest.raises(BadJoinToken):
        await join(brain.url, (await brain.token()).partition(".")[0], tmp_path / "node", "arm-1")


async def test_a_machine_that_has_joined_does_not_join_again(brain: Brain, tmp_path: Path) -> None:
    await brain.joined(tmp_path / "node")
    with pytest.raises(AlreadyJoined):
        await brain.joined(tmp_path / "node", "arm-2")


async def test_an_address_where_nobody_answers_is_said_to_be_that(brain: Brain, tmp_path: Path) -> None:
    with pytest.raises(BrainUnreachable):
        await join(f"http://127.0.0.1:{free_port()}", await brain.token(), tmp_path / "node", "arm-1")


async def test_an_address_where_something_else_answers_is_said_to_be_that(brain: Brain, tmp_path: Path) -> None:
    with pytest.raises(NotABrain):
        await join(brain.url + "/elsewhere", await brain.token(), tmp_path / "node", "arm-1")


async def test_the_authority_is_made_once(tmp_path: Path) -> None:
    first = await Authority.open(tmp_path / "ca", clock=SystemClock())
    second = await Authority.open(tmp_path / "ca", clock=SystemClock())
    assert first.fingerprint == second.fingerprint
    assert (tmp_path / "ca" / "ca.key").stat().st_mode & 0o777 == 0o600
    certificate = x509.load_pem_x509_certificate(second.server_certificate()[1])
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(first.ca_pem.encode()))
    assert ssl.PEM_cert_to_DER_cert(first.ca_pem)
