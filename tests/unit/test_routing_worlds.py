"""From a trace and contracts to a simulation: classes, amounts, who may serve whom, what is audited."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from rechenwerk.office.portfolios import parse_portfolio
from rechenwerk.routing.baselines import Fixed
from rechenwerk.routing.contest import AuditError, Figures, audit, half_width, paired, play, summary
from rechenwerk.routing.entrants import chosen, contest
from rechenwerk.routing.forecast import Seasonal
from rechenwerk.routing.foresight import Biased, Foreseen
from rechenwerk.routing.hindsight import bound
from rechenwerk.routing.portfolios import PortfolioError
from rechenwerk.routing.supply import Supply
from rechenwerk.routing.traces import Calls, Clients, read
from rechenwerk.routing.worlds import Case, prepare

ON_DEMAND = """
[[contract]]
name = "cloud"
provider = "cloud"
kind = "on-demand"
[[deployment]]
model = "m"
provider = "cloud"
contract = "cloud"
cost = { input = "2", output = "8" }
jurisdiction = "US"
"""
OWN = """
[[site]]
name = "cellar"
jurisdiction = "local"
prices = "0.50"
[[contract]]
name = "own"
provider = "own"
kind = "own-hardware"
starts = 2020-01-01
purchase = "1000"
months = 120
site = "cellar"
idle_kw = "1"
load_kw = "4"
throughput = "600"
weights = { input = "1", output = "4" }
[[deployment]]
model = "m"
provider = "own"
contract = "own"
cost = { input = "1" }
site = "cellar"
level = "own"
"""


def calls(text: str) -> Calls:
    found = read(text.strip().splitlines(keepends=True))
    assert isinstance(found, Calls)
    return found


def case(contracts: str, trace: str, history: float | None = 0.0, seed: int = 0) -> Case:
    return prepare(calls(trace), parse_portfolio(contracts), history, seed)


def clients(count: int = 12, days: int = 2) -> Clients:
    draw = np.random.default_rng(5)
    windows = days * 144
    return Clients(
        names=tuple(map(str, range(count))),
        window=600.0,
        span=21600.0,
        rates=draw.lognormal(-1, 1, (count, windows)),
        spread=draw.uniform(0.3, 3, (count, windows)),
        lengths=draw.lognormal((6, 5), 0.5, (count, days * 4, 2)),
        sigmas=np.full((count, days * 4, 2), 0.5),
    )


TWO = """
time,tenant,data_class,service,input,output
1767225600,a,internal,standard,1000000,0
1767225700,b,confidential,critical,0,250000
1767225990,a,internal,standard,0,1000000
"""


def test_calls_keep_their_times_and_have_classes_by_what_they_say() -> None:
    found = case(ON_DEMAND.replace('"US"', '"DE"\nlevel = "own"'), TWO)
    assert [one.name for one in found.world.demands] == ["internal, standard", "confidential, critical"]
    assert [one.at for one in found.arrivals] == [1767225600, 1767225700, 1767225990]
    assert found.world.ends_at == 1767225600 + 600, "two windows of five minutes"
    assert found.spend() == pytest.approx(2 + 2 + 8)


def test_who_refuses_pays_by_class() -> None:
    found = case(ON_DEMAND.replace('"US"', '"DE"\nlevel = "own"'), TWO)
    # List price per million weighted tokens, 1 for input and 4 for output: 2. Critical costs ten times that.
    assert [one.penalty for one in found.world.demands] == [pytest.approx(6), pytest.approx(20)]
    said = ON_DEMAND.replace('"US"', '"DE"\nlevel = "own"') + "[simulation]\nrefused = { critical = 7 }\n"
    assert [one.penalty for one in case(said, TWO).world.demands] == [pytest.approx(6), 7]
    trace = TWO.replace("service,", "service,refusal,").replace("standard,", "standard,0.5,")
    trace = trace.replace("critical,", "critical,,")
    assert [one.penalty for one in case(said, trace).world.demands] == [0.5, 7]


def test_hard_rules() -> None:
    world = case(ON_DEMAND + OWN, TWO).world
    assert {one.name: one.supplies for one in world.demands} == {
        "internal, standard": (1, 2),
        "confidential, critical": (2,),
    }
    with pytest.raises(
        PortfolioError, match="nobody may serve the class 'confidential, critical'; add a deployment"
    ):
        case(ON_DEMAND, TWO)


def test_a_grant_is_for_whoever_stands_on_it() -> None:
    grant = (
        ON_DEMAND
        + """
