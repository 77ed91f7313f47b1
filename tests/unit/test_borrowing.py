"""Who borrows from a reserve: by day, in proportion, and never more than the reserve."""

from __future__ import annotations

from datetime import date

import pytest

from rechenwerk.office.governance.borrowing import DAY, borrowers
from rechenwerk.office.governance.ports import ReserveRow
from rechenwerk.office.governance.use_ports import UsedPool

KEPT = ReserveRow("main", "critical", 30, 20, 30, 0, 0)
CAPACITY = 100

# What projects used on days, in tokens per minute all day long; then what each borrowed of 30, of 100 in all.
CASES = """
    1: hospital critical 90                                       | hospital own
    1: schools standard 70                                        | schools 0
    1: schools standard 80                                        | schools 10
    1: schools standard 80, 2: schools standard 40                | schools 10
    1: schools standard 60, 1: nightly batch 20                   | schools 7, nightly 2
    1: schools standard 80, 1: hospital critical 20               | schools 10, hospital own
    1: schools standard 500                                       | schools 30
    1: schools standard 71, 2: schools standard 72                | schools 3
"""


def used(text: str) -> list[UsedPool]:
    """Rows of `1: schools standard 80`."""
    found = []
    for part in text.split(","):
        day, rest = part.split(":")
        project, service, pace = rest.split()
        found.append(UsedPool("main", "town", project, service, date(2026, 3, int(day)), int(pace) * DAY))
    return found


@pytest.mark.parametrize("case", [one.strip() for one in CASES.strip().splitlines()])
def test_who_borrows(case: str) -> None:
    uses, wanted = case.split("|")
    right = dict(part.split() for part in wanted.split(","))
    found = {one.project: one for one in borrowers([KEPT], {"main": CAPACITY}, used(uses))}
    assert found.keys() == right.keys()
    for project, said in right.items():
        one = found[project]
        assert one.own == (said == "own")
        assert one.tokens == sum(row.tokens for row in used(uses) if row.project == project)
        assert one.borrowed // DAY == (0 if said == "own" else int(said))


def test_each_class_has_its_own_borrowers_and_other_pools_do_not_count() -> None:
    batch = ReserveRow("main", "batch", 50, 50, 0, 0, 0)
    other = ReserveRow("other", "critical", 10, 0, 0, 0, 0)
    uses = used("1: hospital critical 60, 1: nightly batch 20")
    found = borrowers([KEPT, batch, other], {"main": CAPACITY, "other": 10}, uses)
    assert [(one.service, one.project, one.own, one.borrowed // DAY) for one in found] == [
        ("critical", "hospital", True, 0),
        ("critical", "nightly", False, 0),
        ("batch", "hospital", False, 10),
        ("batch", "nightly", True, 0),
    ]


def test_more_than_the_whole_pool_in_reserve_is_no_more_than_what_was_used() -> None:
    (one,) = borrowers([KEPT], {}, used("1: schools standard 20"))
    assert one.borrowed == one.tokens
