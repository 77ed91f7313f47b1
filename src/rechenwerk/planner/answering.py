"""Questions about a plan's text and their answers as JSON: what a process beside the office calculates.

A text is foreign: what may be asked is bounded here, how long it may take and how much memory it may have is
bounded by the process (`child`). The same question gets the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.base.sentences import sentence
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.contagion import falls
from rechenwerk.planner.contagion import run as course_of
from rechenwerk.planner.deals import Deals, read_deals
from rechenwerk.planner.differences import bridge, said
from rechenwerk.planner.explaining import Explained, explain
from rechenwerk.planner.joining import join
from rechenwerk.planner.measures import key_figures
from rechenwerk.planner.outputs import Figure
from rechenwerk.planner.plans import Plan, build, load_plan
from rechenwerk.planner.results import document, spread
from rechenwerk.planner.running import base, run
from rechenwerk.planner.scenarios import scenario, without
from rechenwerk.planner.sensitivity import tornado
from rechenwerk.planner.shocks import library
from rechenwerk.planner.shown import shown_unit
from rechenwerk.planner.source import Source, reader_of
from rechenwerk.planner.stress import reverse, stress
from rechenwerk.planner.told import STATUSES
from rechenwerk.planner.words import Words

LARGEST_TEXT = 1_000_000
_MOST_LINES = 2_000
_MOST_CELLS = 800_000
"""Lines times periods: a block of paths has 2,000 of each at once."""
_MOST_FIRMS = 60
_FACTORS = (0.01, 100.0)
_DEEPEST = 6
_COMPARED = 12
Progress = Callable[[int], None]


class Subject(msgspec.Struct, frozen=True):
    """What is asked about.

    Attributes:
        text, format: of the plan.
        scenario: one of its scenarios; empty: as written.
        without: statuses that are switched off.
        deals: text of firms and what they promised each other; empty: none.
    """

    text: str
    format: str = "toml"
    scenario: str = ""
    without: tuple[str, ...] = ()
    deals: str = ""


@lru_cache(maxsize=24)
def plan_of(subject: Subject) -> Plan:
    """The plan in its scenario, without statuses that are switched off.

    Raises:
        PlanError, MistakesError: it is wrong, or too large.
    """
    if len(subject.text) > LARGEST_TEXT:
        raise PlanError(
            "the plan has {count:,} characters; {largest_text:,} are the most",
            count=len(subject.text),
            largest_text=LARGEST_TEXT,
        )
    for status in subject.without:
        if status not in STATUSES:
            raise PlanError("no status {status!r}; {fix}", status=status, fix=did_you_mean(status, STATUSES))
    plan = load_plan(reader_of(source_of(subject)))
    if subject.scenario:
        plan = build(scenario(plan.written, subject.scenario))
    if subject.without:
        plan = build(without(plan.written, subject.without))
    if len(plan.lines) > _MOST_LINES or len(plan.lines) * plan.axis.count > _MOST_CELLS:
        told = sentence("{count:,} lines in {count2} periods", count=len(plan.lines), count2=plan.axis.count)
        raise PlanError("{told} are too many to be calculated here; divide the plan", told=told)
    return plan


def source_of(subject: Subject) -> Source:
    """The text that a plan is read from."""
    return Source(subject.text, "yaml" if subject.format == "yaml" else "toml", subject.scenario)


def check(subject: Subject) -> dict[str, Any]:
    """What is in a plan, for whoever shows it."""
    plan = plan_of(subject)
    written, head = plan.written, plan.written.head
    deals = deals_of(subject) if subject.deals else None
    told = [*written.contracts, *written.funding]
    return {
        "title": head.title,
        "currency": head.currency,
        "unit": head.shown_in,
        "starts": plan.axis.name(0),
        "ends": plan.axis.name(plan.axis.count - 1),
        "periods": plan.axis.count,
        "paths": head.paths,
        "seed": head.seed,
        "scenarios": [one.name for one in written.scenarios],
        "shocks": [one.name for one in written.shocks],
        "statuses": [one for one in STATUSES if any(each.status == one for each in told)],
        "drivers": [
            {
                "name": one.name,
                "title": one.title,
                "unit": one.unit,
                "noise": one.noise,
                "spread": plan.inputs[one.name].spread,
                "first": float(plan.inputs[one.name].path[0]) / shown_unit(plan, one.name)[1],
                "status": one.status,
            }
            for one in written.drivers
        ],
        "contracts": [
            {"name": one.name, "kind": one.kind, "status": one.status} for one in written.contracts
        ],
        "firms": [] if deals is None else [one.name for one in deals.firms],
    }


def result(subject: Subject, paths: int, seed: int, progress: Progress) -> dict[str, Any]:
    """The whole calculation of a run."""
    plan = plan_of(subject)
    values = base(plan)
    return document(plan, values, run(plan, paths=paths, seed=seed, progress=progress))


def attempt(
    subject: Subject, factors: Mapping[str, float], paths: int, seed: int, language: str
) -> dict[str, Any]:
    """A reduced sample with drivers multiplied: what sliders show."""
    plan = plan_of(subject)
    given: dict[str, Floats] = {}
    for name, factor in factors.items():
        if name not in plan.inputs:
            raise PlanError(
                "no driver {name!r} in the plan; {fix}", name=name, fix=did_you_mean(name, plan.inputs)
            )
        if not _FACTORS[0] <= factor <= _FACTORS[1]:
            raise PlanError(
                "{name} times {factor:g}; write a factor from {item} to {item2:g}",
                name=name,
                factor=factor,
                item=_FACTORS[0],
                item2=_FACTORS[1],
            )
        given[name] = np.full(plan.axis.count, factor)
    values = base(plan, given)
    outcome = run(plan, paths=paths, seed=seed, lines=("cash",), factors=given)
    return {
        "unit": plan.written.head.shown_in,
        "periods": plan.axis.names,
        "figures": _told(key_figures(plan, values), Words(language)),
        "base": {"cash": (values["cash"][:, 0] / plan.money.scale).tolist()},
        **spread(plan, outcome),
    }


def _told(found: Sequence[Figure], words: Words) -> list[Figure]:
    """Answers in a language."""
    return [
        msgspec.structs.replace(one, name=words(one.name), formula=words(one.formula), unit=words(one.unit))
        for one in found
    ]


def explained(subject: Subject, name: str, at: str, deep: int, language: str) -> Explained:
    """A figure with its formula and inputs."""
    plan = plan_of(subject)
    words = Words(language)

    def told(one: Explained) -> Explained:
        return msgspec.structs.replace(
            one,
            title=words(one.title),
            how=words(one.how),
            formula=words(one.formula),
            unit=words(one.unit),
            status=words(one.status),
            inputs=tuple(map(told, one.inputs)),
        )

    return told(explain(plan, base(plan), name, at, min(max(deep, 0), _DEEPEST)))


def sensitivity(subject: Subject, line: str, at: str) -> dict[str, Any]:
    """Each driver alone from its low to its high decile; values in the line's unit."""
    plan = plan_of(subject)
    bars = tornado(plan, line, at)
    period = at or plan.axis.name(plan.axis.count - 1)
    unit, scale = shown_unit(plan, line)
    usual = float(base(plan)[line][plan.axis.index(period), 0])
    return {
        "line": line,
        "at": period,
        "unit": unit,
        "as_expected": usual / scale,
        "bars": [{"driver": one.driver, "low": one.low / scale, "high": one.high / scale} for one in bars],
    }


