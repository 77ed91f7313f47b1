"""Sums over all calls that are kept beside them: the parts of each piece, added up, are what is kept.

A piece shows nothing by itself, and what is kept moves with every booking: so all pieces, and what is kept,
are of one moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import asyncpg
import msgspec

from rechenwerk.base.money import plain_money
from rechenwerk.store.proofs import SLICES, TRANSFERS

Sums = Mapping[str, Sequence[int]]


class Fold(msgspec.Struct, frozen=True):
    """One check of sums. Every query takes the organisation as $1 and returns `subject` and `sums`.

    Attributes:
        name: what must be true.
        subject: what an offender is.
        part: the sums of some ids; `call` and `transfer` are those of the ids, as in `store.proofs`.
        rest: of what is no call, at once.
        kept: what must come out. A subject that it lacks has zeros.
        counted: the query for how many were looked at.
        said: an offender's sums, with `{0}`, `{1}` ... for each.
        money: which of them are money.
        of_kept: whether only what is kept counts: parts may have more, of which nothing is kept.
    """

    name: str
    subject: str
    part: str
    rest: str
    kept: str
    counted: str
    said: str
    money: frozenset[int]
    of_kept: bool = False

    def differences(self, kept: Sums, found: Sums, currency: str) -> Iterator[str]:
        """What differs, by subject."""
        for subject in sorted(kept if self.of_kept else {*kept, *found}):
            stands, should = kept.get(subject), found.get(subject)
            if stands != should and any((*(stands or ()), *(should or ()))):
                yield (
                    f"{self.subject} {subject}: {self._say(stands, currency)},"
                    f" should be {self._say(should, currency)}"
                )

    def _say(self, sums: Sequence[int] | None, currency: str) -> str:
        width = self.said.count("{")
        return self.said.format(
            *(
                f"{plain_money(one)} {currency}" if at in self.money else str(one)
                for at, one in enumerate(sums or (0,) * width)
            )
        )


class Adding:
    """Sums that pieces add to, by subject."""

    def __init__(self) -> None:
        self._sums: dict[str, list[int]] = {}

    def add(self, rows: Iterable[asyncpg.Record]) -> None:
        """The rows of a piece."""
        for row in rows:
            sums = [int(one) for one in row["sums"]]
            before = self._sums.get(row["subject"], [0] * len(sums))
            self._sums[row["subject"]] = [a + b for a, b in zip(before, sums, strict=True)]

    @property
    def sums(self) -> Sums:
        """What came out."""
        return self._sums


_POSTED = Fold(
    name="every slice has posted what its calls were charged",
    subject="slice",
    part="""
select u.slice_id::text as subject, array[sum(c.charged)] as sums from call c, unnest(c.slices) as u(slice_id)
where c.organisation_id = $1 group by 1
""",
    rest="",
    kept="""
select s.id::text as subject, array[s.posted] as sums from slice s join guard g on g.id = s.guard_id
where g.organisation_id = $1 and g.unit = 'money'
""",
    counted=SLICES,
    said="{0}",
    money=frozenset({0}),
    of_kept=True,
)

_ACCOUNTS = """
select x.account || ' in ' || to_char(month, 'YYYY-MM') as subject,
    array[count(*), sum(x.debit), sum(x.credit)] as sums
from ({rows}) t
cross join lateral (values (t.debit, t.amount, 0), (t.credit, 0, t.amount)) x(account, debit, credit)
group by 1
"""
_MONTHS = Fold(
    name="every account's months are the sums of its entries",
    subject="account",
    part=_ACCOUNTS.format(
        rows="""
select t.debit, t.credit, t.amount, month_of(coalesce(c.started_at, 'epoch')) as month
from transfer t left join call c on c.organisation_id = t.organisation_id and c.id = t.call_id
where t.organisation_id = $1 and t.call_id > 0
"""
    ),
    rest=_ACCOUNTS.format(
        rows="""
select t.debit, t.credit, t.amount, month_of(coalesce(v.at, f.booked_at, 'epoch')) as month
from transfer t
left join voucher v on v.organisation_id = t.organisation_id and v.id = t.call_id
left join fee f on f.organisation_id = t.organisation_id and f.id = t.call_id
where t.organisation_id = $1 and t.call_id < 0
"""
    ),
    kept="""
select account_id || ' in ' || to_char(month, 'YYYY-MM') as subject,
    array[sum(transfers), sum(debit), sum(credit)] as sums
from account_month where organisation_id = $1 group by 1
""",
    counted=TRANSFERS,
    said="{1} and {2} in {0}",
    money=frozenset({1, 2}),
)

FOLDS = (_POSTED, _MONTHS)
"""What `books verify` proves of sums over all calls."""
