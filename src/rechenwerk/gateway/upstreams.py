"""Providers as the road uses them: a pool of connections and ready-made request heads."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from rechenwerk.base.clock import Clock
from rechenwerk.base.errors import RechenwerkError
from rechenwerk.gateway.ports import ProviderRow
from rechenwerk.identity.secrets import SecretBox, provider_context, usable
from rechenwerk.providers.registry import KINDS, Auth, ProviderKind
from rechenwerk.providers.signing import Signer, parse_credentials, region_of
from rechenwerk.providers.transport import Limits, Pool, Target, parse_target

_log = logging.getLogger("rechenwerk.upstreams")
_REGION = "us-east-1"
_AUTH_LINES: Mapping[Auth, str] = MappingProxyType(
    {
        "bearer": "Authorization: Bearer {}\r\n",
        "x-api-key": "x-api-key: {}\r\n",
        "api-key": "api-key: {}\r\n",
        "x-goog-api-key": "x-goog-api-key: {}\r\n",
        "sigv4": "",  # a signature over the whole request, made anew for each
    }
)


class Upstream:
    """One provider.

    Args:
        row: its configuration.
        target: where it listens.
        secret: its API key, if it has one.
        pool: connections to it.
        signer: see below.

    Attributes:
        signer: signs requests, where a signature takes the place of a key.
    """

    def __init__(
        self, row: ProviderRow, target: Target, secret: str | None, pool: Pool, signer: Signer | None = None
    ) -> None:
        self.row = row
        self.kind: ProviderKind = KINDS[row.kind]
        self.pool = pool
        self.signer = signer
        common = f"Host: {target.authority}\r\nContent-Type: application/json\r\n"
        if secret:
            common += _AUTH_LINES[self.kind.auth].format(secret)
        self._usual = "".join(f"{name}: {value}\r\n" for name, value in self.kind.headers).encode()
        self._path = target.path
        self._origin = f"{'https' if target.tls else 'http'}://{target.authority}"
        self._common = common
        self._heads: dict[str, bytes] = {}
        self._tokenize = f"POST {self.kind.tokenize} HTTP/1.1\r\n{common}".encode()

    def head(self, path: str) -> bytes:
        """The beginning of every request to a path below the provider's address; no length yet, no end."""
        return f"POST {self._path}{path} HTTP/1.1\r\n{self._common}".encode()

    def request(self, path: str, call: bytes, body: bytes, more: bytes = b"", also: bytes = b"") -> bytes:
        """A whole request: head and body.

        Args:
            path: below the provider's address.
            call: the call's id, which the provider may log.
            body: of the request.
            more: header lines of this call instead of the usual ones of the kind.
            also: header lines beside either.
        """
        more = (more or self._usual) + also
        if self.signer is not None:
            more += self.signer.headers("POST", f"{self._origin}{self._path}{path}", body)
        head = self._heads.get(path)
        if head is None:
            head = self._heads[path] = self.head(path)
        return b"%s%sX-Request-Id: %s\r\nContent-Length: %d\r\n\r\n%s" % (head, more, call, len(body), body)

    def probe(self) -> bytes:
        """A request that costs nothing, to see whether the provider is there."""
        return f"GET {self._path}/models HTTP/1.1\r\n{self._common}".encode() + self._usual + b"\r\n"

    def tokenize_request(self, body: bytes) -> bytes:
        """A request to the provider's tokenizer."""
        return b"%sContent-Length: %d\r\n\r\n%s" % (self._tokenize, len(body), body)


class Upstreams:
    """All providers of the current snapshot.

    Args:
        limits: deadlines of attempts.
        environment: where providers' API keys are.
        clock: for signatures.
        box: opens those that are stored.
    """

    def __init__(
        self, limits: Limits, environment: Mapping[str, str], clock: Clock, box: SecretBox | None = None
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._environment = environment
        self._box = box
        self._upstreams: dict[int, Upstream] = {}

    def update(self, rows: Iterable[ProviderRow]) -> None:
        """Take a new set of providers; pools of those that did not change are kept."""
        wanted = {row.id: row for row in rows}
        for gone in set(self._upstreams) - set(wanted):
            self._upstreams.pop(gone).pool.close_idle()
        for row in wanted.values():
            old = self._upstreams.get(row.id)
            if old is not None and old.row == row:
                continue
            if old is not None:
                self._upstreams.pop(row.id).pool.close_idle()
            self._open(row)

    def _open(self, row: ProviderRow) -> None:
        if row.kind not in KINDS:
            _log.error("provider %s: this version does not know the kind %r", row.name, row.kind)
            return
        try:
            secret = self._secret(row)
        except RechenwerkError as error:
            _log.error("provider %s cannot be used: %s", row.name, error)
            return
        signer = None
        try:
            target = parse_target(row.base_url)
            if KINDS[row.kind].auth == "sigv4":
                signer = self._signer(target, secret)
        except RechenwerkError as error:
            # An embedded provider has no address until its child runs.
            _log.log(
                logging.INFO if KINDS[row.kind].own else logging.ERROR, "provider %s: %s", row.name, error
            )
            return
        self._upstreams[row.id] = Upstream(row, target, secret, Pool(target, self._limits), signer)

    def _signer(self, target: Target, secret: str | None) -> Signer:
        credentials = parse_credentials(secret or "")
        try:
            region = region_of(target.host)
        except RechenwerkError:  # a proxy or a test in front of it
            region = self._environment.get("AWS_REGION", _REGION)
        return Signer(credentials, region, self._clock)

    def _secret(self, row: ProviderRow) -> str | None:
        """The provider's key: what is stored, else what stands in the environment."""
        if row.secret is not None:
            if self._box is None:
                raise RechenwerkError(
                    "its secret is stored, and this process has no key for it; set RECHENWERK_SECRET_KEY_FILE"
                )
            return self._box.open(row.secret, provider_context(row.organisation, row.name))
        secret = self._environment.get(row.api_key_env) if row.api_key_env else None
        if row.api_key_env and not secret:
            _log.warning("provider %s: the environment variable %s is not set", row.name, row.api_key_env)
        if secret and not usable(secret):
            raise RechenwerkError(f"the environment variable {row.api_key_env} holds more than a key")
        return secret

    def get(self, provider: int) -> Upstream | None:
        """A provider that can be reached, as far as its configuration tells."""
        return self._upstreams.get(provider)

    def close(self) -> None:
        """Hang up everywhere."""
        for upstream in self._upstreams.values():
            upstream.pool.close()