def struck(subject: Subject, together: Sequence[str], at: str, *, everything: bool) -> dict[str, Any]:
    """Shocks one by one and together; with `everything` one of every kind for all that it can hit."""
    plan = plan_of(subject)
    shocks = library(plan.written, at) if everything else ()
    found = stress(plan.written, [tuple(one.split("+")) for one in together], shocks)
    titles = {one.name: one.title for one in shocks or plan.written.shocks}
    scale = plan.money.scale
    return {
        "unit": plan.written.head.shown_in,
        "rows": [
            {
                "shocks": one.shocks,
                "title": titles.get(one.shocks[0], "") if len(one.shocks) == 1 else "",
                "lowest": one.lowest / scale,
                "at": one.at,
                "out": one.out,
                "gap": one.gap / scale,
                "unserved": one.unserved,
            }
            for one in found
        ],
    }


def turned(subject: Subject, names: Sequence[str]) -> dict[str, Any]:
    """The mildest combination of shocks that empties the cash."""
    plan = plan_of(subject)
    found = reverse(plan.written, names)
    return {
        "severities": found.severities,
        "distance": found.distance if math.isfinite(found.distance) else None,
        "out": "" if found.struck is None else found.struck.out,
        "empties": found.struck is not None,
        "sets": found.sets,
    }


