"""Faults drawn by chance, from one seed, so that a day of them can be had again."""

from __future__ import annotations

import random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from tests.fakes.answers import ApiError

if TYPE_CHECKING:
    from tests.fakes.knobs import Knobs

NONE = "none"
FAULTS: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        "refuse": {"cut_before_answer": True},
        "reset": {"cut_before_answer": True, "cut_by_reset": True},
        "cut": {"cut_mid_body": True, "cut_by_reset": True},  # and a stream after a share of its tokens
        "storm": {"status": 429, "retry_after": 1},  # this call, and the next chaos_storm - 1
        "error": {"status": 500},
        "overloaded": {"status": 503},
        "hang": {"hang": True},
        "stall": {"stall_after_events": 2},  # what is no stream hangs
        "malformed": {"malformed_after_events": 2},
        "wrong_usage": {},
        "no_usage": {"no_usage": True},
    }
)
"""What can be drawn, and the knobs that it turns; `chaos` gives each its share of the calls."""


class Chaos:
    """Two numbers are taken for every draw, whatever comes of it, so that shares do not shift the series."""

    def __init__(self) -> None:
        self._seed: int | None = None
        self._random = random.Random()
        self._storm = 0

    def draw(self, knobs: Knobs) -> str:
        """The fault for the next call; `none` is one, too."""
        if knobs.chaos_seed != self._seed:
            self._seed, self._storm = knobs.chaos_seed, 0
            self._random = random.Random(knobs.chaos_seed)
        unknown = set(knobs.chaos) - set(FAULTS)
        if unknown:
            raise ApiError(400, f"No such fault: {', '.join(sorted(unknown))}", param="x_fake")
        self._detail = self._random.random()
        at = self._random.random()
        if self._storm:
            self._storm -= 1
            return "storm"
        for fault in FAULTS:
            at -= knobs.chaos.get(fault, 0)
            if at < 0:
                if fault == "storm":
                    self._storm = max(knobs.chaos_storm - 1, 0)
                return fault
        return NONE

    def apply(self, fault: str, knobs: Knobs, *, streamed: bool) -> Knobs:
        """The knobs with the fault's own turned, as drawn last."""
        changes = dict(FAULTS.get(fault, {}))
        if fault == "cut":
            changes["cut_after_tokens"] = self._detail
        if fault == "stall" and not streamed:
            changes = {"hang": True}
        if fault == "wrong_usage":
            changes["wrong_usage"] = 1 + int(self._detail * 9)
        return msgspec.structs.replace(knobs, **changes)
