"""What can be wrong with a question about files before a node is asked."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class NoNodeToAsk(HytopusError):
    code: ClassVar[str] = "no_node_to_ask"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "Only a node can look into templates, and no node is connected."
    remedy: ClassVar[str] = "Start the agent of a node (`hytopus node list` shows them), or join one."
    retryable: ClassVar[bool] = True


class ChangesToBeDiscarded(HytopusError):
    code: ClassVar[str] = "changes_to_be_discarded"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The next start of {instance} throws its own files away, and this one with them."
    remedy: ClassVar[str] = "Start it once, so that it is built anew, stop it, and write the file then."


class LengthMissing(HytopusError):
    code: ClassVar[str] = "length_missing"
    status: ClassVar[int] = 411
    template: ClassVar[str] = "The request does not say how long the file is."
    remedy: ClassVar[str] = "Send it with a `Content-Length`."


class FileOfAnotherLength(HytopusError):
    code: ClassVar[str] = "file_of_another_length"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The node sent another number of bytes than the {announced} it had announced."
    remedy: ClassVar[str] = "The file may have changed meanwhile: fetch it again."
    retryable: ClassVar[bool] = True
