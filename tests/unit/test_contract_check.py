"""Bad contracts: one clear line each, with the place and the fix; and what may not change."""

from __future__ import annotations

import tomllib
from datetime import date

import msgspec
import pytest
from hypothesis import given, settings

from rechenwerk.contracts.changes import may_change
from rechenwerk.contracts.check import check
from rechenwerk.contracts.ports import Deployed
from rechenwerk.contracts.terms import Contract
from rechenwerk.ledger.prices import FREE
from tests.unit.contract_examples import FOLDER, example
from tests.unit.contract_strategies import contracts

COMMITMENT = 'kind = "take-or-pay"; minimum = "10"; period = "year"; starts = 2026-01-01; ends = 2026-12-31'
CREDIT = 'kind = "prepaid-credit"; balance = "10"'
BLOCK = 'name = "PTU", units = "20", hold_fee = "1", least = "15", increment = "5"'
HARDWARE = 'kind = "own-hardware"; purchase = "10"; months = 60; throughput = "1"; starts = 2026-01-01'
GRANT = 'kind = "grant"; quantity = "10"; unit = "GPU-hour"; starts = 2026-01-01; ends = 2026-12-31'


def contract(text: str, name: str = "c") -> Contract:
    table = {"name": name, "provider": "p", "kind": "on-demand"} | tomllib.loads(text.replace("; ", "\n"))
    found: Contract = msgspec.convert(table, Contract)
    return found


def deployed(model: str, name: str, provider: str = "p") -> Deployed:
    return Deployed(name=f"{model}@{name}", model=model, provider=provider, contract=name, rates=FREE)


