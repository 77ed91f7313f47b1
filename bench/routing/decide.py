"""How long a decision and a solve take: 20 supplies under 10 contracts, 10 classes.

python -m bench.routing.decide
"""

from __future__ import annotations

import statistics
import time

from rechenwerk.routing.desk import Desk
from rechenwerk.routing.forecast import Seasonal
from rechenwerk.routing.plan import Situation
from rechenwerk.routing.solver import Habits, Solver
from rechenwerk.routing.supply import Cap, Credit, Demand, Minimum, Supply, Vector

WINDOW = 60.0


def tokens(per_input: float, per_output: float) -> Vector:
    return (per_input, 0.0, 0.0, per_output, 0.0, 0.0, 0.0, 0.0)


def situation(now: float, supplies: int = 20, classes: int = 10) -> Situation:
    """Ten contracts: three minimums, three credits, four quotas; every second supply has a cap per minute."""
    everybody = tuple(range(1, supplies + 1))
    week = now + 7 * 86400.0
    caps = [Cap(f"minute {at}", (at,), tokens(1, 4), 6.0, WINDOW, kept=0.6) for at in everybody[::2]]
    caps += [Cap(f"day {at}", (at,), tokens(1, 1), 400.0, 86400.0) for at in everybody[:4]]
    return Situation(
        now=now,
        measure=tokens(1, 4),
        supplies=tuple(Supply(at, f"s{at}", tokens(0.5 + at / 40, 2 + at / 10)) for at in everybody),
        caps=tuple(caps),
        credits=tuple(Credit(f"credit {at}", (at,), 9000.0, week, overflow=at % 2 == 0) for at in (5, 6, 7)),
        minimums=tuple(Minimum(f"minimum {at}", (at, at + 1), 20000.0, 0.0, week) for at in (8, 10, 12)),
        demands=tuple(
            Demand(at, f"class {at}", tokens(0.5, 0.125), everybody[at % 3 :: 1 + at % 2], 30.0)
            for at in range(classes)
        ),
        taken=(0.0,) * len(caps),
        ordinary=(0.0,) * len(caps),
        arrived=(tokens(0, 0),) * classes,
        window_began=now,
        window=WINDOW,
    )


def main() -> None:
    begins = 8 * 86400.0
    case = situation(begins)
    forecast = Seasonal(case.measure, len(case.demands), WINDOW)
    for at in range(2 * 1440):
        level = 4.0 * (1 + 0.3 * (at % 7 - 3) / 3)
        forecast.observe(
            begins - (2 * 1440 - at) * WINDOW, [tokens(level / 2, level / 8)] * len(case.demands)
        )
    solver = Solver(forecast, Habits(strategic_every=0.0))
    plan = solver.solve(case)
    whole = []
    for _ in range(5):
        start = time.process_time()
        plan = solver.solve(case)
        whole.append(time.process_time() - start)
    calm = Solver(forecast)
    calm.solve(case)
    start = time.process_time()
    for _ in range(50):
        calm.solve(case)
    tactical = (time.process_time() - start) / 50
    desk = Desk(plan)
    usage = tokens(1e-6, 1e-6)
    taken = []
    for at in range(20000):
        start_ns = time.perf_counter_ns()
        order = desk.order(at % 10, begins + 1)
        desk.placed(at % 10, order[0], usage, begins + 1)
        taken.append(time.perf_counter_ns() - start_ns)
    taken.sort()
    print(f"decision, order and placed: p50 {taken[10000] / 1000:.1f} us, p99 {taken[19800] / 1000:.1f} us")
    both = statistics.median(whole) * 1000
    print(f"strategic + tactical: {both:.1f} ms of CPU; tactical alone: {tactical * 1000:.2f} ms")


if __name__ == "__main__":
    main()
