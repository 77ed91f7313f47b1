"""Route of the pulse: what the last minutes were like, provider by provider."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from rechenwerk.office.access import BooksRealm
from rechenwerk.office.errors import refuse

_STRETCHES = ((6, 300), (24, 900), (72, 3600), (168, 7200))
"""Hours that are looked back at most -> seconds of a stretch: never more than a hundred."""


class BeatView(BaseModel):
    """The last minutes at a provider."""

    provider: str
    calls: int = Field(description="that began, failed attempts among them")
    answers: int
    failed: int = Field(description="failed, or nobody knows how they ended")
    first_byte_us: int | None = Field(description="microseconds to an answer's first byte: the middle one")
    slow_byte_us: int | None = Field(description="what 19 of 20 answers were faster than")


class PulseView(BaseModel):
    """Calls that began in the last minutes and are booked; those under way are not among them."""

    organisation: str
    since: datetime
    minutes: int
    answers_per_minute: str
    calls: int
    answers: int
    failed: int
    providers: list[BeatView]


class StretchView(BaseModel):
    """A stretch of time at a provider; one without calls is not among them."""

    starts: datetime
    provider: str
    calls: int
    answers: int
    failed: int
    first_byte_us: int | None
    slow_byte_us: int | None


class HealthView(BaseModel):
    """How providers answered, from the books."""

    organisation: str
    since: datetime
    seconds: int = Field(description="how long each stretch is")
    everyone: bool = Field(description="calls of all organisations at shared providers")
    stretches: list[StretchView]


async def show_health(
    realm: BooksRealm,
    hours: Annotated[int, Query(ge=1, le=168, description="how far back")] = 24,
    provider: Annotated[str, Query(max_length=200, description="only this one")] = "",
    *,
    everyone: Annotated[bool, Query(description="of all organisations; only for the operator")] = False,
) -> HealthView:
    """How providers answered over the last hours: calls, failures and waiting, by stretches of time."""
    if everyone and not realm.is_operator:
        raise refuse(403, "calls of all organisations are the operator's to see", "missing_scope", "everyone")
    seconds = next(one for most, one in _STRETCHES if hours <= most)
    now = int(realm.office.clock.now())
    since = datetime.fromtimestamp((now - hours * 3600) // seconds * seconds, UTC)
    found = await realm.desk.sums.health(
        None if everyone else realm.organisation_id, since, seconds, provider
    )
    return HealthView(
        organisation=realm.organisation,
        since=since,
        seconds=seconds,
        everyone=everyone,
        stretches=[StretchView(starts=one.starts, **msgspec.structs.asdict(one.beat)) for one in found],
    )


async def show_pulse(
    realm: BooksRealm,
    minutes: Annotated[int, Query(ge=1, le=1440, description="how far back")] = 15,
) -> PulseView:
    """What the last minutes were like: answers, failures and waiting, provider by provider."""
    since = realm.office.now() - timedelta(minutes=minutes)
    beats = await realm.desk.sums.pulse(realm.organisation_id, since)
    answers = sum(one.answers for one in beats)
    return PulseView(
        organisation=realm.organisation,
        since=since,
        minutes=minutes,
        answers_per_minute=f"{answers / minutes:.1f}",
        calls=sum(one.calls for one in beats),
        answers=answers,
        failed=sum(one.failed for one in beats),
        providers=[
            BeatView(
                provider=one.provider,
                calls=one.calls,
                answers=one.answers,
                failed=one.failed,
                first_byte_us=one.first_byte_us,
                slow_byte_us=one.slow_byte_us,
            )
            for one in beats
        ],
    )


def add_pulse_routes(router: APIRouter) -> None:
    """Join the route of this page to the API."""
    router.add_api_route("/health", show_health, methods=["GET"], tags=["books"])
    router.add_api_route("/pulse", show_pulse, methods=["GET"], tags=["books"])