ALONE = f"""
    kind = "take-or-pay"; minimum = "10"; starts = 2026-01-01
        period: it has a minimum without a period; add period = "year" (or hour, day, month, quarter, term)
    starts = 2026-02-01; ends = 2026-01-31
        ends: it ends on 2026-01-31, before it starts on 2026-02-01; write a last day from 2026-02-01 on
    starts = 2026-02-01; since = 2026-01-31
        since: these terms hold since 2026-01-31, before it starts on 2026-02-01; write a day from \
2026-02-01 on, or leave since out
    notice_days = 30
        ends: notice is to be given before it ends, but it has no end; add ends = …
    anchor = "starts"
        starts: its months count from its first day, which is not told; add starts = …
    renews = "year"
        ends: it renews, but it has no end at which it could; add ends = …, or leave renews out
    pricing.discount = "1.5"
        pricing.discount: discount is a share from 0 to below 1, not 1.5; nine per cent is "0.09"
    pricing.discount = "-0.1"
        pricing.discount: discount is a share from 0 to below 1, not -0.1; nine per cent is "0.09"
    pricing.factors = {{ batch = "-0.5" }}
        pricing.factors.batch: batch is below zero: -0.5; write zero or more
    pricing.step.size = 0
        pricing.step.size: a step is at least one unit; write size = 1 or more
    pricing.free = {{ amount = "0", per = "month" }}
        pricing.free.amount: amount must be above zero, not 0; write a number above zero
    pricing.tiers = {{ measure = "spend", per = "month", steps = [] }}
        pricing.tiers.steps: there are no tiers; add steps = [{{ above = "0", factor = "1" }}]
    pricing.tiers = {{ measure = "spend", per = "month", steps = [{{ above = "5" }}] }}
        pricing.tiers.steps.0.above: the first tier begins at 0; write above = "0"
    pricing.tiers = {{ measure = "spend", per = "month", steps = [{{}}, {{ above = "5" }}, {{ above = "5" \
}}] }}
        pricing.tiers.steps.2.above: a tier from 5 follows one from 5; write tiers in ascending order
    pricing.tiers = {{ measure = "spend", per = "month", steps = [{{ rates = {{ input = "-1" }} }}] }}
        pricing.tiers.steps.0.rates.input: input is below zero: -1; write zero or more
    caps = [{{ amount = "-5", per = "minute" }}]
        caps.0.amount: amount must be above zero, not -5; write a number above zero
    caps = [{{ amount = "5", per = "minute", weights = {{ input = "0" }} }}]
        caps.0.weights: nothing weighs anything; give some bucket a weight above zero
    caps = [{{ amount = "5", per = "minute", measure = "spend", weights = {{ input = "1" }} }}]
        caps.0.weights: a cap on spend weighs by price; leave weights out
    caps = [{{ amount = "1e99", per = "minute" }}]
        caps.0.amount: amount is no number that people use: 1E+99; write it like "12.50"
    caps = [{{ amount = "nan", per = "minute" }}]
        caps.0.amount: amount is no number that people use: NaN; write it like "12.50"
    covers = ["c"]
        covers: only a prepaid credit or take-or-pay can stand over other contracts; leave covers \
out|covers.0: it covers itself; take it out of covers
    kind = "prepaid-credit"; balance = "-1"
        balance: balance must be above zero, not -1; write a number above zero
    {CREDIT}; paid = "-1"
        paid: paid is below zero: -1; write zero or more
    {COMMITMENT}; measure = "quantity"
        unit_price: a minimum in quantity needs a price; add unit_price = …, per weighted unit
    {COMMITMENT}; unit_price = "1"
        unit_price: a minimum in money has no unit price; write measure = "quantity", or leave it out
    {COMMITMENT}; counts = "list"; committed_discount = "0.1"
        committed_discount: charges count at list rates, so a discount up to the minimum has no end; write \
counts = "paid"
    {COMMITMENT}; shortfall = {{ rule = "prepayment" }}
        shortfall.months: a prepayment lasts no month; write months = 12, say
    {COMMITMENT}; shortfall = {{ rule = "pay", months = 3 }}
        shortfall.months: months belong to a prepayment; write rule = "prepayment", or leave it out
    {COMMITMENT}; milestones = [{{ by = 2026-06-30, amount = "5" }}]
        milestones: milestones divide the minimum of a term; write period = "term", or leave milestones out
    {COMMITMENT.replace("year", "term")}; milestones = [{{ by = 2027-06-30, amount = "5" }}]
        milestones.0.by: 2027-06-30 is outside its term; write a day between starts and ends
    {COMMITMENT.replace("year", "term")}; milestones = [{{ by = 2026-06-30, amount = "50" }}]
        milestones.0.amount: 50 is above the minimum of the term, 10; write what is due by then, counted \
from the start
    kind = "take-or-pay"; minimum = "10"; period = "term"; starts = 2026-01-01
        ends: period is its term, which has no ends; add ends = …
    kind = "provisioned"; blocks = []
        blocks: nothing was bought; add [[contract.blocks]]
    kind = "provisioned"; blocks = [{{ {BLOCK.replace("20", "10")} }}]
        blocks.0.units: 10 units, at least 15 can be bought; write 15 or more
    kind = "provisioned"; blocks = [{{ {BLOCK.replace("20", "22")} }}]
        blocks.0.units: 22 is no multiple of 5 from 15 on; units are bought in steps of 5
    kind = "provisioned"; blocks = [{{ {BLOCK} }}, {{ {BLOCK}, weights = {{ input = "1" }} }}]
        blocks.1.weights: blocks called 'PTU' add up, but weigh differently; give them the same weights, or \
other names
    kind = "provisioned"; upfront = "1"; blocks = [{{ {BLOCK} }}]
        upfront: a part of the term is paid at its start, but it has no term; add starts and ends
    {HARDWARE}; residual = "11"
        residual: it is worth more at the end than it cost; write what it will still be worth
    {HARDWARE}; idle_kw = "2"; load_kw = "1"
        load_kw: it draws less at full load (1 kW) than idle (2 kW); write the power at full throughput
    {HARDWARE.replace("60", "0")}
        months: it is written off over no month; write months = 60, say
    {HARDWARE}; pue = "0.9"
        pue: a PUE is at least 1; write what the site draws over what its machines draw
    {GRANT}; use_by = 2027-01-01
        use_by: 2027-01-01 is outside its term; write a day between starts and ends
    {GRANT}; usage_per_unit = "0"
        usage_per_unit: usage_per_unit must be above zero, not 0; write a number above zero
    overflow = {{ rule = "spill" }}
        overflow.to: it spills, but not to where; add to = "…", the name of a contract
    overflow = {{ rule = "shared", to = "c" }}
        overflow.to: overflow goes to 'c', but its rule is 'shared'; write rule = "spill", or leave to out
    overflow = {{ rule = "spill", to = "d" }}
        overflow.to: there is no contract 'd'; choose from c
    {CREDIT}; covers = ["c"]
        covers.0: it covers itself; take it out of covers
    {CREDIT}; covers = ["ccc"]
        covers.0: there is no contract 'ccc'; choose from c
    models = ["gpt-5"]
        models.0: model 'gpt-5' is bound to no deployment under it; add a [[deployment]] of "gpt-5" with \
contract = "c", or take it out
"""


