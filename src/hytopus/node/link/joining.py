"""Becoming a node: trust the Brain by the token's fingerprint, prove oneself by its secret, get a certificate."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import grpc.aio
import httpx2

from hytopus.kit.clock import SystemClock
from hytopus.node.identity import (
    AlreadyJoined,
    Identity,
    NodeNotJoined,
    agent_id,
    load_identity,
    save_identity,
    signing_request,
)
from hytopus.node.link.errors import BadJoinToken, BrainUnreachable, CaMismatch, LinkRefused, NotABrain
from hytopus.node.link.trouble import diagnose
from hytopus.wire.channel import LinkClosed
from hytopus.wire.join import JoinSecret, ca_fingerprint
from hytopus.wire.messages import Certificates, JoinRequest, Refused
from hytopus.wire.network import CLIENT_OPTIONS, call_join


async def join(brain_url: str, token: str, directory: Path, name: str, *, timeout: float = 30.0) -> Identity:
    """Make this machine a node called `name`. `timeout` in seconds is for each of the two calls.

    The key stays here. The same machine may repeat a call whose answer was lost.
    """
    secret = JoinSecret.parse(token)
    if secret is None:
        raise BadJoinToken
    await asyncio.to_thread(_check_new, directory)
    info = await _join_info(brain_url, timeout)
    _check_ca(info["ca_pem"], secret, brain_url)
    csr, agent = await asyncio.to_thread(lambda: (signing_request(directory), agent_id(directory)))
    certificates = await _certificates(
        _reachable(info["join_address"], brain_url),
        info["ca_pem"],
        JoinRequest(token.strip(), name, csr, agent),
        timeout,
    )
    identity = Identity(
        directory, certificates.node_id, name, brain_url, _reachable(info["session_address"], brain_url)
    )
    await asyncio.to_thread(
        save_identity, identity, certificate_pem=certificates.certificate_pem, ca_pem=certificates.ca_pem
    )
    return identity


def _check_new(directory: Path) -> None:
    try:
        present = load_identity(directory)
    except NodeNotJoined:
        return
    raise AlreadyJoined(name=present.node_name, brain_url=present.brain_url, directory=directory)


async def _join_info(brain_url: str, timeout: float) -> dict[str, str]:
    """Public and unprotected: nothing in it is believed before the CA has been checked."""
    url = f"{brain_url.rstrip('/')}/api/v1/join-info"
    try:
        # What the Brain's own certificate is worth does not matter here, and no proxy lies between Brain and node.
        async with httpx2.AsyncClient(timeout=timeout, verify=False, trust_env=False) as client:
            response = await client.get(url, follow_redirects=True)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise BrainUnreachable(address=brain_url, cause=str(error) or type(error).__name__) from error
    try:
        body: Any = response.raise_for_status().json()
        return {key: str(body[key]) for key in ("ca_pem", "join_address", "session_address")}
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        raise NotABrain(address=brain_url, cause=f"{url} answers {response.status_code}") from error


def _check_ca(ca_pem: str, secret: JoinSecret, brain_url: str) -> None:
    try:
        found = ca_fingerprint(ca_pem)
    except ValueError as error:
        raise NotABrain(address=brain_url, cause="it shows no CA certificate") from error
    if found != secret.fingerprint:
        raise CaMismatch(address=brain_url, cause=f"the token is for CA {secret.fingerprint}, it shows {found}")


def _reachable(address: str, brain_url: str) -> str:
    """The Brain may not know under which name it is reached: then it is the one that led here."""
    host, _, port = address.rpartition(":")
    if host:
        return address
    known = urlsplit(brain_url).hostname or "localhost"
    return f"[{known}]:{port}" if ":" in known else f"{known}:{port}"


async def _certificates(address: str, ca_pem: str, request: JoinRequest, timeout: float) -> Certificates:
    credentials = grpc.ssl_channel_credentials(ca_pem.encode())
    async with grpc.aio.secure_channel(address, credentials, options=CLIENT_OPTIONS) as channel:
        try:
            reply = await call_join(channel, request, timeout=timeout)
        except LinkClosed as error:
            raise diagnose(error, address, SystemClock().now()) from error
    if isinstance(reply, Refused):
        raise LinkRefused(reply.problem)
    return reply
