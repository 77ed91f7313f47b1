"""Is a provider there, and what does it serve? Asked step by step, of an address that may be asked only.

Nothing is asked here that costs money: the one call of a trial goes through the gateway and is booked
(`office.trying`). Nothing of what a provider answers is repeated but the names of its models.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

import httpx2
import msgspec

from rechenwerk.office.budgets.sending import ForbiddenError, UndeliveredError
from rechenwerk.office.budgets.webhooks import Address, Network, resolved
from rechenwerk.providers.registry import KINDS, ProviderKind

State = Literal["ok", "failed", "skipped"]
STEPS = ("address", "resolve", "connect", "answer", "authenticate", "models", "price")
"""In their order; the first that fails ends it."""
PRIVATE: tuple[Network, ...] = tuple(
    ipaddress.ip_network(one)
    for one in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8"),
        *("::1/128", "fc00::/7"),
    )
)
"""Where servers of one's own stand. Link-local ones are not among them: clouds hand out secrets there."""
_CONNECT = 5.0
_ANSWER = 15.0
_LARGEST = 4_000_000
_MOST_MODELS = 2_000
_LONGEST = 200
_LISTS: Mapping[str, str] = MappingProxyType({"cohere": "/v1/models"})
"""Where a dialect lists its models, if not at /models."""


class Asked(msgspec.Struct, frozen=True):
    """What is checked.

    Attributes:
        base_url: as the configuration has it; '' for the kind's own.
        secret: its key; None: it is asked without one.
        model: that somebody wants of it, as the provider calls it; '' for none yet.
        own: whether it is a server of one's own, which may stand in a private network.
        rates: what the configuration says that a model costs; None: nothing yet.
    """

    kind: str
    base_url: str
    secret: str | None
    model: str = ""
    own: bool = False
    rates: Mapping[str, str] | None = None


class Said(msgspec.Struct, frozen=True):
    """What a step found out.

    Attributes:
        code: what it is for programs, and for those who say it in another language.
        message: one line, with what to do where it failed.
        detail: a number or name that belongs to the code.
        models: that the provider lists.
    """

    step: str
    state: State
    code: str
    message: str
    detail: str = ""
    took_ms: int = 0
    models: tuple[str, ...] = ()


class _FailedError(Exception):
    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.code, self.detail = code, detail


