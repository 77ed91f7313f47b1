"""Single sign-on by OpenID Connect: the authorization code flow with PKCE.

Sources: OpenID Connect Core 1.0, sections 3.1 and 5.3; OpenID Connect Discovery 1.0; RFC 7636 (PKCE).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx2
import jwt
import msgspec

from rechenwerk.base.errors import SetupError
from rechenwerk.base.settings import Settings
from rechenwerk.identity.people import ROLE_SCOPES, mail_address
from rechenwerk.office.errors import RefusedError, refuse

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a provider's public key; none that a client's secret could make."""
_TIMEOUT = 10.0
_SKEW = 60.0


class Join(msgspec.Struct, frozen=True):
    """What somebody becomes who is let in without an invitation."""

    organisation: str
    role: str


class Identity(msgspec.Struct, frozen=True):
    """Whom the identity provider vouches for.

    Attributes:
        email: '' when it said none.
        trusted: whether the address is known to be this person's.
    """

    issuer: str
    subject: str
    email: str
    name: str
    trusted: bool


class SingleSignOn(msgspec.Struct, frozen=True):
    """An identity provider, such as Keycloak or Entra ID.

    Attributes:
        name: for the button.
        join: what unknown people become; None: they need an invitation.
        trust_email: whether addresses are the provider's to give, as in a directory of one's own, although it
            does not say ``email_verified``.
    """

    issuer: str
    client_id: str
    client_secret: str
    name: str
    join: Join | None
    trust_email: bool

    def __repr__(self) -> str:
        """Without the secret."""
        return f"SingleSignOn({self.issuer!r})"


def read_single_sign_on(settings: Settings) -> SingleSignOn | None:
    """The settings RECHENWERK_OIDC_*; None where no issuer is given.

    Raises:
        SetupError: they make no sense.
    """
    issuer = settings.oidc_issuer.rstrip("/")
    if not issuer:
        return None
    if not issuer.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")):
        raise SetupError("RECHENWERK_OIDC_ISSUER: an issuer begins with https://")
    if not settings.oidc_client_id:
        raise SetupError(
            "RECHENWERK_OIDC_CLIENT_ID: single sign-on needs the id that the provider knows us by"
        )
    join = None
    if settings.oidc_join:
        organisation, _, role = settings.oidc_join.rpartition("/")
        if not organisation or role not in ROLE_SCOPES or "operator" in ROLE_SCOPES[role]:
            raise SetupError("RECHENWERK_OIDC_JOIN: write organisation/role, such as default/member")
        join = Join(organisation, role)
    return SingleSignOn(
        issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret,
        settings.oidc_name or "Single sign-on",
        join,
        settings.oidc_trust_email.lower() in {"1", "yes", "true"},
    )


class Relying:
    """Asks an identity provider. Its answers about itself are kept until a signature's key is not among them.

    Args:
        provider: whom.
        client: speaks HTTP.
    """

    def __init__(self, provider: SingleSignOn, client: httpx2.AsyncClient) -> None:
        self.provider = provider
        self._client = client
        self._about: dict[str, Any] | None = None
        self._keys: dict[str, Any] | None = None

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def address(self, redirect: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes first. Raises RefusedError."""
        about = await self._discovered()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": redirect,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        start = str(about["authorization_endpoint"])
        return f"{start}{'&' if '?' in start else '?'}{urlencode(asked)}"

    async def identify(self, code: str, redirect: str, nonce: str, verifier: str) -> Identity:
        """Whom the provider's code stands for. Raises RefusedError."""
        about = await self._discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "client_id": self.provider.client_id,
            "code_verifier": verifier,
        }
        if self.provider.client_secret:
            form["client_secret"] = self.provider.client_secret
        tokens = await self._json("POST", str(about["token_endpoint"]), data=form)
        claims = await self._verified(str(tokens.get("id_token", "")), about)
        if not hmac.compare_digest(str(claims.get("nonce", "")), nonce):
            raise _failed("its answer belongs to another sign-in")
        if "email" not in claims and about.get("userinfo_endpoint") and tokens.get("access_token"):
            said = await self._json(
                "GET",
                str(about["userinfo_endpoint"]),
                headers={"authorization": f"Bearer {tokens['access_token']}"},
            )
            if said.get("sub") != claims["sub"]:
                raise _failed("it spoke of somebody else")
            claims = {**said, **claims}
        email = mail_address(str(claims.get("email", "")))
        return Identity(
            self.provider.issuer,
            str(claims["sub"]),
            email,
            str(claims.get("name") or claims.get("preferred_username") or email or claims["sub"])[:100],
            bool(email) and (claims.get("email_verified") is True or self.provider.trust_email),
        )

    async def _verified(self, token: str, about: Mapping[str, Any]) -> dict[str, Any]:
        try:
            key = await self._key(jwt.get_unverified_header(token), about)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=self.provider.client_id,
                issuer=str(about["issuer"]),
                leeway=_SKEW,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except jwt.PyJWTError as error:
            raise _failed(f"its token is not valid ({error})") from None
        if claims.get("azp", self.provider.client_id) != self.provider.client_id:
            raise _failed("its token is for another client")
        return claims

    async def _key(self, header: Mapping[str, Any], about: Mapping[str, Any]) -> jwt.PyJWK:
        """The key that signed; asked for anew when it is not known, because providers change theirs."""
        for fresh in (False, True):
            if fresh or self._keys is None:
                self._keys = await self._json("GET", str(about["jwks_uri"]))
            for one in self._keys.get("keys", ()):
                if one.get("kid") == header.get("kid") and one.get("use", "sig") == "sig":
                    return jwt.PyJWK(one, algorithm=one.get("alg") or header.get("alg"))
        raise _failed("its token is signed with a key that it does not show")

    async def _discovered(self) -> dict[str, Any]:
        if self._about is None:
            about = await self._json("GET", f"{self.provider.issuer}/.well-known/openid-configuration")
            if str(about.get("issuer", "")).rstrip("/") != self.provider.issuer:
                raise _failed(f"it calls itself {about.get('issuer')!r}, not {self.provider.issuer!r}")
            self._about = about
        return self._about

    async def _json(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        try:
            answer = await self._client.request(method, url, timeout=_TIMEOUT, **more)
            found = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise _failed(f"it does not answer ({type(error).__name__})") from None
        if answer.status_code != 200 or not isinstance(found, dict):
            said = found.get("error_description") or found.get("error") if isinstance(found, dict) else ""
            raise _failed(f"it answers {answer.status_code} {said or ''}".rstrip())
        return found


def _failed(why: str) -> RefusedError:
    return refuse(502, f"the identity provider cannot be used: {why}", "single_sign_on_failed")


def secret_word(random_bytes: Callable[[int], bytes]) -> str:
    """A state, nonce or PKCE verifier: 43 characters, 256 random bits."""
    return base64.urlsafe_b64encode(random_bytes(32)).rstrip(b"=").decode()