def alone() -> list[tuple[str, str]]:
    lines = [line.strip() for line in ALONE.strip().splitlines()]
    return list(zip(lines[::2], lines[1::2], strict=True))


@pytest.mark.parametrize(("text", "told"), alone())
def test_a_mistake_is_told_with_its_place_and_its_fix(text: str, told: str) -> None:
    problems = check([contract(text)], [])
    assert [f"{one.field}: {one.message}; {one.fix}" for one in problems] == told.split("|")


TOGETHER = f"""
    # two that both claim the same call
    a: {CREDIT}; covers = ["c"]
    b: {CREDIT}; covers = ["c"]
    c:
        b.order: 'b' and 'a' both claim the calls of 'c'; give each an order (the lowest is drawn first), \
or take it out of one's covers

    # with an order it is clear
    a: {CREDIT}; covers = ["c"]; order = 1
    b: {CREDIT}; covers = ["c"]; order = 2
    c:

    # the same order is none
    a: {CREDIT}; covers = ["c"]; order = 1
    b: {CREDIT}; covers = ["c"]; order = 1
    c:
        b.order: 'b' and 'a' both claim the calls of 'c'; give each an order (the lowest is drawn first), \
or take it out of one's covers

    # one after the other they claim different calls
    a: {CREDIT}; covers = ["c"]; ends = 2026-06-30
    b: {CREDIT}; covers = ["c"]; starts = 2026-07-01
    c:

    # a credit and a commitment over one contract are no rivals
    a: {CREDIT}; covers = ["c"]
    b: {COMMITMENT}; covers = ["c"]
    c:

    # a discount is taken once
    a: {COMMITMENT}; covers = ["c"]; order = 1; pricing.discount = "0.1"
    b: {COMMITMENT}; covers = ["c"]; order = 2; committed_discount = "0.2"
    c:
        b.committed_discount: 'b' and 'a' both take a discount off the calls of 'c'; write the discount at \
one of them

    # exclusive contracts over the same deployment
    a: exclusive = true; starts = 2026-01-01; ends = 2026-06-30; models = ["m"]
    b: starts = 2026-06-30; models = ["m"]
        b.exclusive: 'a' is exclusive, but 'b' and 'a' both pay for 'm' at 'p' at the same time; end one \
before the other starts, or let them serve different models

    # not at the same time
    a: exclusive = true; starts = 2026-01-01; ends = 2026-06-29; models = ["m"]
    b: starts = 2026-06-30; models = ["m"]

    # exclusive umbrellas
    a: {CREDIT}; covers = ["c"]; exclusive = true; order = 1
    b: {COMMITMENT}; covers = ["c"]; exclusive = true
    c:
        b.exclusive: 'b' is exclusive, but 'b' and 'a' both cover 'c' at the same time; end one before the \
other starts, or let them serve different models

    # circles, over covers and overflow
    a: {CREDIT}; covers = ["b"]
    b: {CREDIT}; covers = ["c"]
    c: {CREDIT}; covers = ["a"]
        a.covers: contracts lead in a circle: a -> b -> c -> a; take one of them out of the circle

    a: overflow = {{ rule = "spill", to = "b" }}
    b: overflow = {{ rule = "spill", to = "a" }}
        a.overflow.to: contracts lead in a circle: a -> b -> a; take one of them out of the circle

    # what it spills to ends before it
    a: overflow = {{ rule = "spill", to = "b" }}; ends = 2026-12-31
    b: ends = 2026-06-30
        a.overflow.to: it spills to 'b', which ends on 2026-06-30, before it does; spill to one that runs \
until 2026-12-31
"""


