"""One certificate authority takes the place of another while nodes are connected, over real TLS."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from sqlalchemy import select

from hytopus.brain.activity.actor import SYSTEM
from hytopus.brain.activity.models import AuditRecord
from hytopus.brain.authority import rotation
from hytopus.brain.authority.ca import Authority, read_signing_request
from hytopus.brain.authority.errors import (
    AuthorityDamaged,
    ForeignAuthority,
    NodesDepend,
    NoRotation,
    RotationUnderWay,
)
from hytopus.brain.authority.keeper import open_authority
from hytopus.brain.authority.keys import load_signer
from hytopus.brain.authority.rotation import Dependent
from hytopus.brain.gateway.errors import NodeOffline
from hytopus.kit.files import unfinished
from hytopus.node.identity import load_identity, signing_request
from hytopus.node.link.dialer import GrpcDialer
from hytopus.node.link.errors import LinkRefused
from hytopus.node.link.renewal import renew
from hytopus.wire.channel import LinkClosed
from hytopus.wire.messages import Answer, PeerAsk
from hytopus.wire.network import CLIENT_OPTIONS
from hytopus.wire.peers import call_ask
from tests.integration.link.test_several_brains import both
from tests.integration.link.test_several_brains import other as other
from tests.integration.link.world import Arm, Brain, running_arm
from tests.services.waiting import eventually


async def rotate(brain: Brain) -> str:
    """The fingerprint of the new one."""
    async with brain.database.write() as session:
        return (await rotation.rotate(session, actor=SYSTEM, at=brain.clock.now())).fingerprint


async def retire(brain: Brain, *, force: bool = False) -> None:
    async with brain.database.write() as session:
        await rotation.retire(session, force=force, actor=SYSTEM, at=brain.clock.now())


async def waiting(brain: Brain) -> list[Dependent]:
    async with brain.database.read() as session:
        newest = (await rotation.records(session))[-1].fingerprint
        return await rotation.dependents(session, newest, at=brain.clock.now())


async def changed_over(brain: Brain, *arms: Arm) -> None:
    followed: Callable[[], Any] = lambda: _has_followed(brain, arms)  # noqa: E731
    await eventually(followed, timeout=20, what="the nodes to change over")


async def _has_followed(brain: Brain, arms: tuple[Arm, ...]) -> bool:
    return not await waiting(brain) and all(arm.link.connected for arm in arms)


async def answers(brain: Brain, arm: Arm) -> None:
    """The Brain reaches the node, which may be dialling anew in this very moment."""
    arm.agent.answers["cache"] = {"versions": []}

    async def reached() -> bool:
        try:
            return await brain.reach.ask(arm.identity.node_id, "cache") == {"versions": []}
        except NodeOffline:
            return False

    look: Callable[[], Any] = reached
    await eventually(look, timeout=20, what="the node to answer")


async def refusal(arm: Arm) -> LinkRefused:
    await eventually(arm.task.done, what="the node to give up")
    with pytest.raises(LinkRefused) as caught:
        await arm.task
    return caught.value


async def test_a_node_goes_through_a_whole_rotation_by_itself(brain: Brain, arm: Arm) -> None:
    former = brain.authority.fingerprint
    fresh = await rotate(brain)
    await changed_over(brain, arm)
    assert set(arm.identity.trusts()) == {former, fresh}
    signed = brain.authority.identify(arm.identity.certificate_pem)
    assert signed is not None
    assert signed.authority == fresh
    assert brain.authority.fingerprint == former, "whoever has not followed must still believe the Brain"
    await answers(brain, arm)

    await retire(brain)
    await eventually(lambda: brain.authority.fingerprint == fresh, what="the Brain to serve under the new one")
    await eventually(lambda: arm.identity.trusts() == (fresh,), what="the node to believe only the new one")
    await answers(brain, arm)
    assert load_identity(arm.identity.directory) == arm.identity


async def test_nodes_come_back_to_a_brain_that_starts_again_after_it(stopped_brain: Brain, tmp_path: Path) -> None:
    async with stopped_brain.serving():
        identity = await stopped_brain.joined(tmp_path / "node")
        async with running_arm(identity) as arm:
            await arm.connected()
            fresh = await rotate(stopped_brain)
            await changed_over(stopped_brain, arm)
            await retire(stopped_brain)
            await eventually(lambda: identity.trusts() == (fresh,))
    async with stopped_brain.serving(), running_arm(identity) as again:
        await again.connected()
    on_disk = load_signer(stopped_brain.directory / "ca")
    assert on_disk is not None
    assert on_disk.fingerprint == fresh
    async with stopped_brain.database.read() as session:
        keys = {each.fingerprint: each.key_pem for each in await rotation.records(session)}
    assert [bool(key) for key in keys.values()] == [False, True], "the key of a retired authority is forgotten"


async def test_brains_on_one_database_change_together(brain: Brain, other: Brain, arm: Arm) -> None:
    async with both(brain, other):
        fresh = await rotate(other)
        await changed_over(brain, arm)
        await retire(other)
        for each in (brain, other):
            await eventually(lambda each=each: each.authority.fingerprint == fresh)  # type: ignore[misc]
        await eventually(lambda: arm.identity.trusts() == (fresh,))
        for each in (brain, other):
            await answers(each, arm)


async def test_nodes_that_are_away_keep_the_former_one_from_retiring(brain: Brain, tmp_path: Path) -> None:
    identity = await brain.joined(tmp_path / "node", "oak")
    await rotate(brain)
    with pytest.raises(NodesDepend, match="1 nodes would be locked out: oak"):
        await retire(brain)
    async with running_arm(identity) as arm:
        await changed_over(brain, arm)
    await retire(brain)


async def test_who_missed_it_all_is_told_what_to_do(brain: Brain, tmp_path: Path) -> None:
    identity = await brain.joined(tmp_path / "node")
    fresh = await rotate(brain)
    await retire(brain, force=True)
    await eventually(lambda: brain.authority.fingerprint == fresh)
    async with running_arm(identity) as arm:
        await eventually(lambda: arm.link.last_problem is not None)
        problem = arm.link.last_problem
        assert problem is not None
        assert problem.code == "ca_mismatch"
        assert "join again" in problem.remedy


async def test_an_old_certificate_is_refused_after_the_retirement(brain: Brain, tmp_path: Path) -> None:
    """Its machine learned whom to believe, but lost the certificate that it got: from a snapshot of its disk, say."""
    identity = await brain.joined(tmp_path / "node")
    old = (identity.directory / "cert.pem").read_bytes()
    await rotate(brain)
    dialer = GrpcDialer(identity)
    await eventually(lambda: brain.authority.ring.rotating)
    assert await renew(identity, dialer)
    (identity.directory / "cert.pem").write_bytes(old)
    await retire(brain, force=True)
    await eventually(lambda: not brain.authority.ring.rotating)
    assert not await renew(identity, dialer)
    await dialer.close()
    async with running_arm(identity) as arm:
        error = await refusal(arm)
    assert error.code == "certificate_revoked"
    assert "authority that signed it was retired" in error.message
    assert "Join this machine again" in error.advice


async def test_a_session_on_an_old_certificate_is_cut_when_its_authority_is_retired(brain: Brain, arm: Arm) -> None:
    unfinished(arm.identity.directory / "ca.pem").mkdir()  # so that it cannot follow: nothing can be written there
    await rotate(brain)
    await eventually(lambda: brain.authority.ring.rotating)
    await retire(brain, force=True)
    assert (await refusal(arm)).code == "certificate_revoked"


async def test_the_key_of_a_retired_authority_opens_nothing(brain: Brain, arm: Arm) -> None:
    stolen = load_signer(brain.directory / "ca")
    assert stolen is not None
    await rotate(brain)
    await changed_over(brain, arm)
    await retire(brain)
    await eventually(lambda: not brain.authority.ring.rotating)
    await eventually(lambda: arm.link.connected)
    forger = Authority(stolen, (), brain.clock)
    csr = read_signing_request(signing_request(arm.identity.directory))
    (arm.identity.directory / "forged").mkdir()
    for name in ("key.pem", "ca.pem", "node.json"):
        shutil.copy(arm.identity.directory / name, arm.identity.directory / "forged" / name)
    forged = replace(arm.identity, directory=arm.identity.directory / "forged")
    (forged.directory / "cert.pem").write_text(forger.sign_node(arm.identity.node_id, csr).certificate_pem)
    dialer = GrpcDialer(forged)
    assert not await renew(forged, dialer)
    await dialer.close()
    async with running_arm(forged) as thief:
        assert (await refusal(thief)).code == "certificate_revoked"
    await answers(brain, arm)
    key, certificate = forger.server_certificate()
    answer = await _asked(brain, arm, key, certificate)
    assert answer.problem is not None
    assert answer.problem.code == "not_a_brain_calling"


async def test_a_stranger_with_the_same_names_is_not_let_in(brain: Brain, arm: Arm, tmp_path: Path) -> None:
    stranger = await Authority.open(tmp_path / "stranger", clock=brain.clock)
    assert brain.authority.identify(_of(stranger, arm)) is None
    key, certificate = stranger.server_certificate()
    assert not brain.authority.is_brain(certificate)
    with pytest.raises(LinkClosed):
        await _asked(brain, arm, key, certificate)


async def test_only_one_rotation_at_a_time(brain: Brain) -> None:
    with pytest.raises(NoRotation):
        await retire(brain)
    await rotate(brain)
    with pytest.raises(RotationUnderWay):
        await rotate(brain)
    async with brain.database.read() as session:
        actions = list(await session.scalars(select(AuditRecord.action)))
    assert actions.count("authority.rotate") == 1


async def test_a_brain_without_the_files_gets_them_and_one_with_others_is_refused(brain: Brain, tmp_path: Path) -> None:
    made = await open_authority(brain.database, tmp_path / "empty", names=[], clock=brain.clock)
    assert made.fingerprint == brain.authority.fingerprint
    assert (tmp_path / "empty" / "ca.key").stat().st_mode & 0o777 == 0o600
    await Authority.open(tmp_path / "foreign", clock=brain.clock)
    with pytest.raises(ForeignAuthority, match="none of those of this database"):
        await open_authority(brain.database, tmp_path / "foreign", names=[], clock=brain.clock)


async def test_a_key_that_cannot_be_unsealed_any_more_is_taken_from_the_disk(brain: Brain, tmp_path: Path) -> None:
    async with brain.database.write() as session:
        (row,) = await rotation.records(session, lock=True)
        row.key_pem = None
    with pytest.raises(AuthorityDamaged, match="lacks the key of"):
        await open_authority(brain.database, tmp_path / "elsewhere", names=[], clock=brain.clock)
    again = await open_authority(brain.database, brain.directory / "ca", names=[], clock=brain.clock)
    assert again.fingerprint == brain.authority.fingerprint
    assert (
        await open_authority(brain.database, tmp_path / "other", names=[], clock=brain.clock)
    ).ca_pem == again.ca_pem


def _of(authority: Authority, arm: Arm) -> bytes:
    csr = read_signing_request(signing_request(arm.identity.directory))
    return authority.sign_node(arm.identity.node_id, csr).certificate_pem.encode()


async def _asked(brain: Brain, arm: Arm, key: bytes, certificate: bytes) -> Answer:
    """What the Brain answers to whoever comes with this certificate."""
    credentials = grpc.ssl_channel_credentials(arm.identity.ca_pem, key, certificate)
    address = f"127.0.0.1:{brain.ports[0]}"
    async with grpc.aio.secure_channel(address, credentials, options=CLIENT_OPTIONS) as channel:
        return await call_ask(channel, PeerAsk(arm.identity.node_id, "cache"), timeout=5)
