"""Where nodes reach this Brain."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class GatewaySettings(BaseModel):
    """Addresses of the gateway."""

    model_config = ConfigDict(extra="forbid")

    session_listen: str = "127.0.0.1:8421"
    """`host:port` for the sessions of nodes, with client certificates; port 0 takes a free one."""
    join_listen: str = "127.0.0.1:8422"
    """`host:port` for machines that join."""
    advertise_host: str = ""
    """The host nodes dial; empty: the host of the Brain's address they were given when they joined. Of several Brains
    each needs its own; nodes and the other Brains dial it."""
    names: list[str] = []
    """Further names and addresses to put into the server's certificate, for tools other than our nodes."""
