"""Documents out of facts: statements of a period, a reversal with its correction, the allocation; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

import msgspec

from rechenwerk.base.errors import BookError
from rechenwerk.base.money import parse_decimal, parse_money, plain_money
from rechenwerk.ledger.allocation import share_out
from rechenwerk.ledger.periods import Period
from rechenwerk.ledger.statement_rows import entry_rows, summed, unresolved_rows, usage_rows
from rechenwerk.ledger.statements import (
    Content,
    Open,
    Pool,
    Row,
    Share,
    less,
    numbers,
    reversal,
    row,
    sum_up,
)
from rechenwerk.ledger.vouchers import Side, Voucher, signed
from rechenwerk.office.closing.ports import (
    Correction,
    Draft,
    Facts,
    PoolUse,
    ProjectFacts,
    ProjectUse,
    Setting,
    Shared,
)


class Issue(msgspec.Struct, frozen=True):
    """Who writes documents, when and about which period."""

    period: Period
    at: datetime
    by: str

    @property
    def moment(self) -> str:
        """As it stands in the content: UTC, to the second."""
        return f"{self.at:%Y-%m-%dT%H:%M:%SZ}"


# -- allocation -----------------------------------------------------------------------------------


def weights(shared: Shared) -> list[Fraction]:
    """The weight of each project under the key; by use: prices booked, else calls, else equal parts."""
    setting, projects = shared.setting, shared.projects
    if setting.allocation == "fixed":
        return [parse_decimal(setting.shares.get(one.name, "0")) for one in projects]
    if setting.allocation == "use":
        prices = [one.price for one in projects]
        return [Fraction(weight) for weight in (prices if any(prices) else [one.calls for one in projects])]
    return [Fraction(1) for _ in projects]


def _to_share(pool: PoolUse) -> int:
    """What calls have not borne; what they were charged beyond the costs is nobody's burden."""
    return max(0, pool.fixed + pool.idle + pool.absorbed)


def pools(shared: Shared) -> tuple[Pool, ...]:
    """Every pool with its shares; none where nothing is allocated."""
    if shared.setting.allocation == "none" or not shared.projects:
        return ()
    heavy = weights(shared)
    found = []
    for pool in shared.pools:
        parts = share_out(_to_share(pool), heavy)
        found.append(
            Pool(
                contract=pool.contract,
                fixed=plain_money(pool.fixed),
                idle=plain_money(pool.idle),
                absorbed=plain_money(pool.fixed - _to_share(pool)),
                amount=plain_money(_to_share(pool)),
                shares=tuple(
                    Share(one.name, one.cost_centre, _weight_text(shared, one), plain_money(part))
                    for one, part in zip(shared.projects, parts, strict=True)
                    if part
                ),
            )
        )
    return tuple(found)


def _weight_text(shared: Shared, project: ProjectUse) -> str:
    setting = shared.setting
    if setting.allocation == "fixed":
        return setting.shares.get(project.name, "0")
    if setting.allocation == "use" and any(one.price for one in shared.projects):
        return plain_money(project.price)
    return str(project.calls) if setting.allocation == "use" else "1"


def allocation(shared: Shared, issue: Issue) -> Voucher | None:
    """What the allocation of a period still has to book; None when nothing is missing."""
    owed = dict.fromkeys([one.name for one in shared.projects], 0)
    found = pools(shared)
    for pool in found:
        for share in pool.shares:
            owed[share.project] += parse_money(share.amount)
    lines = [
        line
        for one in shared.projects
        for line in signed(
            Side("receivable", one.id), Side("revenue", one.id), owed[one.name] - one.allocated
        )
    ]
    if not lines:
        return None
    details = {"umlage": issue.period.name, "key": shared.setting.allocation}
    details["pools"] = ", ".join(f"{pool.contract} {pool.amount}" for pool in found)
    return Voucher(
        kind="allocation",
        at=min(issue.period.last, max(issue.at, issue.period.starts)),
        reason=f"allocation of shared costs of {issue.period.name} by key {shared.setting.allocation}",
        made_by=issue.by,
        lines=tuple(lines),
        details=details,
    )


# -- statements -----------------------------------------------------------------------------------


def statements(facts: Facts, issue: Issue) -> list[Draft]:
    """One statement for each project with something in it, and the organisation's, which sums them up."""
    shared = pools(facts.shared)
    rows = {one.id: _rows(one, shared) for one in facts.projects}
    written = [one for one in facts.projects if rows[one.id]]
    named = numbers(facts.shared.setting.prefix, issue.at, facts.taken, len(written) + 1)
    drafts = [
        Draft(project.id, _statement(facts, issue, project, rows[project.id], number))
        for project, number in zip(written, named, strict=False)
    ]
    summary = _summary(facts, issue, [draft.content for draft in drafts], shared, named[-1])
    return [*drafts, Draft(0, summary)]


