"""Webhooks: notices as signed POST requests, to addresses that may be reached only.

Signed as https://www.standardwebhooks.com has it: HMAC-SHA256 over ``id.timestamp.body``. A name is resolved
here, the address checked, and then called itself: a name that points elsewhere a moment later (DNS rebinding)
leads nowhere. Redirects are not followed, proxies of the environment are not used.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from urllib.parse import SplitResult, urlsplit

import httpx2
import msgspec

from rechenwerk.base.errors import RechenwerkError, SetupError
from rechenwerk.identity.secrets import SecretBox, alert_context
from rechenwerk.office.budgets.ports import Parcel
from rechenwerk.office.budgets.sending import ForbiddenError, UndeliveredError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SECRET_BYTES = 24
"""Of a signing secret; the specification asks for 24 to 64."""
_PREFIX = "whsec_"
_TIMEOUT = 15.0
_LOOK_UP = 3.0
"""Seconds for which a name is looked up when it is entered."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ADDRESSES = 2
"""Of one host that are tried: where IPv6 leads nowhere, IPv4 does."""
_GONE = 410
"""The receiver wants no more of this, says the specification."""


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """A signing secret as both sides keep it."""
    return _PREFIX + base64.b64encode(random_bytes(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The header ``webhook-signature``."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def read_networks(text: str) -> tuple[Network, ...]:
    """The setting RECHENWERK_WEBHOOK_NETWORKS.

    Raises:
        SetupError: one of them is no network.
    """
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise SetupError(f"RECHENWERK_WEBHOOK_NETWORKS: {error}; write networks like 10.1.0.0/16") from None


def check_url(text: str) -> str:
    """What is wrong with an address for a webhook, in one line; empty when nothing is."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "it is not an address; write one such as https://example.org/hook"
    if parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        return "it is not an address; write one such as https://example.org/hook"
    if not text.isascii() or not text.isprintable() or " " in text:
        return "it has characters that no address has; encode them"
    if parts.username is not None or parts.password is not None:
        return "leave name and password out; what is sent is signed"
    return ""


def reachable(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether a webhook may go there: public addresses, and what the operator allows."""
    if any(address in network for network in allowed if network.version == address.version):
        return True
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return reachable(inner, allowed)
    return address.is_global and not address.is_multicast


async def forbidden(text: str, allowed: Sequence[Network]) -> str:
    """Why a webhook may not go to a good address, in one line; empty when it may, as far as can be said now.

    A name that nobody knows at the moment may be known when something is sent.
    """
    try:
        async with asyncio.timeout(_LOOK_UP):
            await resolved(urlsplit(text), allowed)
    except ForbiddenError as error:
        return str(error)
    except (TimeoutError, UndeliveredError):
        return ""
    return ""


async def resolved(parts: SplitResult, allowed: Sequence[Network]) -> list[Address]:
    """The addresses of the host, if all that it has may be reached.

    Raises:
        UndeliveredError: nobody knows it.
        ForbiddenError: it may not be reached.
    """
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UndeliveredError(f"{host} is not found: {error}") from None
    addresses = list(dict.fromkeys(ipaddress.ip_address(one[4][0]) for one in found))
    for address in addresses:
        if not reachable(address, allowed):
            raise ForbiddenError(
                f"{host} has an address that is not public; the operator can allow its network:"
                " RECHENWERK_WEBHOOK_NETWORKS"
            )
        if parts.scheme != "https" and not any(address in network for network in allowed):
            raise ForbiddenError("only https:// goes out; http:// only to networks that the operator allows")
    return addresses


class Webhooks:
    """Sends notices as webhooks.

    Args:
        box: opens the secrets.
        allowed: networks that may be reached although they are not public, and without TLS.
        context: whom TLS trusts; None: whom the system trusts.
    """

    def __init__(
        self,
        box: SecretBox | None,
        allowed: Sequence[Network] = (),
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._box = box
        self._allowed = allowed
        self._context = context

    async def send(self, parcel: Parcel, now: float) -> str:
        """See `office.budgets.sending.Sender`."""
        rule = parcel.rule
        if self._box is None or rule.secret is None:
            raise UndeliveredError("this office has no key to open the webhook's secret with")
        try:
            secret = self._box.open(rule.secret, alert_context(rule.organisation_id, rule.name))
        except RechenwerkError as error:
            raise UndeliveredError(str(error)) from None
        document = {"type": parcel.kind, "timestamp": parcel.made_at.isoformat(), "data": dict(parcel.data)}
        body = msgspec.json.encode(document)
        headers = {
            "content-type": "application/json",
            "user-agent": "rechenwerk",
            "webhook-id": parcel.message_id,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": signature(secret, parcel.message_id, int(now), body),
        }
        parts = urlsplit(rule.target)
        status = await self._posted(parts, headers, body)
        if 200 <= status < 300:
            return f"answered {status}"
        if status == _GONE:
            raise UndeliveredError("answered 410: the receiver wants no more", final=True)
        more = "; redirects are not followed" if 300 <= status < 400 else ""
        raise UndeliveredError(f"answered {status}{more}")

    async def _addresses(self, parts: SplitResult) -> list[Address]:
        """Where it may go; one that is not allowed today may be tomorrow, so it waits like any other."""
        try:
            return await resolved(parts, self._allowed)
        except UndeliveredError as error:
            raise UndeliveredError(str(error)) from None

    async def _posted(self, parts: SplitResult, headers: dict[str, str], body: bytes) -> int:
        """The status of the first address that takes the connection."""
        *others, last = (await self._addresses(parts))[:_ADDRESSES]
        for address in others:
            try:
                return await _post(parts, address, headers, body, self._context)
            except httpx2.ConnectError:
                continue
        try:
            return await _post(parts, last, headers, body, self._context)
        except httpx2.ConnectError as error:
            raise UndeliveredError(f"it cannot be reached: {error}") from None


def _client(context: ssl.SSLContext | None) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        trust_env=False,
        timeout=_TIMEOUT,
        follow_redirects=False,
        verify=context or ssl.create_default_context(),
    )


async def _post(
    parts: SplitResult,
    address: Address,
    headers: dict[str, str],
    body: bytes,
    context: ssl.SSLContext | None,
) -> int:
    """One request to exactly that address; the status of the answer, whose body is nobody's business.

    The certificate is checked against the name, not the address.

    Raises:
        ConnectError: of httpx2: nobody is there.
        UndeliveredError: somebody is, and did not answer.
    """
    shown = f"[{address}]" if address.version == 6 else str(address)
    port = f":{parts.port}" if parts.port is not None else ""
    path = parts.path or "/"
    url = f"{parts.scheme}://{shown}{port}{path}" + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    try:
        async with (
            _client(context) as client,
            asyncio.timeout(_TIMEOUT * 2),
            client.stream(
                "POST",
                url,
                headers={**headers, "host": host},
                content=body,
                extensions={"sni_hostname": parts.hostname},
            ) as answer,
        ):
            return int(answer.status_code)
    except httpx2.ConnectError:
        raise
    except TimeoutError:
        raise UndeliveredError(f"no answer within {_TIMEOUT * 2:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise UndeliveredError(f"it cannot be reached: {error or type(error).__name__}") from None
