"""The language between Brain and Node: frozen values, named as in specification sections 4 and 5.

Node -> Brain: `RegisterNode` opens a session, then `Heartbeat` and `InstanceReport`, and `Answer` to what was asked.
Brain -> Node: `Welcome` or `Refused`, then commands. Commands are idempotent and may come again after any
reconnect; a node acts on one only if its generation is not older than the generation the node holds.

`origin` is the id of the API request that something goes back to (`kit/requests.py`), empty when nobody asked for it;
two commands that differ in nothing else are the same.
"""

from __future__ import annotations

from hytopus.wire.messages.commands import (
    DestroyInstance,
    PortBinding,
    PrepareInstance,
    StartInstance,
    StopInstance,
    TemplateLayer,
)
from hytopus.wire.messages.joining import (
    Certificates,
    JoinRequest,
    RenewRequest,
)
from hytopus.wire.messages.nodes import (
    Answer,
    Findings,
    Heartbeat,
    InstanceUsage,
    NodeFacts,
    NodeFinding,
    NodeLoad,
    RegisterNode,
    RenewUrls,
)
from hytopus.wire.messages.peers import (
    PeerAsk,
    PeerFile,
    PeerLines,
)
from hytopus.wire.messages.reports import (
    CrashReport,
    InstanceReport,
    NodeStatus,
    Problem,
)
from hytopus.wire.messages.session import (
    Ask,
    Brains,
    CrashReply,
    LeaseRenewed,
    OpenStream,
    PurgeCache,
    Refused,
    RenewCertificate,
    ReportsSeen,
    SetDevMode,
    Welcome,
)
from hytopus.wire.messages.streams import (
    LogLine,
    StreamFrame,
)

NodeMessage = RegisterNode | Heartbeat | InstanceReport | Answer | RenewUrls | CrashReport | Findings
"""Node -> Brain, in a session."""

InstanceCommand = PrepareInstance | StartInstance | StopInstance | DestroyInstance

BrainMessage = (
    Welcome
    | Refused
    | PrepareInstance
    | StartInstance
    | StopInstance
    | DestroyInstance
    | PurgeCache
    | SetDevMode
    | Ask
    | OpenStream
    | ReportsSeen
    | Brains
    | LeaseRenewed
    | CrashReply
    | RenewCertificate
)
"""Brain -> Node, in a session."""

JoinReply = Certificates | Refused

PeerFrame = PeerFile | StreamFrame
"""Brain -> Brain, about a file: the first, then the others."""

__all__ = [
    "Answer",
    "Ask",
    "BrainMessage",
    "Brains",
    "Certificates",
    "CrashReply",
    "CrashReport",
    "DestroyInstance",
    "Findings",
    "Heartbeat",
    "InstanceCommand",
    "InstanceReport",
    "InstanceUsage",
    "JoinReply",
    "JoinRequest",
    "LeaseRenewed",
    "LogLine",
    "NodeFacts",
    "NodeFinding",
    "NodeLoad",
    "NodeMessage",
    "NodeStatus",
    "OpenStream",
    "PeerAsk",
    "PeerFile",
    "PeerFrame",
    "PeerLines",
    "PortBinding",
    "PrepareInstance",
    "Problem",
    "PurgeCache",
    "Refused",
    "RegisterNode",
    "RenewCertificate",
    "RenewRequest",
    "RenewUrls",
    "ReportsSeen",
    "SetDevMode",
    "StartInstance",
    "StopInstance",
    "StreamFrame",
    "TemplateLayer",
    "Welcome",
]
