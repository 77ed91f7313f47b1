"""Providers as the road uses them: a pool of connections and ready-made request heads."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.gateway.ports import ProviderRow
from rechenwerk.providers.registry import KINDS, ProviderKind
from rechenwerk.providers.transport import Limits, Pool, Target, parse_target
from rechenwerk.wire.openai import Endpoint

_log = logging.getLogger("rechenwerk.upstreams")
_PATHS: tuple[tuple[Endpoint, str], ...] = (
    ("chat", "/chat/completions"),
    ("completions", "/completions"),
    ("embeddings", "/embeddings"),
)


class Upstream:
    """One provider.

    Args:
        row: its configuration.
        target: where it listens.
        secret: its API key, if it has one.
        pool: connections to it.
    """

    def __init__(self, row: ProviderRow, target: Target, secret: str | None, pool: Pool) -> None:
        self.row = row
        self.kind: ProviderKind = KINDS[row.kind]
        self.pool = pool
        common = f"Host: {target.authority}\r\nContent-Type: application/json\r\n"
        if secret:
            common += f"Authorization: Bearer {secret}\r\n"
        self._heads = {
            endpoint: f"POST {target.path}{path} HTTP/1.1\r\n{common}".encode() for endpoint, path in _PATHS
        }
        self._tokenize = f"POST {self.kind.tokenize} HTTP/1.1\r\n{common}".encode()

    def request(self, endpoint: Endpoint, call: bytes, body: bytes) -> bytes:
        """A whole request: head and body. `call`: the call's id, which the provider may log."""
        return b"%sX-Request-Id: %s\r\nContent-Length: %d\r\n\r\n%s" % (
            self._heads[endpoint],
            call,
            len(body),
            body,
        )

    def tokenize_request(self, body: bytes) -> bytes:
        """A request to the provider's tokenizer."""
        return b"%sContent-Length: %d\r\n\r\n%s" % (self._tokenize, len(body), body)


class Upstreams:
    """All providers of the current snapshot.

    Args:
        limits: deadlines of attempts.
        environment: where providers' API keys are.
    """

    def __init__(self, limits: Limits, environment: Mapping[str, str]) -> None:
        self._limits = limits
        self._environment = environment
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
        secret = self._environment.get(row.api_key_env) if row.api_key_env else None
        if row.api_key_env and not secret:
            _log.warning("provider %s: the environment variable %s is not set", row.name, row.api_key_env)
        try:
            target = parse_target(row.base_url)
        except RechenwerkError as error:
            # An embedded provider has no address until its child runs.
            _log.log(
                logging.INFO if KINDS[row.kind].own else logging.ERROR, "provider %s: %s", row.name, error
            )
            return
        self._upstreams[row.id] = Upstream(row, target, secret, Pool(target, self._limits))

    def get(self, provider: int) -> Upstream | None:
        """A provider that can be reached, as far as its configuration tells."""
        return self._upstreams.get(provider)

    def close(self) -> None:
        """Hang up everywhere."""
        for upstream in self._upstreams.values():
            upstream.pool.close()