[[contract]]
name = "gift"
provider = "public"
kind = "grant"
quantity = "288000"
unit = "token"
per = "day"
projects = ["org/a"]
approval = { by = "council", on = 2025-01-01 }
[[deployment]]
model = "m"
provider = "public"
contract = "gift"
cost = { input = "0" }
"""
    )
    trace = TWO.replace("confidential", "internal")
    world = case(grant, trace).world
    assert [(one.name, one.supplies) for one in world.demands] == [
        ("internal, standard, gift", (1, 2)),
        ("internal, critical", (1,)),
    ]
    gift = next(one for one in world.caps if one.name == "gift")
    assert (gift.amount, gift.seconds) == (2000, 600), "ten minutes of a day's 288,000"


def test_own_hardware_costs_energy_and_keeps_a_reserve() -> None:
    world = case(ON_DEMAND + OWN + "[simulation]\nreserve = 0.25\n", TWO).world
    own = world.supplies[1]
    # 3 kW above idle at 0.50 per kWh for 36,000 weighted tokens an hour.
    assert own.rates[0] == pytest.approx(1.5 / 36000)
    assert own.rates[3] == pytest.approx(4 * 1.5 / 36000)
    cap = next(one for one in world.caps if one.supplies == (own.id,))
    assert (cap.amount, cap.seconds, cap.kept) == (3000, 300, 750), "600 a minute for a window of five"


def test_amounts_count_for_as_long_as_the_simulation_lasts() -> None:
    text = (
        ON_DEMAND.replace('kind = "on-demand"', 'kind = "take-or-pay"\nminimum = "310"\nperiod = "month"')
        + """
