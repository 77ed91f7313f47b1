"""A plan in a notebook or a script: labelled arrays, what many paths say, and what a change does.

python docs/examples/plan/notebook.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rechenwerk import planner
from rechenwerk.planner.api import open_plan

FIRM = Path(planner.__path__[0], "examples", "firm.toml")


def main() -> None:
    """Print a few answers."""
    plan = open_plan(FIRM)
    base = plan.base()
    cash = base["cash"]
    print(f"{base.attrs['title']}: cash in {cash.attrs['units']}, = {cash.attrs['formula']}")
    print(cash.sel(period=["2026-12", "2027-12", "2028-12"]).to_series().round(2).to_string())

    paths = plan.paths(["cash", "users"], paths=2000)
    last = paths.isel(period=-1)
    print(f"correlation of users and cash at the end: {np.corrcoef(last['users'], last['cash'])[0, 1]:.2f}")
    print(f"the worst path in twenty ends with {float(last['cash'].quantile(0.05)):.2f} or less")

    for name in ("", *plan.scenarios):
        outcome = open_plan(FIRM, name).run(["cash"], paths=4000)
        print(f"{name or 'as written'}: cash runs out in {float(outcome['ruined'][-1]):.1%} of all paths")

    fewer = np.where(cash.starts >= np.datetime64("2027-07"), 0.8, 1.0)
    lost = base["cash"] - plan.base({"users": fewer})["cash"]
    print(f"a fifth fewer users from July 2027 cost {float(lost[-1]):.2f} of cash by the end")


if __name__ == "__main__":
    main()
