"""A node of an older release, as its peer has it: whatever that release did not know is dropped on the way.

`contracts/protocol_N` holds the contract as it first went out with that number. The agent is today's; what it says and
hears goes through the messages of then, with the fields of then.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc  # type: ignore[import-untyped]

from hytopus.wire.channel import NodeChannel
from hytopus.wire.codec import BRAIN, NODE
from hytopus.wire.messages import BrainMessage, NodeMessage

CONTRACTS: Final = Path(__file__).parent / "contracts"
_SESSION: Final = "hytopus/wire/v1/session.proto"


class Contract:
    """The messages of a session as they once were."""

    def __init__(self, pool: DescriptorPool) -> None:
        self._node = GetMessageClass(pool.FindMessageTypeByName("hytopus.wire.v1.NodeMessage"))
        self._brain = GetMessageClass(pool.FindMessageTypeByName("hytopus.wire.v1.BrainMessage"))

    def node(self, message: NodeMessage) -> NodeMessage | None:
        """What is left of it; None for a kind of message that there was not."""
        return NODE.decode(_known(self._node, NODE.encode(message)))

    def brain(self, message: BrainMessage) -> BrainMessage | None:
        return BRAIN.decode(_known(self._brain, BRAIN.encode(message)))


class OlderChannel:
    """The node's end of a session, which speaks an older contract."""

    def __init__(self, channel: NodeChannel, contract: Contract) -> None:
        self._channel, self._contract = channel, contract

    async def send(self, message: NodeMessage) -> None:
        if (left := self._contract.node(message)) is not None:
            await self._channel.send(left)

    async def receive(self) -> BrainMessage | None:
        while (message := await self._channel.receive()) is not None:
            if (left := self._contract.brain(message)) is not None:
                return left
        return None

    async def close(self) -> None:
        await self._channel.close()


@cache
def contract_of(protocol: int) -> Contract:
    """As it first went out with that number."""
    directory, pool = CONTRACTS / f"protocol_{protocol}", DescriptorPool()
    with tempfile.NamedTemporaryFile() as compiled:
        arguments = [f"-I{directory}", f"--descriptor_set_out={compiled.name}", "--include_imports", _SESSION]
        assert protoc.main(["protoc", *arguments]) == 0, f"{directory} is no contract"
        for file in FileDescriptorSet.FromString(Path(compiled.name).read_bytes()).file:
            pool.Add(file)
    return Contract(pool)


def _known(kind: Any, data: bytes) -> bytes:
    message = kind.FromString(data)
    message.DiscardUnknownFields()
    known: bytes = message.SerializeToString()
    return known
