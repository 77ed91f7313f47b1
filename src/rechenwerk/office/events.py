"""Who listens hears which kinds of things have changed, as server-sent events.

One look at the database each second, for all who listen in this process together; none while nobody does.
What has changed is not in the event: whoever may know it asks for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from types import MappingProxyType

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from rechenwerk.base.errors import unavailable
from rechenwerk.base.loops import repeat
from rechenwerk.identity.keys import hash_key
from rechenwerk.office.access import AnyRealm, Realm
from rechenwerk.office.errors import RefusedError, refuse
from rechenwerk.office.exports import Streamed
from rechenwerk.office.sum_ports import Marks

_log = logging.getLogger("rechenwerk.events")
LOOK = 1.0
"""Seconds between two looks."""
ALIVE = 15.0
"""Seconds after which a stream looks whether its key opens it, and a silent one says that it is there."""
MOST_OF_ONE = 12
"""Streams of one key at a time: windows of one browser."""
MOST = 1_000
"""Streams of a process."""
_KINDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "calls": frozenset({"books", "audit"}),
        "budgets": frozenset({"books", "keys", "audit"}),
        "audit": frozenset({"books", "audit"}),
        "jobs": frozenset({"documents", "keys", "audit"}),
        "configuration": frozenset(),
    }
)
"""Kind -> scopes of which one lets hear it; the operator hears all."""


def kinds_for(scopes: frozenset[str]) -> tuple[str, ...]:
    """What somebody with these scopes hears."""
    return tuple(kind for kind, some in _KINDS.items() if "operator" in scopes or not some.isdisjoint(scopes))


class Listener:
    """One stream.

    Args:
        organisation: whose changes it hears.
        key: of who listens.
        kinds: that it may hear.
    """

    def __init__(self, organisation: int, key: int, kinds: Sequence[str]) -> None:
        self.organisation = organisation
        self.key = key
        self._kinds = frozenset(kinds)
        self._heard: set[str] = set()
        self._woken = asyncio.Event()
        self.ended = False

    def tell(self, kinds: frozenset[str]) -> None:
        """These have changed."""
        heard = kinds & self._kinds
        if heard:
            self._heard |= heard
            self._woken.set()

    def end(self) -> None:
        """Nothing more comes."""
        self.ended = True
        self._woken.set()

    async def next(self, patience: float) -> list[str]:
        """What has changed since the last time, in order; nothing when nothing did for so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._woken.wait()
        self._woken.clear()
        heard, self._heard = sorted(self._heard), set()
        return heard


class Events:
    """All who listen in this process.

    Args:
        look: what of organisations changes whenever something does.
    """

    def __init__(self, look: Callable[[Sequence[int]], Awaitable[Mapping[int, Marks]]]) -> None:
        self._look = look
        self._listeners: set[Listener] = set()
        self._seen: dict[int, Marks] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @contextlib.contextmanager
    def listening(self, organisation: int, key: int, kinds: Sequence[str]) -> Iterator[Listener]:
        """Listen for as long as the block lasts.

        Raises:
            RefusedError: there are too many already, or this process ends.
        """
        self._refuse(key)
        listener = Listener(organisation, key, kinds)
        self._listeners.add(listener)
        if self._task is None:
            work = repeat(self._tell, LOOK, _log, "nobody hears what has changed")
            self._task = asyncio.create_task(work)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task, self._seen = None, {}

    def _refuse(self, key: int) -> None:
        if self._closed or len(self._listeners) >= MOST:
            message = "nobody more can listen here now; ask again in a moment"
            raise RefusedError(unavailable(message, "events_full"))
        if Counter(one.key for one in self._listeners)[key] >= MOST_OF_ONE:
            message = f"this key listens {MOST_OF_ONE} times already; close some of these streams"
            raise refuse(429, message, "too_many_streams")

    async def begin(self, organisation: int) -> None:
        """From now on changes of an organisation are heard."""
        if organisation not in self._seen:
            marks = await self._look([organisation])
            self._seen.setdefault(organisation, marks[organisation])

    async def _tell(self) -> None:
        by_organisation: dict[int, list[Listener]] = defaultdict(list)
        for one in self._listeners:
            by_organisation[one.organisation].append(one)
        marks = await self._look(sorted(by_organisation))
        for organisation, listeners in by_organisation.items():
            now, before = marks[organisation], self._seen.get(organisation)
            if before is not None and now != before:
                changed = frozenset(
                    name for name in now.__struct_fields__ if getattr(now, name) != getattr(before, name)
                )
                for one in listeners:
                    one.tell(changed)
        # Who came during the look begins where `begin` looked.
        here = {one.organisation for one in self._listeners}
        self._seen = {one: now for one, now in {**self._seen, **marks}.items() if one in here}

    def close(self) -> None:
        """End all streams: the process ends."""
        self._closed = True
        for one in self._listeners:
            one.end()


async def told(
    realm: Realm, key: str, kinds: Sequence[str], listener: Listener, alive: float = ALIVE
) -> AsyncGenerator[bytes]:
    """What one stream says, until the process ends, or its key: that is looked at each `alive` seconds."""
    yield b"retry: 3000\n" + _event("listening", kinds)
    now = asyncio.get_running_loop().time
    look = now() + alive
    while True:
        heard = await listener.next(max(0, look - now()))
        if listener.ended:
            return
        if heard:
            yield _event("changed", heard)
        if now() < look:
            continue
        caller = await realm.desk.tenants.caller(hash_key(key.encode()), realm.office.now())
        if caller is None or caller.scopes != realm.caller.scopes:
            return  # it is no longer open to this key, or not to all of this
        look = now() + alive
        if not heard:
            yield b": alive\n\n"


def _event(name: str, kinds: Sequence[str]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode({"kinds": list(kinds)}))


async def listen(request: Request, realm: AnyRealm) -> Streamed:
    """Which kinds of things have changed, as server-sent events.

    `listening` comes first, with the kinds that the key may hear: `calls`, `budgets`, `audit`, `jobs`,
    `configuration`. Then `changed` comes, with the kinds that have, at most once a second; what it is that
    changed, the other routes tell. A line `: alive` comes when nothing did for a while. The stream ends
    within seconds of its key.
    """
    events: Events = request.app.state.events
    kinds = kinds_for(realm.caller.scopes)
    key = request.headers["authorization"].partition(" ")[2].strip()
    async with AsyncExitStack() as closing:
        listener = closing.enter_context(events.listening(realm.organisation_id, realm.caller.key_id, kinds))
        await events.begin(realm.organisation_id)
        staying = closing.pop_all()
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    pieces = told(realm, key, kinds, listener)
    return Streamed(pieces, staying, "text/event-stream", headers)


def add_event_routes(router: APIRouter) -> None:
    """Join the route of this page to the API."""
    router.add_api_route(
        "/events", listen, methods=["GET"], tags=["events"], response_class=StreamingResponse
    )
