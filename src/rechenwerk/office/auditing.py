"""The audit of residency: whether every call went only where its data might go, judged anew. Pure.

A gateway follows a change of configuration within two seconds and serves by an old snapshot for `GRACE`
at most. So a call is right if the rule allowed it when it left, or under what stood up to `GRACE` before:
then it is *late*.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from rechenwerk.base.ids import encode_call
from rechenwerk.base.reasons import reason
from rechenwerk.office.standing import AuditedCall, ClassVersion, Histories, PlaceVersion
from rechenwerk.routing.ports import DEFAULT_CLASSES, DataClass
from rechenwerk.routing.residency import forbids

GRACE = 30.0
"""Seconds that a snapshot may go unconfirmed before nothing is served by it (gateway/app.py)."""
SKEW = 2.0
"""Seconds by which the clocks of gateways and database may differ."""
_MOST = 1000
_OPERATOR = 0


class _Decision(msgspec.Struct, frozen=True):
    """The part of a decision that an audit looks at."""

    data_class: str | None = None
    tried: tuple[dict[str, object], ...] = ()


class Violation(msgspec.Struct, frozen=True):
    """A call, or an attempt of it, that went where it might not."""

    call: AuditedCall
    deployment: str
    data_class: str
    jurisdiction: str
    level: str
    rule: str


class Report(msgspec.Struct):
    """What an audit found.

    Attributes:
        calls, attempts: booked, by what they were.
        tried: attempts that cost nothing, as decisions name them.
        late: right only under what stood shortly before.
        undecided: without a decision that says the data class: calls whose gateway died.
        found: all violations; the first of them are in `violations`.
    """

    calls: int = 0
    attempts: int = 0
    tried: int = 0
    late: int = 0
    undecided: int = 0
    found: int = 0
    violations: list[Violation] = []


class Auditor:
    """Judges calls one after the other.

    Args:
        histories: of projects, deployments and data classes.
    """

    def __init__(self, histories: Histories) -> None:
        self._histories = histories
        self._digest = hashlib.sha256()
        self.report = Report()

    @property
    def sha256(self) -> str:
        """Over all rows judged so far, with what they were judged by."""
        return self._digest.hexdigest()

    def judge(self, call: AuditedCall) -> None:
        """Judge a booked call, and what was tried before it."""
        report = self.report
        if call.attempt_of is None:
            report.calls += 1
        else:
            report.attempts += 1
        decision = _decision(call.decision)
        if decision.data_class is None:
            report.undecided += 1
        verdict = self._judged(call, [call.deployment_id], decision.data_class)
        self._digest.update(f"{call.organisation_id} {encode_call(call.id)} {verdict}\n".encode())
        for one in decision.tried:
            name = str(one.get("deployment", ""))
            ids = self._histories.named.get(name, ())
            report.tried += 1
            verdict = self._judged(call, ids, decision.data_class, name)
            self._digest.update(f"  {name} {verdict}\n".encode())

    def _judged(self, call: AuditedCall, ids: Sequence[int], decided: str | None, name: str = "") -> str:
        """The row's verdict in words; a violation is noted."""
        best: tuple[str, Violation | None] | None = None
        for deployment in ids:
            found = self._at_one(call, deployment, decided)
            if best is None or found[1] is None:
                best = found
        if best is None:
            rule: str = reason("unknown_deployment")
            best = rule, Violation(call, name or "unknown", decided or "", "", "", rule)
        words, violation = best
        if violation is not None:
            self.report.found += 1
            if len(self.report.violations) < _MOST:
                self.report.violations.append(violation)
        elif words.startswith("late"):
            self.report.late += 1
        return words

    def _at_one(
        self, call: AuditedCall, deployment: int, decided: str | None
    ) -> tuple[str, Violation | None]:
        first: tuple[str, Violation | None] | None = None
        for moment in self._moments(call, deployment):
            found = self._at(call, deployment, decided, moment)
            if found[1] is None:
                return found if first is None else (f"late: {found[0]}", None)
            first = first or found
        assert first is not None
        return first

    def _moments(self, call: AuditedCall, deployment: int) -> Iterator[float]:
        """When the call left, and every state that a gateway could still, or already, know then."""
        at = call.left_at
        yield at
        known = self._histories
        names = {name for _, name in known.projects.get(call.project_id, ())}
        changes = {
            *(since for since, _ in known.projects.get(call.project_id, ())),
            *(version.since for version in known.deployments.get(deployment, ())),
            *(
                version.since
                for owner in (call.organisation_id, _OPERATOR)
                for name in names
                for version in known.classes.get((owner, name), ())
            ),
        }
        for change in sorted(changes, reverse=True):
            if at < change <= at + SKEW:
                yield change
            elif at - GRACE < change <= at:
                yield change - 1e-6

    def _at(
        self, call: AuditedCall, deployment: int, decided: str | None, moment: float
    ) -> tuple[str, Violation | None]:
        known = self._histories
        project = known.projects.get(call.project_id, ())
        name = project[max(0, _index([since for since, _ in project], moment))][1] if project else ""
        place = _place(known.deployments.get(deployment, ()), moment)
        data_class = _class(known.classes, call.organisation_id, name, moment)
        if place is None or data_class is None:
            rule: str | None = reason("unknown_then")
        elif decided is not None and decided != name:
            rule = reason("class_wrong", decided=decided, data_class=name)
        else:
            rule = forbids(data_class, place.jurisdiction, place.level)
        jurisdiction, level = ("", "") if place is None else (place.jurisdiction, place.level)
        allowed = (
            "" if data_class is None else f"{','.join(sorted(data_class.jurisdictions))}/{data_class.level}"
        )
        words = f"project {call.project_id} {name} {allowed} deployment {deployment} {jurisdiction}/{level}"
        if rule is None:
            return f"{words} right", None
        shown = known.names.get(deployment, str(deployment))
        return f"{words} wrong: {rule}", Violation(call, shown, name, jurisdiction, level, rule)


def _index(since: Sequence[float], moment: float) -> int:
    return bisect_right(since, moment) - 1


def _place(versions: Sequence[PlaceVersion], moment: float) -> PlaceVersion | None:
    """Where a deployment stood; before its first version it did not exist, but clocks may differ a little."""
    if not versions:
        return None
    return versions[max(0, _index([version.since for version in versions], moment))]


def _class(
    classes: Mapping[tuple[int, str], Sequence[ClassVersion]], organisation: int, name: str, moment: float
) -> DataClass | None:
    """What a class permitted: the organisation's word, else the operator's, else the default."""
    for owner in (organisation, _OPERATOR):
        versions = classes.get((owner, name), ())
        index = _index([version.since for version in versions], moment)
        if index >= 0 and versions[index].active:
            return DataClass(name, versions[index].jurisdictions, versions[index].level)
    return DEFAULT_CLASSES.get(name)


def _decision(text: str | None) -> _Decision:
    """What a decision says; nothing where there is none, or none of ours."""
    try:
        return msgspec.json.decode(text or "{}", type=_Decision)
    except msgspec.MsgspecError:
        return _Decision()