def _rows(project: ProjectFacts, shared: Sequence[Pool]) -> tuple[Row, ...]:
    borne = [
        row("allocation", pool.contract, parse_money(share.amount), note=share.weight)
        for pool in shared
        for share in pool.shares
        if share.project == project.name
    ]
    return (
        *usage_rows(project.used),
        *unresolved_rows(project.unresolved),
        *entry_rows(project.entries),
        *borne,
    )


def _statement(
    facts: Facts, issue: Issue, project: ProjectFacts, rows: tuple[Row, ...], number: str
) -> Content:
    setting = facts.shared.setting
    return Content(
        number=number,
        kind="statement",
        scope="project",
        organisation=facts.organisation,
        project=project.name,
        cost_centre=project.cost_centre,
        currency=facts.currency,
        rows=rows,
        totals=sum_up(rows, setting.vat_rate, reverse_charge=setting.reverse_charge),
        unresolved=_open([project]),
        overrun=plain_money(project.overrun),
        **_head(setting, issue, issue.period),
    )


def _head(setting: Setting, issue: Issue, booked_in: Period) -> dict[str, Any]:
    last = issue.period.last
    return {
        "period": issue.period.name,
        "starts": f"{issue.period.starts:%Y-%m-%d}",
        "ends": f"{last:%Y-%m-%d}",
        "booked_in": booked_in.name,
        "issued_at": issue.moment,
        "issued_by": issue.by,
        "issuer": setting.issuer,
        "recipient": setting.recipient,
        "vat_rate": setting.vat_rate,
        "reverse_charge": setting.reverse_charge,
        "key": setting.allocation,
    }


def _open(projects: Iterable[ProjectFacts]) -> Open | None:
    calls = [one for project in projects for one in project.unresolved]
    if not calls:
        return None
    return Open(sum(one.calls for one in calls), plain_money(sum(one.price for one in calls)))


def _summary(
    facts: Facts, issue: Issue, statements: Sequence[Content], shared: tuple[Pool, ...], number: str
) -> Content:
    setting = facts.shared.setting
    rows = tuple(
        Row(
            kind="document",
            text=one.project,
            exact=one.totals.exact,
            amount=one.totals.net,
            reference=one.number,
            cost_centre=one.cost_centre,
            note="" if one.kind == "statement" else one.kind,
            vat=one.totals.vat,
        )
        for one in sorted([*facts.issued, *statements], key=lambda one: one.number)
    )
    return Content(
        number=number,
        kind="statement",
        scope="organisation",
        organisation=facts.organisation,
        project="",
        cost_centre="",
        currency=facts.currency,
        rows=rows,
        totals=sum_up(rows, setting.vat_rate, reverse_charge=setting.reverse_charge),
        pools=shared,
        usage=summed([one.rows for one in (*facts.issued, *statements)]),
        unresolved=_open(facts.projects),
        overrun=plain_money(sum(one.overrun for one in facts.projects)),
        **_head(setting, issue, issue.period),
    )


# -- corrections ----------------------------------------------------------------------------------


def corrections(facts: Correction, issue: Issue, reason: str) -> list[Draft]:
    """A credit note of the whole document, and the document as it should have been.

    Together they are the difference: what vouchers of the open period say about the original's period, and
    what recipient, tax and cost centre are now.

    Raises:
        BookError: only statements and corrections of projects can be taken back.
    """
    original = facts.original
    if original.kind == "reversal":
        raise BookError(f"{original.number} is a credit note itself; it stands")
    if original.scope == "organisation":
        documents = ", ".join(one.reference for one in original.rows) or "none"
        raise BookError(
            f"{original.number} only sums up its projects' documents; reverse one of them: {documents}"
        )
    if facts.reversed_by:
        raise BookError(f"{original.number} was taken back by {facts.reversed_by}; reverse what replaced it")
    first, second = numbers(facts.setting.prefix, issue.at, facts.taken, 2)
    booked_in = facts.booked_in.name
    back = reversal(original, first, issue.moment, issue.by, booked_in, reason)
    rows = (*original.rows, *entry_rows(facts.entries))
    setting = facts.setting
    totals = sum_up(rows, setting.vat_rate, reverse_charge=setting.reverse_charge)
    new = msgspec.structs.replace(
        original,
        number=second,
        kind="correction",
        cost_centre=facts.cost_centre,
        booked_in=booked_in,
        issued_at=issue.moment,
        issued_by=issue.by,
        issuer=setting.issuer,
        recipient=setting.recipient,
        rows=rows,
        totals=totals,
        vat_rate=setting.vat_rate,
        reverse_charge=setting.reverse_charge,
        unresolved=None,
        reverses=original.number,
        reason=reason,
        difference=less(totals, original.totals),
    )
    vouchers = tuple(int(entry.reference) for entry in facts.entries)
    return [Draft(facts.project_id, back), Draft(facts.project_id, new, vouchers)]
