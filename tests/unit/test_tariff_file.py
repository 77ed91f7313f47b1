"""``[[tariff]]`` in files: every mistake has its line and its fix; what is written so that a file holds."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from rechenwerk.ledger.tariffs import Step, Terms, Tier, Tiers
from rechenwerk.office.config import MistakesError, diff, parse
from rechenwerk.office.ports import Configured, Deployment
from rechenwerk.office.tariff_ports import Tariff

HEAD = 'currency = "EUR"\n[[tariff]]\nmodel = "m"\n'
NOW = datetime(2026, 3, 15, 10, tzinfo=UTC)


def tariffs(*bodies: str) -> str:
    """A file with a tariff of the model for each body."""
    return 'currency = "EUR"\n' + "".join(f'[[tariff]]\nmodel = "m"\n{body}\n' for body in bodies)


def at(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def rate(text: str, starts: str = "", ends: str = "") -> Tariff:
    """A version; without a rate: not sold."""
    terms = Terms(price={"input": text}) if text else None
    return Tariff("m", "EUR", terms, at(starts) if starts else None, at(ends) if ends else None)


def test_a_version_is_read_whole() -> None:
    text = HEAD + (
        'price = { input = "2.50", output = "10" }\n'
        'tiers = [{ bucket = "input", applies = "all-unit", steps = [{ above = "1000", rate = "2" }] }]\n'
        'free = { output = 100 }\nstep = { size = 1000 }\nfee = "20"\nminimum = "5.50"\nowed = "always"\n'
        "valid_from = 2026-04-01\nvalid_to = 2026-04-30\n"
    )
    tiers = Tiers(bucket="input", applies="all-unit", steps=(Tier(above=Decimal(1000), rate=Decimal(2)),))
    terms = Terms(
        price={"input": "2.50", "output": "10"},
        tiers=(tiers,),
        free={"output": 100},
        step=Step(size=1000),
        fee=Decimal(20),
        minimum=Decimal("5.50"),
        owed="always",
    )
    assert parse(text).tariffs == (Tariff("m", "EUR", terms, at("2026-04-01"), at("2026-05-01")),)
    kept = msgspec.json.encode(terms)
    assert msgspec.json.decode(kept, type=Terms) == terms


@pytest.mark.parametrize(
    ("body", "line", "message", "fix"),
    [
        ("", 2, "has no price", "add cost_plus or a fee"),
        ("price = {}", 4, "price is empty", 'price = { input = "0" }'),
        ('price = { inptu = "1" }', 4, "unknown bucket 'inptu'", "did you mean 'input'?"),
        ('price = { input = "-1" }', 4, "cannot be negative", "0 or more"),
        ('prise = { input = "1" }', 4, "unknown field 'prise'", "did you mean 'price'?"),
        ('cost_plus = "lots"', 4, "cost_plus", "in quotes"),
        ('cost_plus = "-0.15"', 4, "from 0 to 1000", '"0.15" for 15 %'),
        ('cost_plus = "0.1"\nfree = { input = 5 }', 5, "free needs a price per unit", "leave free out"),
        ('fee = "20"\nstep = { size = 5 }', 5, "this one is flat", "leave step out"),
        ('fee = "20"\nminimum = "5"', 5, "a flat rate has no minimum", "leave minimum out"),
        ('fee = "20"\nincluded = "5"', 5, "a flat rate has no included", "leave included out"),
        ('price = { input = "1" }\nincluded = "-5"', 5, "included must be 0 or more", '"25.00"'),
        ('fee = "-20"', 4, "fee must be 0 or more", '"25.00"'),
        ('fee = "20"\nowed = "sometimes"', 5, "unknown word 'sometimes'", "choose from"),
        (
            'price = { input = "1" }\nfree = { output = 5 }',
            5,
            "free.output has no price",
            "choose from input",
        ),
        ('price = { input = "1" }\nfree = { input = 0 }', 5, "must be above 0", "included"),
        ('price = { input = "1" }\nstep = { size = 0 }', 5, "size above 0", "1000000"),
        ('price = { input = "1" }\ntiers = [{ bucket = "input", steps = [] }]', 5, "no steps", "above"),
        (
            'price = { input = "1" }\ntiers = [{ bucket = "output", steps = [{ above = "5", rate = "1" }] }]',
            5,
            "output has tiers and no price",
            "output = …",
        ),
        (
            'price = { input = "1" }\ntiers = [{ bucket = "input", steps = [{ above = "0", rate = "1" }] }]',
            5,
            "must begin above 0",
            "up to the first one the price holds",
        ),
        (
            (
                'price = { input = "1" }\ntiers = [{ bucket = "input", steps = [{ above = "9", rate = "1" },'
                ' { above = "9", rate = "2" }] }]'
            ),
            5,
            "overlap: above 9 follows above 9",
            "ascending",
        ),
        (
            'price = { input = "1" }\nvalid_from = 2026-05-02\nvalid_to = 2026-05-01',
            6,
            "ends on 2026-05-01, before it begins",
            "last day",
        ),
        ('price = { input = "1" }\nvalid_from = "May"', 5, "valid_from", "2027-12-31"),
    ],
)
def test_every_mistake_has_its_line_and_its_fix(body: str, line: int, message: str, fix: str) -> None:
    with pytest.raises(MistakesError) as caught:
        parse(f"{HEAD}{body}\n")
    first = caught.value.mistakes[0]
    assert (first.line, message in first.message, fix in first.fix) == (line, True, True), first


ONE = 'price = { input = "1" }'


@pytest.mark.parametrize(
    ("first", "second", "line", "message", "fix"),
    [
        ("", "", 5, "stands here twice", "valid_from = "),
        (
            "valid_from = 2026-05-01",
            "valid_from = 2026-05-01",
            9,
            "two tariffs of 'm' begin on 2026-05-01",
            "rem",
        ),
        (
            "valid_to = 2026-04-30",
            "valid_from = 2026-05-03",
            9,
            "no tariff of 'm' from 2026-05-01 to 2026-05-02",
            "begin this one on 2026-05-01",
        ),
        (
            "valid_to = 2026-05-10",
            "valid_from = 2026-05-03",
            9,
            "overlap from 2026-05-03 to 2026-05-10",
            "end the earlier one on 2026-05-02, or begin this one on 2026-05-11",
        ),
    ],
)
def test_gaps_and_overlaps_are_refused(first: str, second: str, line: int, message: str, fix: str) -> None:
    text = tariffs(*[f"{ONE}\n{days}".strip() for days in (first, second)])
    with pytest.raises(MistakesError) as caught:
        parse(text)
    (mistake,) = caught.value.mistakes
    assert (mistake.line, message in mistake.message, fix in mistake.fix) == (line, True, True), mistake


def test_versions_that_follow_each_other_are_good_in_any_order() -> None:
    text = tariffs(f"{ONE}\nvalid_from = 2026-05-01", f"{ONE}\nvalid_to = 2026-04-30")
    assert [one.starts for one in parse(text).tariffs] == [at("2026-05-01"), None]
    parse(tariffs(f"{ONE}\nvalid_from = 2026-05-01", ONE))  # the first ends when the next begins


# What stands, what a file wants, what is written: (rate, from).
@pytest.mark.parametrize(
    ("stands", "wants", "written"),
    [
        # a first one; it may have begun before
        ([], [rate("1")], [("1", None)]),
        ([], [rate("1", "2026-01-01")], [("1", "2026-01-01")]),
        ([], [rate("1", "2026-04-01")], [("1", "2026-04-01")]),
        (
            [],
            [rate("1", "2026-01-01", "2026-06-01")],
            [("1", "2026-01-01"), ("", "2026-06-01")],
        ),
        # what stands stays
        ([rate("1", "2026-01-01")], [rate("1")], []),
        ([rate("1", "2026-01-01")], [rate("1", "2026-01-01")], []),
        # a changed price holds from now on
        ([rate("1", "2026-01-01")], [rate("2")], [("2", None)]),
        # a later version
        ([rate("1", "2026-01-01")], [rate("1"), rate("2", "2026-04-01")], [("2", "2026-04-01")]),
        ([rate("1", "2026-01-01")], [rate("2", "2026-04-01")], [("2", "2026-04-01")]),
        ([rate("1", "2026-01-01"), rate("2", "2026-04-01")], [rate("1"), rate("2", "2026-04-01")], []),
        # another price, another day, and none at all of a version that has not begun
        (
            [rate("1", "2026-01-01"), rate("2", "2026-04-01")],
            [rate("1"), rate("3", "2026-04-01")],
            [("3", "2026-04-01")],
        ),
        (
            [rate("1", "2026-01-01"), rate("2", "2026-04-01")],
            [rate("1"), rate("2", "2026-05-01")],
            [("1", "2026-04-01"), ("2", "2026-05-01")],
        ),
        ([rate("1", "2026-01-01"), rate("2", "2026-04-01")], [rate("1")], [("1", "2026-04-01")]),
        # the end of a tariff, and its end taken back
        ([rate("1", "2026-01-01")], [rate("1", "", "2026-06-01")], [("", "2026-06-01")]),
        ([rate("1", "2026-01-01"), rate("", "2026-06-01")], [rate("1")], [("1", "2026-06-01")]),
        ([rate("1", "2026-01-01"), rate("", "2026-02-01")], [rate("1")], [("1", None)]),
        # gone from the file
        ([rate("1", "2026-01-01")], [], [("", None)]),
        ([rate("1", "2026-01-01"), rate("2", "2026-04-01")], [], [("", None), ("", "2026-04-01")]),
        # versions of a file that have begun and ended long ago
        (
            [rate("1", "2026-01-01"), rate("2", "2026-03-01")],
            [rate("1", "", "2026-03-01"), rate("2", "2026-03-01")],
            [],
        ),
    ],
)
def test_what_is_written(
    stands: list[Tariff], wants: list[Tariff], written: list[tuple[str, str | None]]
) -> None:
    current = Configured(currency="EUR", tariffs=tuple(stands), at=NOW)
    changes = diff(current, Configured(currency="EUR", tariffs=tuple(wants)))
    rows = [one.after for one in changes]
    assert all(isinstance(row, Tariff) for row in rows)
    found = [
        (
            row.terms.price["input"] if row.terms is not None else "",
            None if row.starts is None else f"{row.starts:%Y-%m-%d}",
        )
        for row in rows
        if isinstance(row, Tariff)
    ]
    assert found == written
    # Written, nothing is left to do.
    after = [
        msgspec.structs.replace(row, starts=row.starts or NOW) for row in rows if isinstance(row, Tariff)
    ]
    later = Configured(currency="EUR", tariffs=(*stands, *after), at=NOW)
    assert diff(later, Configured(currency="EUR", tariffs=tuple(wants))) == []


def test_a_version_that_has_begun_is_not_changed() -> None:
    wanted = parse(tariffs('price = { input = "9" }\nvalid_from = 2026-03-01'))
    current = Configured(currency="EUR", tariffs=(rate("1", "2026-03-01"),), at=NOW)
    with pytest.raises(MistakesError) as caught:
        diff(current, wanted)
    (mistake,) = caught.value.mistakes
    assert mistake.line == 2
    assert "cannot begin on 2026-03-01, which is past: another one holds" in mistake.message
    assert "leave it out: then it holds from now on" in mistake.fix


def test_the_tariff_of_a_model_with_deployments_is_never_ended_by_leaving_it_out() -> None:
    """A file that leaves it out has no deployment of the model either: that one is deactivated."""
    there = Deployment("m", "p", "c", "m", ("chat",), 10, 10, active=False)
    current = Configured(currency="EUR", tariffs=(rate("1", "2026-01-01"),), deployments=(there,), at=NOW)
    assert diff(current, Configured(currency="EUR")) == []