def together() -> list[tuple[dict[str, str], list[str]]]:
    found = []
    for block in TOGETHER.strip("\n").split("\n\n"):
        lines = [line for line in block.splitlines() if not line.strip().startswith("#")]
        told = [line.strip() for line in lines if line.startswith("        ")]
        named = [line.strip().partition(":") for line in lines if not line.startswith("        ")]
        found.append(({name: text.strip() for name, _, text in named}, told))
    return found


@pytest.mark.parametrize(("named", "told"), together())
def test_contracts_that_do_not_go_together(named: dict[str, str], told: list[str]) -> None:
    some = [contract(text, name) for name, text in named.items()]
    deployments = [deployed(model, one.name) for one in some for model in one.models]
    problems = check(some, deployments)
    assert [f"{one.contract}.{one.field}: {one.message}; {one.fix}" for one in problems] == told


def test_a_deployment_of_another_model() -> None:
    (problem,) = check([contract('models = ["m"]')], [deployed("m", "c"), deployed("other", "c")])
    assert (problem.field, problem.message) == (
        "models",
        "a deployment of 'other' stands under it, which is not one of its models",
    )


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.toml")))
def test_the_examples_are_right(name: str) -> None:
    read = example(name)
    assert check(read.contracts, read.deployments) == []


@settings(deadline=None, max_examples=150)
@given(contracts())
def test_whatever_is_wrong_is_told_in_one_line(some: Contract) -> None:
    for problem in check([some], []):
        assert problem.message
        assert problem.fix
        assert "\n" not in problem.message.replace(some.name, "")


CHANGES = f"""
    # until the 10th of September calls are booked, from the 1st of July on

    {COMMITMENT}
    {COMMITMENT.replace('"10"', '"20"')}

    {COMMITMENT}
    {COMMITMENT.replace('"year"', '"month"')}
        period: calls are booked under it: period = 'month' instead of 'year' would count them anew; end \
this contract (ends = …) and write a new one under another name

    {COMMITMENT}
    {COMMITMENT.replace("2026-01-01", "2026-08-01")}
        starts: calls are booked under it since 2026-07-01: it cannot start on 2026-08-01; write starts = \
2026-07-01 or earlier, or end this contract (ends = …) and write a new one under another name

    {COMMITMENT}
    {COMMITMENT.replace("2026-12-31", "2026-09-09")}
        ends: calls are booked under it until 2026-09-10: it cannot end on 2026-09-09; write ends = \
2026-09-10 or later

    {COMMITMENT}
    {COMMITMENT.replace("2026-12-31", "2026-09-10")}

    {COMMITMENT}
    {COMMITMENT.replace('"10"', '"20"')}; since = 2026-09-10
        since: calls are booked until 2026-09-10 under the terms before: since cannot be 2026-09-10; leave \
since out: then the new terms hold from now on; or write a later day

    {COMMITMENT}
    {COMMITMENT.replace('"10"', '"20"')}; since = 2026-09-11

    {COMMITMENT}; anchor = "starts"
    {COMMITMENT.replace("2026-01-01", "2026-02-01")}; anchor = "starts"
        starts: calls are booked under it: starts = '2026-02-01' instead of '2026-01-01' would count them \
anew; end this contract (ends = …) and write a new one under another name

    {GRANT}
    {GRANT}; weights = {{ seconds = "4" }}
        weights: calls are booked under it: weights = {{ seconds = 4 }} instead of nothing would count them \
anew; end this contract (ends = …) and write a new one under another name

    {CREDIT}
    kind = "on-demand"
        kind: calls are booked under it: its kind cannot change from 'prepaid-credit' to 'on-demand'; end \
this contract (ends = …) and write a new one under another name
"""


def changes() -> list[tuple[str, str, list[str]]]:
    found = []
    for block in CHANGES.strip("\n").split("\n\n")[1:]:
        lines = block.splitlines()
        found.append((lines[0].strip(), lines[1].strip(), [line.strip() for line in lines[2:]]))
    return found


@pytest.mark.parametrize(("before", "after", "told"), changes())
def test_what_is_booked_is_not_rewritten(before: str, after: str, told: list[str]) -> None:
    old, new = contract(before), contract(after)
    problem = may_change(old, new, date(2026, 9, 10), date(2026, 7, 1))
    found = [] if problem is None else [f"{problem.field}: {problem.message}; {problem.fix}"]
    assert found == told
    assert may_change(old, new, None) is None
