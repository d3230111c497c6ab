"""Why a Brain cannot run beside others."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError


class OtherAuthority(HytopusError):
    code: ClassVar[str] = "other_authority"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Brain {other} on this database has another certificate authority ({theirs}, not {ours})."
    remedy: ClassVar[str] = (
        "Copy the folder `ca` from that Brain's data directory into the one of this Brain and start it again; nodes "
        "must be able to trust every Brain."
    )


class CutOff(HytopusError):
    code: ClassVar[str] = "brain_cut_off"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "This Brain has not reached its database for {seconds:g} seconds; others serve the nodes."
    remedy: ClassVar[str] = "Look at the database and at the network between them; the Brain comes back by itself."
    retryable: ClassVar[bool] = True
