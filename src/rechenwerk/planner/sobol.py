"""Shares of a line's variance by driver: Sobol's indices (2001, estimators of Saltelli 2010), from SALib.

Apart from `sensitivity` because SALib loads for seconds.
"""

from __future__ import annotations

import numpy as np
from SALib.analyze import sobol as analysis
from SALib.sample import sobol as sampling

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.sensitivity import Index, drawn, outcomes, place_of


def sobol(
    plan: Plan, line: str = "cash", at: str = "", samples: int = 256, seed: int = 1
) -> tuple[Index, ...]:
    """Shares of the variance of a line in one period; the greatest total first.

    Args:
        plan: as built.
        line: what is looked at.
        at: the period; the last unless said otherwise.
        samples: a power of 2; the plan is calculated samples x (drivers + 2) times.
        seed: of the samples and of the intervals.

    Raises:
        PlanError: there are no drivers with a spread, or no such line or period.
    """
    place, drivers = place_of(plan, line, at), drawn(plan)
    if samples < 1 or samples & (samples - 1):
        raise PlanError("{samples} samples; write a power of 2, such as 256", samples=samples)
    problem = {
        "num_vars": len(drivers),
        "names": [one.name for one in drivers],
        "bounds": [[0.0, 1.0]] * len(drivers),
        "dists": ["norm"] * len(drivers),
    }
    normal = sampling.sample(problem, samples, calc_second_order=False, seed=seed)
    outcomes_ = outcomes(plan, drivers, np.asarray(normal, dtype=np.float64), line, place)
    if not np.ptp(outcomes_):
        raise PlanError("{line} is the same whatever the drivers are; look at another line", line=line)
    found = analysis.analyze(problem, outcomes_, calc_second_order=False, seed=seed)
    indices = [
        Index(one.name, *(float(found[key][at_]) for key in ("S1", "S1_conf", "ST", "ST_conf")))
        for at_, one in enumerate(drivers)
    ]
    return tuple(sorted(indices, key=lambda one: -one.total))
