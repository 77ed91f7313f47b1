"""Active probes: a deployment whose breaker has opened is asked whether it is back before clients have to."""

from __future__ import annotations

import asyncio
import logging

from rechenwerk.base.clock import Clock
from rechenwerk.base.errors import ProviderError
from rechenwerk.gateway.fleet import Fleet
from rechenwerk.gateway.tenants import Tenants
from rechenwerk.gateway.upstreams import Upstream, Upstreams
from rechenwerk.providers.transport import Collect
from rechenwerk.routing.health import Health

_log = logging.getLogger("rechenwerk.probes")
_EVERY = 0.5
_PATIENCE = 5.0


class Probes:
    """Looks after deployments that are half open; the others' health comes from real calls.

    Args:
        tenants: which deployments there are.
        upstreams: how they are reached.
        fleet: their health.
        clock: time.
    """

    def __init__(self, tenants: Tenants, upstreams: Upstreams, fleet: Fleet, clock: Clock) -> None:
        self._tenants = tenants
        self._upstreams = upstreams
        self._fleet = fleet
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Probe for ever."""
        while True:
            await asyncio.sleep(_EVERY)
            now = self._clock.monotonic()
            half_open = [
                (deployment, health)
                for deployment, health in self._fleet.healths
                if health.breaker.state(now) == "half-open" and health.breaker.allows(now)
            ]
            providers = self._tenants.providers if half_open else {}
            for deployment, health in half_open:
                upstream = self._upstreams.get(providers.get(deployment, 0))
                if upstream is not None:
                    task = asyncio.create_task(self._probe(health, upstream))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)

    async def _probe(self, health: Health, upstream: Upstream) -> None:
        """Ask for the list of models: it costs nothing. Any answer but a server's error will do."""
        ticket = health.started(self._clock.monotonic())
        ok = False
        try:
            sink = Collect(asyncio.get_running_loop())
            async with asyncio.timeout(_PATIENCE):
                exchange = await upstream.pool.send(upstream.probe(), sink)
                try:
                    answer = await sink.done
                except asyncio.CancelledError:
                    exchange.abort()
                    raise
            ok = answer.status < 500
        except (ProviderError, TimeoutError) as error:
            _log.info("provider %s is not back: %s", upstream.row.name, error)
        finally:
            health.ended(self._clock.monotonic(), ticket, ok=ok)
