"""Grants: thresholds, signatures, attribution of what was drawn, and what lies idle."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.base.errors import Refusal
from rechenwerk.contracts.emergency import Person
from rechenwerk.contracts.grants import (
    Application,
    Award,
    Policy,
    application_refusal,
    approval_refusal,
    attribute,
    idle,
    reclaim,
    size_of,
    tokens_of,
)

POLICY = Policy(small=100, medium=1_000, idle_days=10, least_share=25, notice_days=5)
ANNA, BELA, CORA = (Person(0, number, name) for number, name in enumerate(("Anna", "Bela", "Cora"), 1))


def rows(table: str) -> list[list[str]]:
    """The lines of a table below its heading, by words."""
    return [line.split(None, 6) for line in table.strip().splitlines()[1:]]


SIZES = """
    tokens   held   size
         1      0   small
       100      0   small
       101      0   medium
       100      1   medium
      1000      0   medium
       900    101   large
      1001      0   large
"""


@pytest.mark.parametrize("line", rows(SIZES))
def test_size_classes(line: list[str]) -> None:
    assert size_of(POLICY, int(line[0]), int(line[1])) == line[2]


def test_gpu_hours_need_a_rate() -> None:
    assert tokens_of("gpu hours", 3, 500) == 1_500
    assert tokens_of("tokens", 3, None) == 3
    refused = tokens_of("gpu hours", 3, None)
    assert isinstance(refused, Refusal)
    assert refused.code == "no_gpu_rate"


WINDOWS = """
    tokens   from   to   use_by   refused_for
         1     10   11       11   -
         1     10   30       20   -
         0     10   30       20   amount
         1      9   30       20   starts_on
         1     30   30       31   starts_on
         1     10   30       10   use_by
         1     10   30       31   use_by
"""


@pytest.mark.parametrize("line", rows(WINDOWS))
def test_what_can_be_applied_for(line: list[str]) -> None:
    tokens, starts, ends, use_by = map(int, line[:4])
    refusal = application_refusal(tokens, starts, ends, use_by, today=10)
    assert (refusal.param if refusal else "-") == line[4]


@pytest.mark.parametrize(
    ("approvals", "stage", "approver", "code"),
    [
        ((), "applied", BELA, None),
        ((), "applied", ANNA, "own_application"),
        ((), "applied", Person(0, 9, "ANNA"), "own_application"),
        ((BELA,), "applied", CORA, None),
        ((BELA,), "applied", BELA, "same_person"),
        ((BELA,), "applied", Person(0, 9, "bela"), "same_person"),
        ((BELA,), "applied", Person(0, 2, "Zoe"), "same_person"),
        ((), "granted", BELA, "already_decided"),
        ((), "declined", BELA, "already_decided"),
    ],
)
def test_whose_signature_counts(
    approvals: tuple[Person, ...], stage: str, approver: Person, code: str | None
) -> None:
    application = msgspec.convert(
        {"id": 1, "size": "large", "applicant": ANNA, "approvals": approvals, "stage": stage},
        Application,
        from_attributes=True,
    )
    refusal = approval_refusal(application, approver)
    assert (refusal.code if refusal else None) == code
    assert application.needed == 2 - len(approvals)


AWARDS = st.lists(
    st.builds(
        lambda number, amount, starts, length: Award(
            number, amount, starts, starts + length, starts + length, starts
        ),
        st.integers(1, 99),
        st.integers(0, 200),
        st.integers(0, 20),
        st.integers(1, 20),
    ),
    max_size=5,
    unique_by=lambda one: one.id,
)


@given(AWARDS, st.dictionaries(st.integers(0, 40), st.integers(0, 100)))
def test_what_was_used_is_drawn_once_within_window_and_amount(
    awards: list[Award], used: dict[int, int]
) -> None:
    drawn = attribute(awards, used)
    for award in awards:
        days = drawn[award.id]
        assert sum(days.values()) <= award.amount
        assert all(award.starts <= day < award.ends for day in days)
    for day, tokens in used.items():
        together = sum(days.get(day, 0) for days in drawn.values())
        assert together <= tokens
        room = [
            one for one in awards if one.starts <= day < one.ends and sum(drawn[one.id].values()) < one.amount
        ]
        assert together == tokens or not room, "work is served while any grant has something left"


# A grant of 1,000 tokens for days 0 to 100, to be begun before day 20.
GRANT = Award(1, 1_000, 0, 100, 20, 0)


@pytest.mark.parametrize(
    ("today", "drawn", "tokens", "reason"),
    [
        (9, {}, 0, ""),
        (10, {}, 1_000, "nothing was drawn for 10 days"),
        (20, {}, 1_000, "nothing was drawn by its use-by"),
        (9, {8: 1}, 0, ""),
        (10, {8: 24}, 76, "24 % of the linear course was drawn, less than 25 %"),
        (10, {8: 25}, 0, ""),
        (50, {49: 124}, 376, "24 % of the linear course was drawn, less than 25 %"),
        (50, {49: 125}, 0, ""),
        (50, {40: 999}, 1, "nothing was drawn for 10 days"),
        (50, {41: 999}, 0, ""),
        (50, {40: 1_000}, 0, ""),
        (100, {}, 0, ""),
    ],
)
def test_what_lies_idle(today: int, drawn: dict[int, int], tokens: int, reason: str) -> None:
    lies = idle(POLICY, GRANT, drawn, today)
    assert ((lies.tokens, lies.reason) if lies else (0, "")) == (tokens, reason)


def test_after_a_return_the_course_begins_anew() -> None:
    returned = msgspec.structs.replace(GRANT, amount=1_000 - 376, course_from=50, course_drawn=124)
    assert idle(POLICY, returned, {49: 124}, 50) is None
    assert idle(POLICY, returned, {49: 124, 59: 25}, 60) is None, "25 of 100 that were due"
    lies = idle(POLICY, returned, {49: 124, 59: 24}, 60)
    assert lies is not None
    assert lies.tokens == 76


@pytest.mark.parametrize(
    ("noticed", "today", "drawn", "action", "due"),
    [
        (None, 30, {}, "notice", 35),
        (28, 30, {}, "wait", 33),
        (25, 30, {}, "return", 30),
        (25, 31, {}, "return", 30),
        (25, 46, {}, "notice", 51),
        (25, 40, {30: 900}, "notice", 45),
        (35, 40, {30: 900}, "return", 40),
    ],
)
def test_first_a_notice_then_the_return(
    noticed: int | None, today: int, drawn: dict[int, int], action: str, due: int
) -> None:
    award = msgspec.structs.replace(GRANT, noticed=noticed)
    (step,) = reclaim(POLICY, [(award, drawn)], today)
    assert (step.action, step.due) == (action, due)
    assert reclaim(POLICY, [(award, {today: 999})], today) == ()
