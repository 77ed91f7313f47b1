"""Route of the pulse: what the last minutes were like, provider by provider."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from rechenwerk.office.access import BooksRealm


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
    router.add_api_route("/pulse", show_pulse, methods=["GET"], tags=["books"])