def compared(subject: Subject, names: Sequence[str], paths: int, line: str, language: str) -> dict[str, Any]:
    """Scenarios side by side, and why each differs from the plan as written."""
    words = Words(language)
    first = plan_of(msgspec.structs.replace(subject, scenario=""))
    chosen = list(names or [one.name for one in first.written.scenarios])[:_COMPARED]
    sides, bridges = [], []
    for name in ("", *chosen):
        plan = plan_of(msgspec.structs.replace(subject, scenario=name)) if name else first
        values = base(plan)
        outcome = run(plan, paths=paths, seed=plan.written.head.seed, lines=("cash",))
        sides.append(
            {
                "scenario": name,
                "figures": _told(key_figures(plan, values), words),
                "cash": (values["cash"][:, 0] / plan.money.scale).tolist(),
                "ruin": float(outcome.ruined[-1]),
            }
        )
        if name:
            found = bridge(first.written, scenario(first.written, name), line)
            bridges.append(
                {
                    "scenario": name,
                    "line": found.line,
                    "at": found.at,
                    "unit": found.unit,
                    "before": found.before,
                    "after": found.after,
                    "steps": [
                        {"what": said(one.changes, words), "effect": one.effect} for one in found.steps
                    ],
                }
            )
    head = first.written.head
    return {"unit": head.shown_in, "periods": first.axis.names, "sides": sides, "differences": bridges}


def deals_of(subject: Subject) -> Deals:
    """Firms and their promises, joined with the plan if they name one; the file's name does not matter.

    Raises:
        PlanError, MistakesError: the text is wrong, or does not fit the plan.
    """
    deals = read_deals(subject.deals)
    if len(deals.firms) > _MOST_FIRMS:
        raise PlanError(
            "{count} firms are too many to let each fail here; keep {most_firms}",
            count=len(deals.firms),
            most_firms=_MOST_FIRMS,
        )
    if deals.joined is not None:
        plan = plan_of(
            msgspec.structs.replace(subject, deals="", scenario=subject.scenario or deals.joined.scenario)
        )
        deals = join(deals, plan, base(plan))
    return deals.only(*subject.without)


def network(subject: Subject, fails: str, at: str) -> dict[str, Any]:
    """Firms, what they promised each other, who fails, and who would fall with whom."""
    deals = deals_of(subject)
    course = course_of(deals, fails=fails, at=at)
    names = [one.name for one in deals.firms]
    ties: dict[tuple[str, str, str], float] = {}
    for kind, left, right, amount in _ties(deals):
        ties[kind, left, right] = ties.get((kind, left, right), 0.0) + amount
    return {
        "title": deals.title,
        "unit": deals.unit,
        "periods": deals.periods,
        "firms": [{"name": name, "cash": course.cash[:, place].tolist()} for place, name in enumerate(names)],
        "ties": [
            {"kind": kind, "from": left, "to": right, "amount": amount}
            for (kind, left, right), amount in ties.items()
        ],
        "failures": course.failures,
        "if_one_fails": falls(deals, at),
    }


def _ties(deals: Deals) -> list[tuple[str, str, str, float]]:
    """Who promised whom how much; of shares the part."""
    return [
        *(("purchase", one.buyer, one.supplier, float(one.total)) for one in deals.purchases),
        *(("funding", one.investor, one.firm, float(one.amount)) for one in deals.funding),
        *(("debt", one.debtor, one.creditor, float(one.amount)) for one in deals.debts),
        *(("guarantee", one.guarantor, one.creditor, float(one.amount)) for one in deals.guarantees),
        *(("share", one.holder, one.of, float(one.part)) for one in deals.shares),
    ]
