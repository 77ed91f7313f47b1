"""Grants: capacity given to a project for a purpose, by application; what lies idle returns to the pool.

Windows are whole days of UTC. Amounts are tokens; GPU-hours are converted at the pool's own rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from rechenwerk.base.errors import Refusal, bad_request
from rechenwerk.contracts.capacity import SECONDS_PER_DAY
from rechenwerk.contracts.emergency import Person, same_person

Size = Literal["small", "medium", "large"]
Stage = Literal["applied", "granted", "declined"]
Unit = Literal["tokens", "gpu hours"]

APPROVALS: tuple[tuple[Size, int], ...] = (("small", 0), ("medium", 1), ("large", 2))
"""Size class -> how many different people must approve."""


_KEPT_NOTICES = 4
"""After so many times its days, a notice that nobody acted on has to be given again."""


class Policy(msgspec.Struct, frozen=True):
    """The operator's rules for grants from a pool.

    Attributes:
        small: tokens up to which nobody needs to approve.
        medium: tokens up to which one person must.
        idle_days: days without a draw after which what is left returns.
        least_share: percent of the linear course below which what was not used in time returns.
        notice_days: days between the notice and the return.
    """

    small: int = 10_000_000
    medium: int = 1_000_000_000
    idle_days: int = 30
    least_share: int = 25
    notice_days: int = 7


class Application(msgspec.Struct, frozen=True):
    """What somebody applied for, and who signed.

    Attributes:
        id: 0 before it is stored.
        size: its class, from the amount and what the project holds already.
        applicant: who applied.
        approvals: who approved, in order.
        stage: where it stands.
    """

    id: int
    size: Size
    applicant: Person
    approvals: tuple[Person, ...] = ()
    stage: Stage = "applied"

    @property
    def needed(self) -> int:
        """How many approvals it still needs."""
        return max(0, dict(APPROVALS)[self.size] - len(self.approvals))


class Award(msgspec.Struct, frozen=True):
    """A grant as it stands. Days count from 1970-01-01, UTC.

    Attributes:
        id: of its application.
        amount: tokens, less what was returned.
        starts: first day of its window.
        ends: the first day at which it is over.
        use_by: the day by which the first draw must have come.
        noticed: the day on which it was last warned that what lies idle returns; None: it was not.
        course_from: the day from which its course is measured: its first, or that of the last return.
        course_drawn: what had been drawn by then.
    """

    id: int
    amount: int
    starts: int
    ends: int
    use_by: int
    course_from: int
    course_drawn: int = 0
    noticed: int | None = None


class Idle(msgspec.Struct, frozen=True):
    """What of a grant lies idle since which day, and why."""

    tokens: int
    since: int
    reason: str


class Step(msgspec.Struct, frozen=True):
    """What is done about an idle grant: a notice, a return, or neither yet."""

    award: int
    idle: Idle
    action: Literal["notice", "wait", "return"]
    due: int
    """The day on which it returns."""


def tokens_of(unit: Unit, amount: int, tokens_per_gpu_hour: int | None) -> int | Refusal:
    """An amount in tokens."""
    if unit == "tokens":
        return amount
    if tokens_per_gpu_hour is None:
        return bad_request(
            "this pool has no rate for GPU-hours: apply in tokens, or let the operator set"
            " --tokens-per-gpu-hour",
            "unit",
            "no_gpu_rate",
            409,
        )
    return amount * tokens_per_gpu_hour


def size_of(policy: Policy, tokens: int, held: int) -> Size:
    """The size class of an application.

    Args:
        policy: thresholds.
        tokens: applied for.
        held: tokens of the same project's other applications and grants that are open: a large grant in small
            pieces needs the same approvals.
    """
    together = tokens + held
    if together <= policy.small:
        return "small"
    return "medium" if together <= policy.medium else "large"


def contracts_of(pool: str, there: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...] | Refusal:
    """The grant contracts that an application opens: those that it names, else the only one there is.

    Args:
        pool: its name.
        there: grant contracts of the pool.
        wanted: as the application names them.
    """
    for name in wanted:
        if name not in there:
            told = f"it has {', '.join(map(repr, there))}" if there else "it has none; leave contracts out"
            message = f"the pool {pool!r} has no grant contract {name!r}: {told}"
            return bad_request(message, "contracts", "contract_not_found", 422)
    if not wanted and len(there) > 1:
        names = ", ".join(map(repr, there))
        message = (
            f"the pool {pool!r} has several grant contracts: say in contracts which are meant, of {names}"
        )
        return bad_request(message, "contracts", "contract_missing", 422)
    return tuple(dict.fromkeys(wanted or there))


def application_refusal(tokens: int, starts: int, ends: int, use_by: int, today: int) -> Refusal | None:
    """Why this cannot be applied for; None when it can."""
    if tokens <= 0:
        return bad_request("apply for more than nothing", "amount", "invalid_value", 422)
    if not today <= starts < ends:
        return bad_request(
            "a window starts today or later and ends after it starts", "starts_on", "invalid_period", 422
        )
    if not starts < use_by <= ends:
        return bad_request(
            "use-by lies in the window: after its first day, not after its end",
            "use_by",
            "invalid_period",
            422,
        )
    return None


def decided_refusal(application: Application) -> Refusal | None:
    """Why nothing more can be decided; None while an application waits."""
    if application.stage == "applied":
        return None
    return bad_request(
        f"application {application.id} is {application.stage} already", None, "already_decided", 409
    )


def approval_refusal(application: Application, approver: Person) -> Refusal | None:
    """Why an approval does not count; None when it does."""
    decided = decided_refusal(application)
    if decided is not None:
        return decided
    if approver.same(application.applicant):
        return bad_request(
            f"{approver.name!r} applied for this: nobody approves what is their own",
            None,
            "own_application",
            403,
        )
    for earlier in application.approvals:
        if approver.same(earlier):
            return same_person("this application", earlier)
    return None


def attribute(awards: Iterable[Award], used: Mapping[int, int]) -> dict[int, dict[int, int]]:
    """Which grant paid for which tokens, by award and day: the one that ends first goes first.

    Args:
        awards: of one project in one pool.
        used: day -> tokens that the project's calls used of the pool.
    """
    order = sorted(awards, key=lambda one: (one.ends, one.id))
    left = {one.id: one.amount for one in order}
    found: dict[int, dict[int, int]] = {one.id: {} for one in order}
    for day, tokens in sorted(used.items()):
        rest = tokens
        for one in order:
            part = min(rest, left[one.id]) if one.starts <= day < one.ends else 0
            if part > 0:
                found[one.id][day] = part
                left[one.id] -= part
                rest -= part
    return found


def idle(policy: Policy, award: Award, drawn: Mapping[int, int], today: int) -> Idle | None:
    """What of a grant lies idle today; None when it is used as it should be, or is over.

    Args:
        policy: the rules.
        award: the grant.
        drawn: day -> tokens, from `attribute`.
        today: days since 1970-01-01.
    """
    taken = sum(drawn.values())
    left = award.amount - taken
    if left <= 0 or not award.starts <= today < award.ends:
        return None
    since = max(drawn, default=award.starts)
    if not drawn and today >= award.use_by:
        return Idle(left, since, "nothing was drawn by its use-by")
    if today - since >= policy.idle_days:
        return Idle(left, since, f"nothing was drawn for {today - since} days")
    passed, whole = today - award.course_from, award.ends - award.course_from
    due = (award.amount - award.course_drawn) * passed // whole
    done = taken - award.course_drawn
    if passed >= policy.idle_days and done * 100 < due * policy.least_share:
        share = done * 100 // due
        reason = f"{share} % of the linear course was drawn, less than {policy.least_share} %"
        return Idle(due - done, award.course_from, reason)
    return None


def reclaim(
    policy: Policy, awards: Sequence[tuple[Award, Mapping[int, int]]], today: int
) -> tuple[Step, ...]:
    """What to do about idle grants today: first a notice, and when its days are over, the return."""
    steps = []
    for award, drawn in awards:
        lies = idle(policy, award, drawn, today)
        if lies is None:
            continue
        # A notice from before the last draw, or one that nobody acted on for long, warns of something else.
        noticed = award.noticed
        if noticed is None or noticed <= lies.since or today - noticed > _KEPT_NOTICES * policy.notice_days:
            steps.append(Step(award.id, lies, "notice", today + policy.notice_days))
            continue
        due = noticed + policy.notice_days
        steps.append(Step(award.id, lies, "return" if today >= due else "wait", due))
    return tuple(steps)


def day_of(epoch: float) -> int:
    """Days since 1970-01-01, UTC."""
    return int(epoch) // SECONDS_PER_DAY
