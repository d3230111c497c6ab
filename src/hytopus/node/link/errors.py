"""What can be wrong between a node and its Brain, with what to do about each."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError
from hytopus.wire.problems import PeerProblem


class LinkRefused(PeerProblem):
    """The Brain does not want this node, and coming back would not help: its own words, code and remedy."""


class SessionPutOff(LinkRefused):
    """The Brain cannot take this node now, but later."""


class BrainUnreachable(HytopusError):
    code: ClassVar[str] = "brain_unreachable"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "The Brain at {address} cannot be reached: {cause}."
    remedy: ClassVar[str] = "Check that it runs, that the address is right and that no firewall is in between."
    retryable: ClassVar[bool] = True


class BrainNameUnknown(HytopusError):
    code: ClassVar[str] = "brain_name_unknown"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "The name of the Brain in {address} cannot be resolved: {cause}."
    remedy: ClassVar[str] = "Check this machine's DNS, or join with the Brain's IP address."
    retryable: ClassVar[bool] = True


class NotABrain(HytopusError):
    code: ClassVar[str] = "not_a_brain"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "What answers at {address} is not a Hytopus Brain: {cause}."
    remedy: ClassVar[str] = "Check the address and the port; the API, joining and sessions have a port each."
    retryable: ClassVar[bool] = True


class CaMismatch(HytopusError):
    code: ClassVar[str] = "ca_mismatch"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The Brain at {address} does not prove to be the one this node trusts: {cause}."
    remedy: ClassVar[str] = (
        "Make sure that the address leads to the right Brain and nobody is in between. If the Brain has lost its CA, "
        "every node must join again with a new token."
    )
    retryable: ClassVar[bool] = True


class ClockSkew(HytopusError):
    code: ClassVar[str] = "clock_skew"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "The Brain's certificate is out of its time here, where it is {now}: {cause}."
    remedy: ClassVar[str] = "Set the clocks of this machine and of the Brain's (e.g. with NTP)."
    retryable: ClassVar[bool] = True


class CertificateOutOfTime(HytopusError):
    code: ClassVar[str] = "certificate_out_of_time"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "This node's certificate counts from {start} to {end}; here it is {now}."
    remedy: ClassVar[str] = (
        "If the clock is right, the node was away too long to renew it: remove the node at the Brain, move key.pem, "
        "cert.pem and node.json out of its data directory and join again."
    )
    retryable: ClassVar[bool] = True


class CertificateNotAccepted(HytopusError):
    code: ClassVar[str] = "certificate_not_accepted"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "The Brain at {address} ended the TLS handshake: {cause}."
    remedy: ClassVar[str] = "Most likely it does not know the CA of this node's certificate; then join again."
    retryable: ClassVar[bool] = True


class CertificateRenewed(HytopusError):
    code: ClassVar[str] = "certificate_renewed"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "The node dials anew, with the certificate that it has just got."
    remedy: ClassVar[str] = "Nothing is to be done; it is connected again in a moment."
    retryable: ClassVar[bool] = True


class BadJoinToken(HytopusError):
    code: ClassVar[str] = "join_token_invalid"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "This is not a join token: it must look like hyt_join_….…, in full."
    remedy: ClassVar[str] = "Copy the whole line that `hytopus node token` prints."
