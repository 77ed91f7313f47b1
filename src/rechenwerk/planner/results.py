"""All that a calculation found, for machines; money in the plan's unit."""

from __future__ import annotations

from typing import Any

from rechenwerk.planner.economics import services, usage
from rechenwerk.planner.engine import Values
from rechenwerk.planner.late import late
from rechenwerk.planner.measures import measures
from rechenwerk.planner.outputs import obligations, onerous, provisions
from rechenwerk.planner.ownership import cap_table, shown
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.running import Outcome
from rechenwerk.planner.showing import STATEMENTS, STOCKS


def document(plan: Plan, values: Values, outcome: Outcome) -> dict[str, Any]:
    """The base case, its answers, and what many paths give."""
    scale = plan.money.scale
    owners = cap_table(plan, values)
    return {
        "title": plan.written.head.title,
        "unit": plan.written.head.shown_in,
        "periods": plan.axis.names,
        "figures": measures(plan, values),
        "base": {name: (values[name][:, 0] / scale).tolist() for name in (*STATEMENTS, *STOCKS)},
        "obligations": obligations(plan, values),
        "onerous": onerous(plan, values),
        "provisions": provisions(plan, values),
        "services": services(plan, values),
        "contracts": usage(plan, values),
        "ownership": None if owners is None else shown(owners),
        **spread(plan, outcome),
        "late": late(plan, values),
        "violations": outcome.violations,
        "checked": outcome.checked,
    }


def spread(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """What many paths give: quantiles by line (levels, periods), and when cash has run out."""
    scale = plan.money.scale
    return {
        "paths": outcome.paths,
        "seed": outcome.seed,
        "levels": outcome.levels,
        "quantiles": {name: (band.quantiles / scale).tolist() for name, band in outcome.bands.items()},
        "mean": {name: (band.mean / scale).tolist() for name, band in outcome.bands.items()},
        "ruined": outcome.ruined.tolist(),
        "gap": (outcome.gap / scale).tolist(),
    }