class Check:
    """One check.

    Args:
        asked: what of.
        allowed: networks that may be reached although they are not public.
        context: whom TLS trusts.
    """

    def __init__(
        self, asked: Asked, allowed: Sequence[Network] = (), context: ssl.SSLContext | None = None
    ) -> None:
        self._asked = asked
        self._allowed = (*allowed, *(PRIVATE if asked.own else ()))
        self._context = context or ssl.create_default_context()
        self._kind = KINDS.get(asked.kind, ProviderKind())
        self._url = (asked.base_url or self._kind.default_url).rstrip("/")
        self._parts = SplitResult("", "", "", "", "")
        self._addresses: list[Address] = []
        self._status = 0
        self._body = b""

    async def steps(self) -> AsyncIterator[Said]:
        """What each step says, as it is known; after one that failed nothing more."""
        for name in STEPS:
            began = time.monotonic()
            try:
                said = await getattr(self, f"_{name}")()
            except _FailedError as error:
                said = Said(name, "failed", error.code, str(error), error.detail)
            yield msgspec.structs.replace(said, took_ms=round((time.monotonic() - began) * 1000))
            if said.state == "failed":
                return

    async def _address(self) -> Said:
        kind = self._asked.kind
        if kind not in KINDS or KINDS[kind].own:
            raise _FailedError(
                "unknown_kind", f"there is no kind {kind[:40]!r}; choose one of the list", kind[:40]
            )
        try:
            self._parts = urlsplit(self._url)
            good = self._parts.port != 0 and bool(self._parts.hostname)
        except ValueError:
            good = False
        if not good or self._parts.scheme not in {"http", "https"} or not self._url.isascii():
            raise _FailedError("no_address", "write its address, such as https://api.example.com/v1")
        if self._parts.username or self._parts.query or self._parts.fragment or set(" {}\\") & set(self._url):
            raise _FailedError(
                "odd_address", "leave user, password, ? and # out of the address; the key goes below"
            )
        return Said("address", "ok", "address", f"it is at {self._url}", self._url)

    async def _resolve(self) -> Said:
        host = self._parts.hostname or ""
        try:
            async with asyncio.timeout(_CONNECT):
                self._addresses = (await resolved(self._parts, self._allowed))[:2]
        except ForbiddenError:
            if self._parts.scheme == "http" and not self._asked.own:
                message = "http:// only goes to servers of your own: use https://, or say that it is one"
                raise _FailedError("not_encrypted", message) from None
            message = f"{host} is not a public address: say that it is a server of your own, if it is"
            raise _FailedError("not_public", message, host) from None
        except (UndeliveredError, TimeoutError):
            raise _FailedError(
                "not_found", f"nobody knows the name {host}; check its spelling", host
            ) from None
        shown = ", ".join(map(str, self._addresses))
        return Said("resolve", "ok", "resolved", f"its name leads to {shown}", shown)

    async def _connect(self) -> Said:
        tls = self._parts.scheme == "https"
        port = self._parts.port or (443 if tls else 80)
        problem = _FailedError(
            "unreachable", f"nobody answers at port {port}; is it running, is a firewall between?", str(port)
        )
        for address in self._addresses:
            try:
                async with asyncio.timeout(_CONNECT):
                    context, name = (self._context, self._parts.hostname) if tls else (None, None)
                    _, writer = await asyncio.open_connection(
                        str(address), port, ssl=context, server_hostname=name
                    )
                writer.close()
            except ssl.SSLCertVerificationError as error:
                message = f"its certificate is not good: {error.verify_message}"
                raise _FailedError("certificate", message, error.verify_message) from None
            except ssl.SSLError:
                problem = _FailedError("no_tls", "it does not speak TLS; is its address http://?")
            except (OSError, TimeoutError):
                continue
            else:
                self._addresses = [address]
                return Said("connect", "ok", "encrypted" if tls else "connected", "it takes connections")
        raise problem

    async def _answer(self) -> Said:
        if self._kind.auth == "sigv4":
            return Said(
                "answer", "skipped", "not_here", "this kind lists its models elsewhere; the trial call tells"
            )
        try:
            async with asyncio.timeout(_ANSWER):
                self._status, self._body = await self._get()
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, ValueError):
            raise _FailedError(
                "no_answer", "it took the connection and did not answer; is this an HTTP port?"
            ) from None
        if 300 <= self._status < 400:
            message = f"it answers {self._status}: it sends us elsewhere; write that address"
            raise _FailedError("redirect", message, str(self._status))
        if self._status == 404:
            message = "it answers 404: there is no /models below this address; does it end in /v1?"
            raise _FailedError("no_models_route", message)
        if self._status >= 500 or self._status == 429:
            raise _FailedError("busy", f"it answers {self._status}; try again in a moment", str(self._status))
        return Said("answer", "ok", "answered", f"it answers {self._status}", str(self._status))

    async def _authenticate(self) -> Said:
        if self._kind.auth == "sigv4":
            return Said("authenticate", "skipped", "not_here", "the trial call tells")
        with_key = self._asked.secret is not None
        if self._status in {401, 403}:
            if with_key:
                message = f"it does not take this key ({self._status}); copy it again, or make another one"
                raise _FailedError("wrong_key", message, str(self._status))
            raise _FailedError("needs_key", "it wants a key; enter it", str(self._status))
        if self._status != 200:
            raise _FailedError("refused", f"it answers {self._status}", str(self._status))
        if with_key:
            return Said("authenticate", "ok", "key_taken", "it takes the key")
        return Said("authenticate", "ok", "no_key_needed", "it asks for no key")

    async def _models(self) -> Said:
        model = self._asked.model
        if self._kind.auth == "sigv4":
            return Said("models", "skipped", "not_listed", "enter the model's name yourself")
        names = _names(self._body)
        if names is None:
            raise _FailedError(
                "not_a_list", "what it answers is no list of models; does the address end in /v1?"
            )
        if not names:
            raise _FailedError("no_models", "it serves no model now; load one first")
        if model and model not in names:
            message = f"it does not serve {model[:_LONGEST]!r}; choose one of the {len(names)} that it lists"
            return Said("models", "failed", "no_such_model", message, model[:_LONGEST], models=names)
        return Said("models", "ok", "models", f"it serves {len(names)} models", str(len(names)), models=names)

    async def _price(self) -> Said:
        if self._asked.rates:
            shown = ", ".join(f"{bucket} {rate}" for bucket, rate in self._asked.rates.items())
            return Said("price", "ok", "price_known", f"a million tokens cost {shown}", shown)
        return Said("price", "skipped", "price_missing", "enter what it costs; providers do not say it here")

    async def _get(self) -> tuple[int, bytes]:
        """The list of models from exactly the address that was looked at; status and body."""
        address = self._addresses[0]
        shown = f"[{address}]" if address.version == 6 else str(address)
        port = f":{self._parts.port}" if self._parts.port is not None else ""
        path = _LISTS.get(self._kind.dialect, f"{self._parts.path}/models")
        headers = dict(self._kind.headers)
        headers |= {"host": self._parts.netloc, "accept-encoding": "identity", "user-agent": "rechenwerk"}
        if self._asked.secret is not None:
            bearer = self._kind.auth == "bearer"
            headers["authorization" if bearer else self._kind.auth] = (
                f"{'Bearer ' * bearer}{self._asked.secret}"
            )
        async with (
            httpx2.AsyncClient(
                trust_env=False, timeout=_ANSWER, follow_redirects=False, verify=self._context
            ) as client,
            client.stream(
                "GET",
                f"{self._parts.scheme}://{shown}{port}{path}",
                headers=headers,
                extensions={"sni_hostname": self._parts.hostname},
            ) as answer,
        ):
            body = b""
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > _LARGEST:
                    raise ValueError("too large")
            return answer.status_code, body


def _names(body: bytes) -> tuple[str, ...] | None:
    """Models of a list, as their provider calls them; None where it is no list of models."""
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    rows = found.get("data", found.get("models")) if isinstance(found, dict) else found
    if not isinstance(rows, list):
        return None
    names = [row.get("id", row.get("name")) for row in rows if isinstance(row, dict)]
    good = [
        name.removeprefix("models/")
        for name in names
        if isinstance(name, str) and 0 < len(name) <= _LONGEST and name.isprintable()
    ]
    return tuple(sorted(dict.fromkeys(good), key=str.casefold)[:_MOST_MODELS])
