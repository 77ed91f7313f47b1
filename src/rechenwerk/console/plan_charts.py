"""What charts of a plan show, as the island draws it, and how its figures are written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rechenwerk.console.figures import NONE, Figures
from rechenwerk.console.visit import Visit
from rechenwerk.console.words import Words

_NOTHING = 0.005
"""Less is shown as 0."""


class Shown:
    """How a plan's figures are written in a language.

    Args:
        visit: whose language it is.
    """

    def __init__(self, visit: Visit) -> None:
        self._f: Figures = visit.figures
        self._t: Words = visit.t

    def brief(self, value: float | None) -> str:
        """With about four digits that count."""
        if value is None or not math.isfinite(value):
            return NONE
        size = abs(value)
        if size < _NOTHING:
            return self._f.number(0)
        return self._f.number(value, 0 if size >= 1000 or value == 0 else 1 if size >= 100 else 2)

    def share(self, value: float | None) -> str:
        """12.3 %."""
        return NONE if value is None else f"{self._f.number(value * 100, 1)}\u00a0%"

    def period(self, name: str) -> str:
        """A month or a quarter."""
        return self._f.month(name) if name else NONE

    def value(self, one: Mapping[str, Any]) -> str:
        """An answer: a period where it has one, else its value."""
        if one["unit"] in {"months", "Monate"}:
            return self.period(one["note"]) if one["note"] else self._t("plan.never")
        if one["value"] is None:
            return self._t("plan.none")
        return self.share(one["value"]) if one["unit"] in {"share", "Anteil"} else self.brief(one["value"])

    def unit(self, one: Mapping[str, Any]) -> str:
        """The unit beside it, where one is."""
        plain = one["unit"] in {"months", "Monate", "share", "Anteil"} or one["value"] is None
        return "" if plain else str(self._t.of("plan_unit", one["unit"]))

    def name(self, one: Mapping[str, Any]) -> str:
        """What people call an answer."""
        found = self._t.of("plan_figure", one["key"])
        return str(one["name"]) if found == one["key"] else found


def chosen(result: Mapping[str, Any], keys: Sequence[str]) -> list[Mapping[str, Any]]:
    """Some answers in this order."""
    known = {one["key"]: one for one in result["figures"]}
    return [known[key] for key in keys if key in known]


def fan(result: Mapping[str, Any], t: Words) -> str:
    """Cash over many paths: between the outer and the inner quantiles, the middle, and as expected."""
    low, quarter, middle, three, high = result["quantiles"]["cash"]
    return json.dumps(
        {
            "kind": "fan",
            "unit": result["unit"],
            "x": result["periods"],
            "outer": [low, high],
            "inner": [quarter, three],
            "middle": middle,
            "base": result["base"]["cash"],
            "ruined": result["ruined"],
            "words": words(t),
        }
    )


def words(t: Words) -> dict[str, str]:
    """What a fan's parts are called."""
    return {name: t(f"plan.{name}") for name in ("between", "half", "middle", "expected", "likely")}


def owed(result: Mapping[str, Any], t: Words) -> str | None:
    """Commitments by year, a part for each contract."""
    found = result["obligations"]
    if not found["rows"]:
        return None
    years = [str(year) for year in found["years"]] + [t("plan.later")]
    series = [{"name": name, "data": cells} for name, cells in found["rows"]]
    return json.dumps({"kind": "bars", "unit": result["unit"], "x": years, "series": series})


def tornado(found: Mapping[str, Any], t: Words) -> str:
    """Drivers at their low and high deciles around what is expected."""
    bars = found["bars"][:15]
    return json.dumps(
        {
            "kind": "tornado",
            "unit": found["unit"],
            "middle": found["as_expected"],
            "names": [one["driver"] for one in bars],
            "low": [one["low"] for one in bars],
            "high": [one["high"] for one in bars],
            "words": {"low": t("plan.low"), "high": t("plan.high")},
        }
    )


def sides(found: Mapping[str, Any], t: Words) -> str:
    """Cash of each scenario."""
    series = [
        {"name": one["scenario"] or t("plan.as_written"), "data": one["cash"]} for one in found["sides"]
    ]
    return json.dumps({"kind": "lines", "unit": found["unit"], "x": found["periods"], "series": series})


def graph(found: Mapping[str, Any], t: Words) -> str:
    """Firms and their promises; who failed is marked."""
    failed = {one["firm"]: one["period"] for one in found["failures"]}
    return json.dumps(
        {
            "kind": "graph",
            "unit": found["unit"],
            "firms": [{"name": one["name"], "failed": failed.get(one["name"], "")} for one in found["firms"]],
            "ties": [
                {**one, "what": t.of("plan_tie", one["kind"])}
                for one in found["ties"]
                if one["kind"] in {"purchase", "funding", "debt"}
            ],
            "words": {"failed": t("plan.failed_in")},
        }
    )