[[contract]]
name = "credit"
provider = "other"
kind = "prepaid-credit"
balance = "100"
starts = 2026-01-01
ends = 2026-01-20
[[deployment]]
model = "m"
provider = "other"
contract = "credit"
cost = { input = "2", output = "8" }
"""
    )
    week = "time,input\n" + "".join(f"{1767225600 + 86400 * day},1000\n" for day in range(5))
    world = case(text + '[simulation]\nwindow = "1d"\n', week).world
    least, credit = world.minimums[0], world.credits[0]
    assert least.amount == pytest.approx(50.0), "five of January's 31 days of 310"
    assert credit.left == pytest.approx(25.0), "five of the 20 days that 100 are for"
    assert least.ends_at == credit.ends_at == world.ends_at


def test_a_quota_by_the_day_is_one_for_each_day() -> None:
    text = ON_DEMAND.replace(
        'kind = "on-demand"', 'kind = "on-demand"\ncaps = [{ amount = "700", per = "day" }]'
    )
    days = "time,input\n" + "".join(f"{1767225600 + 86400 * day},1000\n" for day in range(5))
    cap = case(text + '[simulation]\nwindow = "1d"\n', days).world.caps[0]
    assert (cap.amount, cap.seconds, cap.starts_at % 86400) == (700, 86400, 0)


def test_a_credit_that_ends_in_time_is_all_there() -> None:
    text = ON_DEMAND.replace(
        'kind = "on-demand"',
        'kind = "prepaid-credit"\nbalance = "100"\nstarts = 2025-12-01\nends = 2026-01-02',
    )
    week = "time,input\n" + "".join(f"{1767225600 + 86400 * day},1000\n" for day in range(5))
    credit = case(text + '[simulation]\nwindow = "1d"\n', week).world.credits[0]
    assert (credit.left, credit.ends_at) == (100, 1767225600 + 2 * 86400)


def test_contracts_that_begin_or_end_within_are_out_for_the_rest() -> None:
    text = ON_DEMAND.replace(
        'kind = "on-demand"', 'kind = "on-demand"\nstarts = 2026-01-02\nends = 2026-01-03'
    )
    week = "time,input\n" + "".join(f"{1767225600 + 86400 * day},1000\n" for day in range(5))
    world = case(text + '[simulation]\nwindow = "1d"\n', week).world
    out = [
        ((one.begins_at - world.begins_at) / 86400, (one.ends_at - world.begins_at) / 86400)
        for one in world.outages
    ]
    assert out == [(0, 1), (3, 5)]


def test_days_need_a_trace_with_days() -> None:
    text = ON_DEMAND.replace('kind = "on-demand"', 'kind = "on-demand"\nends = 2026-01-03')
    with pytest.raises(PortfolioError, match="contract 'cloud' has days and the trace has none; add begins"):
        case(text, "time,input\n0,1\n900,1\n")
    found = case(text + "[simulation]\nbegins = 2026-01-01\n", "time,input\n0,1\n900,1\n")
    assert found.arrivals[0].at == 1767225600


def test_what_does_not_go_together() -> None:
    two = ON_DEMAND + ON_DEMAND.replace('"m"', '"n"').replace('"cloud"', '"c2"')
    with pytest.raises(PortfolioError, match=r"names no model and the file has m, n; add a column model"):
        case(two, "time,input\n0,1\n900,1\n")
    assert case(two + '[simulation]\nmodel = "n"\n', "time,input\n0,1\n").world.demands[0].supplies == (2,)
    with pytest.raises(PortfolioError, match="nothing is left to judge"):
        case(ON_DEMAND, "time,input\n0,1\n900,1\n", history=9000.0)


def test_a_time_that_is_far_off_is_told() -> None:
    with pytest.raises(
        PortfolioError, match=r"lasts 20,454 days in windows of 5m: too many.*whether a time is wrong"
    ):
        case(ON_DEMAND, "time,input\n0,1\n1767225600,1\n")


def test_history_is_what_was_before() -> None:
    found = case(ON_DEMAND, "time,input\n0,1\n300,2\n600,4\n900,8\n", history=None)
    assert found.history[:, 0, 0].tolist() == [1, 2]
    assert [one.usage[0] for one in found.arrivals] == [4, 8]


def test_tenants_with_short_and_with_long_answers_are_classes() -> None:
    trace = "time,tenant,input,output\n0,a,100,1\n1,b,100,50\n2,c,100,49\n3,d,100,2\n"
    world = case(ON_DEMAND, trace).world
    assert [one.name for one in world.demands] == [
        "internal, standard, short answers",
        "internal, standard, long answers",
    ]
    assert [one.demand for one in case(ON_DEMAND, trace).arrivals] == [0, 1, 1, 0]


DRAWN = (ON_DEMAND + OWN).replace(
    "600", "60000000"
) + "[simulation]\nbegins = 2026-01-01\nrestricted = 0.4\ncritical = 0.03\n"


def test_classes_that_a_seed_draws() -> None:
    portfolio = parse_portfolio(DRAWN + "requests_per_second = 2\nkeep = 1\njitter = 0\n")
    found = prepare(clients(), portfolio, None, 1)
    volume = np.concatenate([found.history.sum(axis=0)]) @ np.array(found.world.measure)
    share = volume / volume.sum()
    assert [one.service for one in found.world.demands] == ["standard"] * 4 + ["critical"]
    assert 0.35 < share[2:].sum() < 0.75, "whole tenants until forty per cent are passed"
    everything = np.zeros(5)
    for one in found.arrivals:
        everything[one.demand] += one.usage[0] + 4 * one.usage[3]
    whole = found.history.sum(axis=0) @ np.array([1.0, 0, 0, 4, 0, 0, 0, 0]) + everything
    assert whole[4] / whole.sum() == pytest.approx(0.03, abs=0.004)
    requests = found.history[..., 7].sum() + sum(one.usage[7] for one in found.arrivals)
    assert requests / (2 * 86400) == pytest.approx(2, rel=0.1)


def test_a_seed_draws_the_same_again_and_another_does_not() -> None:
    portfolio = parse_portfolio(DRAWN)
    first, again, other = (prepare(clients(), portfolio, None, seed).arrivals for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_sizes_follow_the_history() -> None:
    text = ON_DEMAND.replace(
        'kind = "on-demand"',
        'kind = "take-or-pay"\nminimum = "1"\nperiod = "month"\ncaps = [{ amount = "1", per = "minute" }]',
    )
    sized = '[[simulation.sized]]\ncontract = "cloud"\ncap = 0.5\nminimum = 0.25\nprice = 3\n'
    trace = "time,input,output\n0,4000000,0\n300,0,1000000\n600,1,0\n900,1,0\n"
    world = case(text + sized, trace, history=None).world
    # Two windows of 4 million weighted tokens; the cap counts every token as 1: 5 million of 8.
    assert world.caps[0].amount == pytest.approx(0.5 * 4 * 5e6 / 8)
    assert world.minimums[0].amount == pytest.approx(0.25 * 3 * 8)
    assert world.supplies[0].rates[0] == pytest.approx(3e-6)


def test_the_bound_and_the_audit_hold_for_everybody() -> None:
    found = case(ON_DEMAND + OWN, TWO)
    best = bound(found.world, found.arrivals)
    for figures, course in contest(found, "two", chosen([], [])):
        assert figures.cost >= best.cost - 1e-9
        assert figures.violations == 0
        assert course.volumes.sum() + course.refused.sum() == pytest.approx(1 + 1 + 4)


def test_an_audit_sees_what_a_trace_breaks() -> None:
    found = case(ON_DEMAND + OWN + "[simulation]\nreserve = 0.25\n", TWO)
    # The cap of `own` is 3000 weighted tokens a window; all of the first call goes there, and the second,
    # which is confidential, to the cloud.
    seen = audit(found, [(0, 0, 2, 1.0), (1, 1, 1, 1.0)])
    assert (seen.violations, seen.overrun, seen.forbidden) == (1, 1, 1)
    third = 4 * found.world.demands[0].penalty
    assert seen.cost == pytest.approx(1e6 * 1.5 / 36000 + 2 + third)


def test_critical_work_that_fits_into_the_reserve_is_a_promise() -> None:
    text = ON_DEMAND + OWN + "[simulation]\nreserve = 0.25\n"  # keeps 750 of 3000 a window
    trace = "time,data_class,service,input\n"
    trace += "1767225600,confidential,critical,700\n1767225900,confidential,critical,800\n"
    found = case(text, trace)
    best = bound(found.world, found.arrivals)
    assert play(found, "p", "nobody", Fixed({0: ()}), best)[0].broken == pytest.approx(700 / 1500)
    assert play(found, "p", "own", Fixed({0: (2,)}), best)[0].critical == 0


def test_a_run_that_is_cheaper_than_the_bound_is_told() -> None:
    found = case(ON_DEMAND, "time,input\n0,1000000\n")
    best = bound(found.world, found.arrivals)
    better = msgspec.structs.replace(best, cost=best.cost + 1)
    with pytest.raises(AuditError, match="'x' cost 2, less than the bound 3"):
        play(found, "p", "x", Fixed({0: (1,)}), better)


def test_an_order_names_contracts() -> None:
    found = case(ON_DEMAND + OWN, TWO)
    assert next(contest(found, "two", chosen(["list-price"], ["own,cloud"])))[0].policy == "list-price"
    with pytest.raises(PortfolioError, match="--order names 'clod'; choose from cloud, own"):
        list(contest(found, "two", chosen(["random"], ["clod"])))


def figures(policy: str, seed: int, cost: float, portfolio: str = "p") -> Figures:
    return Figures(policy, portfolio, seed, cost, 10.0, 100.0, 0.0, 0.0, 0.0, math.nan, 0.0, 0.0, 0.0, 0)


def test_pairs_count_seeds_not_simulations() -> None:
    table = [figures("a", seed, 11.0) for seed in range(3)]
    table += [figures("b", seed, cost) for seed, cost in enumerate((12.0, 13.0, 14.0))]
    found = paired(table, "b", "a")
    half = 4.303 * 0.1 / math.sqrt(3)
    assert [found.difference, found.low, found.high] == pytest.approx([0.2, 0.2 - half, 0.2 + half])
    twice = [*table, *(msgspec.structs.replace(one, portfolio="q") for one in table)]
    assert paired(twice, "b", "a").low == pytest.approx(found.low)
    assert (paired(twice, "a", "b").better, paired(twice, "a", "b").of) == (6, 6)
    assert math.isnan(half_width([1.0]))


def test_a_summary() -> None:
    table = [figures("a", seed, cost) for seed, cost in enumerate((10.0, 11.0, 15.0))]
    found = summary("a", table)
    assert [found.ratio, found.median, found.worst] == pytest.approx([1.2, 1.1, 1.5])
    assert found.regret == pytest.approx(0.02)
    assert figures("a", 0, 10.0).ratio == 1.0


def test_foresight_knows_the_volumes_and_bias_never_learns() -> None:
    usual = Seasonal((1.0,), 1, 10.0)
    usual.observe(0.0, [(5.0,)])
    seen = Foreseen(usual, 10.0, 10.0, np.array([[1.0], [2.0], [3.0]])).outlook(20.0, [20.0, 40.0, 70.0])
    assert [sum(count * volumes[0] for count, volumes in one.kinds) for one in seen.periods] == [5.0, 0.0]
    wrong = Biased(usual, 0.5)
    assert wrong.present(10.0).mean[0] == pytest.approx(0.5 * usual.present(10.0).mean[0])


def test_supplies_past_bought_capacity() -> None:
    text = (
        ON_DEMAND
        + """
[[contract]]
name = "units"
provider = "big"
kind = "provisioned"
starts = 2026-01-01
ends = 2026-12-31
overflow = { rule = "shared" }
blocks = [{ name = "unit", units = "2", hold_fee = "1", throughput = "100" }]
[[deployment]]
model = "m"
provider = "big"
contract = "units"
cost = { input = "3", output = "9" }
"""
    )
    world = case(text, TWO.replace("confidential", "internal")).world
    names = {one.name: one for one in world.supplies}
    assert set(names) == {"cloud", "units", "units (shared)"}
    assert names["units"].rates[0] == 0
    assert names["units (shared)"].rates[0] == pytest.approx(3e-6)
    assert isinstance(names["units (shared)"], Supply)
    assert [one.amount for one in world.caps] == [1000], "two units of 100 for five minutes"
