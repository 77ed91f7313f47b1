"""Routes of grants: application, signatures, and what returns of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

from fastapi import APIRouter

from rechenwerk.base.errors import Refusal
from rechenwerk.contracts import grants as rules
from rechenwerk.office.access import ApproveRealm, KeysRealm, MemberRealm, Realm, Whose
from rechenwerk.office.errors import accept
from rechenwerk.office.governance import bodies
from rechenwerk.office.governance.ports import (
    Application,
    Award,
    GrantRow,
    GrantWish,
    Policy,
    PoolRow,
    Sized,
    Step,
)
from rechenwerk.office.ports import OPERATOR

_EPOCH = date(1970, 1, 1)
_DAY = timedelta(days=1)


def _number(day: date) -> int:
    return (day - _EPOCH) // _DAY


def _today(realm: Realm) -> date:
    return realm.office.now().date()


def _stage(row: GrantRow, today: date) -> Literal["applied", "granted", "declined", "used up", "over"]:
    stage = row.application.stage
    if stage != "declined" and row.ends_on <= today:
        return "over"
    if row.granted is not None and row.drawn >= row.granted:
        return "used up"
    return stage


def _view(row: GrantRow, today: date) -> bodies.GrantView:
    application = row.application
    return bodies.GrantView(
        id=application.id,
        organisation=row.organisation,
        project=row.project,
        pool=row.pool,
        unit=row.unit,
        amount=row.amount,
        tokens=row.tokens,
        size=application.size,
        purpose=row.purpose,
        starts_on=row.starts_on,
        ends_on=row.ends_on - _DAY,
        use_by=row.use_by - _DAY,
        stage=_stage(row, today),
        approvals_needed=application.needed if application.stage == "applied" else 0,
        approvals=[bodies.SignatureView(name=one.name, key=one.key) for one in application.approvals],
        applied_by=application.applicant.name,
        applied_key=application.applicant.key,
        applied_at=row.applied_at,
        decided_at=row.decided_at,
        decision=row.decision,
        granted=row.granted,
        drawn=row.drawn,
        returned=row.returned,
        noticed_on=row.noticed_on,
        contracts=list(row.contracts),
    )


async def list_grants(realm: MemberRealm, organisation: Whose = None) -> bodies.GrantsView:
    """The organisation's applications and grants; whoever approves also sees those for the pools."""
    owner: int | None = None
    if realm.is_operator or "approve" in realm.caller.scopes:
        owner = await realm.owner(organisation)
    rows = await realm.desk.governance.grants.grants(realm.organisation_id, owner)
    return bodies.GrantsView(grants=[_view(row, _today(realm)) for row in rows])


async def apply(realm: KeysRealm, body: bodies.GrantBody) -> bodies.GrantView:
    """Apply for a grant to a project; a small one is made at once, larger ones need approval of others."""
    realm = await realm.enter(body.organisation)
    project = await realm.project(body.project)
    now = realm.office.now()
    today = now.date()
    starts = body.starts_on or today
    use_by = body.use_by or body.ends_on
    wish = GrantWish(
        organisation_id=realm.organisation_id,
        project_id=project,
        unit=body.unit,
        amount=body.amount,
        purpose=body.purpose,
        starts_on=starts,
        ends_on=body.ends_on + _DAY,
        use_by=use_by + _DAY,
    )

    def decide(pool: PoolRow, held: int) -> Sized | Refusal:
        tokens = rules.tokens_of(body.unit, body.amount, pool.tokens_per_gpu_hour)
        if isinstance(tokens, Refusal):
            return tokens
        refusal = rules.application_refusal(
            tokens, _number(starts), _number(wish.ends_on), _number(wish.use_by), _number(today)
        )
        opens = rules.contracts_of(pool.name, pool.grants, body.contracts)
        if refusal is not None:
            return refusal
        if isinstance(opens, Refusal):
            return opens
        return Sized(tokens, rules.size_of(pool.policy, tokens, held), opens)

    owner = await _owner_of(realm, body.pool)
    made = await realm.desk.governance.grants.apply(realm.actor(), owner, body.pool, wish, now, decide)
    return _view(accept(made), today)


async def _owner_of(realm: Realm, pool: str) -> int:
    """An organisation's own pool before one of that name that is shared with all."""
    own = await realm.desk.governance.capacity.pools(realm.organisation_id, realm.office.now())
    return realm.organisation_id if any(row.name == pool for row in own) else OPERATOR


async def approve(realm: ApproveRealm, grant: bodies.Number, organisation: Whose = None) -> bodies.GrantView:
    """Approve somebody else's application; with the last approval that it needs it becomes a grant."""
    owner = await realm.owner(organisation)
    now = realm.office.now()

    def decide(application: Application) -> Refusal | None:
        return rules.approval_refusal(application, realm.actor())

    signed = await realm.desk.governance.grants.approve(realm.actor(), owner, grant, now, decide)
    return _view(accept(signed), now.date())


async def decline(
    realm: ApproveRealm, grant: bodies.Number, body: bodies.DeclineBody, organisation: Whose = None
) -> bodies.GrantView:
    """Turn an application down; the reason is shown to whoever applied."""
    owner = await realm.owner(body.organisation or organisation)
    now = realm.office.now()
    declined = await realm.desk.governance.grants.decline(
        realm.actor(), owner, grant, body.reason, now, rules.decided_refusal
    )
    return _view(accept(declined), now.date())


async def reclaim(
    realm: ApproveRealm, body: bodies.ReclaimBody, organisation: Whose = None
) -> bodies.ReclaimView:
    """Give notice of grants that lie idle, and return to the pool what was noticed long enough ago."""
    owner = await realm.owner(body.organisation or organisation)
    today = _today(realm)

    def plan(policy: Policy, awards: Sequence[tuple[Award, Mapping[int, int]]]) -> tuple[Step, ...]:
        return rules.reclaim(policy, awards, _number(today))

    done = await realm.desk.governance.grants.reclaim(
        realm.actor(), owner, realm.office.now(), plan, body.dry_run
    )
    return bodies.ReclaimView(
        steps=[
            bodies.StepView(
                grant=step.award,
                organisation=row.organisation,
                project=row.project,
                pool=row.pool,
                idle=step.idle.tokens,
                reason=step.idle.reason,
                action=step.action,
                due=_EPOCH + step.due * _DAY,
            )
            for step, row in done
        ],
        dry_run=body.dry_run,
    )


def add_grant_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/grants", list_grants, methods=["GET"], tags=["grants"])
    add("/grants", apply, methods=["POST"], status_code=201, tags=["grants"])
    add("/grants/{grant}/approve", approve, methods=["POST"], tags=["grants"])
    add("/grants/{grant}/decline", decline, methods=["POST"], tags=["grants"])
    add("/grants/reclaim", reclaim, methods=["POST"], tags=["grants"])
