"""What can go wrong when a machine wants to become a node, or a node wants to prove that it is one."""

from __future__ import annotations

from typing import ClassVar

from hytopus.errors import HytopusError

_AGAIN = "Make a new token with `hytopus node token` and join with the line it prints."


class JoinTokenInvalid(HytopusError):
    code: ClassVar[str] = "join_token_invalid"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "The join token is not one of this Brain."
    remedy: ClassVar[str] = _AGAIN


class JoinTokenExpired(HytopusError):
    code: ClassVar[str] = "join_token_expired"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "The join token ran out at {expires_at}."
    remedy: ClassVar[str] = _AGAIN


class JoinTokenUsed(HytopusError):
    code: ClassVar[str] = "join_token_used"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "The join token was used up at {used_at}."
    remedy: ClassVar[str] = "A token serves for one node. " + _AGAIN


class JoinTokenForOther(HytopusError):
    code: ClassVar[str] = "join_token_for_other_node"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "The join token is for a node called {wanted!r}, not {name!r}."
    remedy: ClassVar[str] = "Join with `--name {wanted}`, or make a token for {name!r}."


class BadSigningRequest(HytopusError):
    code: ClassVar[str] = "bad_signing_request"
    status: ClassVar[int] = 422
    template: ClassVar[str] = "The certificate signing request cannot be used: {cause}."
    remedy: ClassVar[str] = "Send a PEM request for an elliptic-curve key, signed by that key."


class CertificateRevoked(HytopusError):
    code: ClassVar[str] = "certificate_revoked"
    status: ClassVar[int] = 403
    template: ClassVar[str] = "The certificate of this node is no longer accepted: {cause}."
    remedy: ClassVar[str] = (
        "Join this machine again: move its data directory's `key.pem`, `cert.pem` and `node.json` away, make a token "
        "with `hytopus node token` and run the line it prints."
    )


class RotationUnderWay(HytopusError):
    code: ClassVar[str] = "rotation_under_way"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The authority {serving} is being replaced already, by {signing}."
    remedy: ClassVar[str] = "`hytopus brain ca show` says how far that is; `hytopus brain ca retire` ends it."


class NoRotation(HytopusError):
    code: ClassVar[str] = "no_rotation"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "There is no authority that could take the place of {serving}."
    remedy: ClassVar[str] = "Begin with `hytopus brain ca rotate`."


class NodesDepend(HytopusError):
    code: ClassVar[str] = "nodes_depend_on_authority"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{count} nodes would be locked out: {names}."
    remedy: ClassVar[str] = (
        "Nodes that are connected renew their certificates by themselves; bring the others back, or remove or revoke "
        "them. With --force they are locked out and have to join again."
    )


class ForeignAuthority(HytopusError):
    code: ClassVar[str] = "foreign_authority"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The authority in {directory} ({ours}) is none of those of this database ({theirs})."
    remedy: ClassVar[str] = (
        "If this Brain shall join the others on this database, move that folder away: it is made anew from the "
        "database. If not, give it a database of its own."
    )


class AuthorityDamaged(HytopusError):
    code: ClassVar[str] = "authority_damaged"
    template: ClassVar[str] = "The Brain's certificate authority in {directory} cannot be read: {cause}."
    remedy: ClassVar[str] = (
        "Restore ca.key and ca.pem from a backup. Without them every node has to join again: then move the directory "
        "away and a new authority is made."
    )
