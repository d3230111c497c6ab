"""The provider, as the Brain talks to it: discovery, keys, and trading a code for an ID token."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ValidationError

from hytopus.brain.accounts.oidc.claims import check
from hytopus.brain.accounts.oidc.errors import BadIdToken, OidcRefused, OidcUnavailable
from hytopus.brain.accounts.oidc.settings import OidcSettings, is_safe
from hytopus.kit.clock import Clock

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures that only the provider can make: neither `none` nor those with a shared secret."""
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
KEPT_SECONDS: Final = 3600.0
AGAIN_SECONDS: Final = 60.0
"""A token signed with an unknown key makes us look at the keys again, at most so often."""


class Metadata(BaseModel):
    """What is used of the discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None = None

    def addresses(self) -> list[str]:
        needed = [self.authorization_endpoint, self.token_endpoint, self.jwks_uri]
        return needed if self.end_session_endpoint is None else [*needed, self.end_session_endpoint]


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Any
    at: float


class Provider:
    """Keeps the provider's description and keys for an hour. Every call has the settings' timeout."""

    def __init__(self, settings: OidcSettings, secret: str | None, clock: Clock) -> None:
        self.settings = settings
        self._secret = secret
        self._clock = clock
        self._lock = asyncio.Lock()
        self._metadata: _Kept | None = None
        self._keys: _Kept | None = None

    async def metadata(self) -> Metadata:
        """Raises `OidcUnavailable`."""
        async with self._lock:
            if self._metadata is None or self._age(self._metadata) > KEPT_SECONDS:
                self._metadata = _Kept(await self._discover(), self._clock.monotonic())
            found: Metadata = self._metadata.value
        return found

    async def login_url(self, *, state: str, nonce: str, challenge: str) -> str:
        """Where the browser goes."""
        return str(
            prepare_grant_uri(
                (await self.metadata()).authorization_endpoint,
                self.settings.client_id,
                "code",
                self.settings.redirect_uri,
                self.settings.scopes,
                state,
                nonce=nonce,
                code_challenge=challenge,
                code_challenge_method="S256",
            )
        )

    async def logout_url(self, id_token: str) -> str | None:
        """Where the browser ends its login at the provider too (RP-initiated logout), if that is possible."""
        endpoint = (await self.metadata()).end_session_endpoint
        if endpoint is None:
            return None
        back = self.settings.public_url.rstrip("/") + "/login"
        asked = {"id_token_hint": id_token, "client_id": self.settings.client_id, "post_logout_redirect_uri": back}
        return str(add_params_to_uri(endpoint, list(asked.items())))

    async def exchange(self, code: str, verifier: str) -> str:
        """The ID token that the code stands for. Raises `OidcRefused` or `OidcUnavailable`."""
        client_id = self.settings.client_id
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=self.settings.redirect_uri,
            code=code,
            code_verifier=verifier,
            client_id=client_id,
        )
        proof = ClientAuth(client_id, self._secret, "none" if self._secret is None else "client_secret_basic")
        url, headers, body = proof.prepare("POST", (await self.metadata()).token_endpoint, dict(FORM), body)
        answer = await self._call("POST", url, headers=headers, content=body)
        if not isinstance(answer.get("id_token"), str):
            raise OidcRefused(why=_told(answer))
        return str(answer["id_token"])

    async def verify(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of a token that holds in every respect. Raises `BadIdToken`."""
        try:
            token = await self._decode(id_token, fresh=False)
        except (JoseError, ValueError):
            try:
                token = await self._decode(id_token, fresh=True)
            except (JoseError, ValueError) as error:
                raise BadIdToken(why=f"its signature: {error}") from error
        check(token.claims, token.header, self.settings, nonce=nonce, now=self._clock.now())
        return token.claims

    async def _decode(self, id_token: str, *, fresh: bool) -> jwt.Token:
        return jwt.decode(id_token, await self._key_set(fresh=fresh), algorithms=ALGORITHMS)

    async def _key_set(self, *, fresh: bool) -> KeySet:
        address = (await self.metadata()).jwks_uri
        async with self._lock:
            most = AGAIN_SECONDS if fresh else KEPT_SECONDS
            if self._keys is None or self._age(self._keys) > most:
                document = await self._call("GET", address)
                try:
                    keys = KeySet.import_key_set(document)  # type: ignore[arg-type]  # whatever is wrong with it is told
                except (JoseError, ValueError, KeyError, TypeError) as error:
                    raise self._unavailable(f"its keys cannot be read ({error})") from error
                self._keys = _Kept(keys, self._clock.monotonic())
            found: KeySet = self._keys.value
        return found

    async def _discover(self) -> Metadata:
        address = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            found = Metadata.model_validate(await self._call("GET", address))
        except ValidationError as error:
            raise self._unavailable("its discovery document lacks what is needed") from error
        if found.issuer != self.settings.issuer:
            raise self._unavailable(f"it calls itself {found.issuer}")
        if not all(map(is_safe, found.addresses())):
            raise self._unavailable("it names addresses without HTTPS")
        return found

    async def _call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: str = ""
    ) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=self.settings.timeout_s) as client:
                async with asyncio.timeout(self.settings.timeout_s):
                    asked = {"Accept": "application/json", **(headers or {})}
                    response = await client.request(method, url, headers=asked, content=content)
                document = response.json()
        except (httpx2.HTTPError, TimeoutError, ValueError) as error:
            raise self._unavailable(str(error) or type(error).__name__) from error
        if response.is_server_error or not isinstance(document, dict):
            raise self._unavailable(f"it answered {response.status_code}")
        return document

    def _unavailable(self, why: str) -> OidcUnavailable:
        return OidcUnavailable(issuer=self.settings.issuer, why=why)

    def _age(self, kept: _Kept) -> float:
        return self._clock.monotonic() - kept.at


def open_provider(settings: OidcSettings, clock: Clock) -> Provider | None:
    """None where single sign-on is off."""
    if not settings.on:
        return None
    if settings.client_secret_file is not None:
        return Provider(settings, settings.client_secret_file.read_text().strip(), clock)
    secret = settings.client_secret.get_secret_value() if settings.client_secret is not None else None
    return Provider(settings, secret, clock)


def _told(answer: Mapping[str, Any]) -> str:
    """What an OAuth error says, in so many words and no more."""
    return str(answer.get("error_description") or answer.get("error") or "it gave no ID token")[:200]
