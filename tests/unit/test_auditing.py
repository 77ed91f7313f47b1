"""The auditor's judgement around a change: what a gateway could still know, and what it could not."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from rechenwerk.gateway.app import _MAX_AGE
from rechenwerk.office.auditing import GRACE, SKEW, Auditor, Report
from rechenwerk.office.standing import AuditedCall, ClassVersion, Histories, PlaceVersion

CHANGE = 1_000_000.0
PUBLIC_THEN_SECRET = {7: ((0.0, "public"), (CHANGE, "confidential"))}
AMERICA = {1: (PlaceVersion(0.0, "US", "shared"),)}


def histories(**changed: object) -> Histories:
    """Project 7 became confidential; deployment 1 is in the United States."""
    known = {
        "projects": PUBLIC_THEN_SECRET,
        "deployments": AMERICA,
        "classes": {},
        "named": {"cloud/m": (1,)},
        "names": {1: "cloud/m"},
        "project_names": {7: "files"},
        "organisations": {3: "town"},
    }
    return Histories(**{**known, **changed})  # type: ignore[arg-type]


def call(after: float, decision: Mapping[str, object] | None = None, deployment: int = 1) -> AuditedCall:
    """A call that left so many seconds after the change."""
    kept = None if decision is None else json.dumps(decision)
    return AuditedCall(5, None, 3, 7, deployment, CHANGE + after, kept)


def test_the_grace_is_as_long_as_gateways_serve_by_an_old_snapshot() -> None:
    assert GRACE == _MAX_AGE


def judged(one: AuditedCall, known: Histories | None = None) -> Report:
    auditor = Auditor(known or histories())
    auditor.judge(one)
    return auditor.report


@pytest.mark.parametrize(
    ("after", "found", "late"),
    [
        (-86400.0, 0, 0),
        (-SKEW - 0.1, 0, 0),
        (0.0, 0, 1),
        (GRACE - 0.1, 0, 1),
        (GRACE + 0.1, 1, 0),
        (86400.0, 1, 0),
    ],
)
def test_a_stricter_class_holds_after_the_grace(after: float, found: int, late: int) -> None:
    report = judged(call(after))
    assert (report.found, report.late, report.undecided) == (found, late, 1)


@pytest.mark.parametrize(("after", "found", "late"), [(-SKEW - 0.1, 1, 0), (-SKEW, 0, 1), (0.0, 0, 0)])
def test_a_looser_class_may_be_known_a_moment_before(after: float, found: int, late: int) -> None:
    looser = histories(projects={7: ((0.0, "confidential"), (CHANGE, "public"))})
    report = judged(call(after), looser)
    assert (report.found, report.late) == (found, late)


def test_the_place_and_the_class_have_their_times_as_well() -> None:
    moved = histories(
        projects={7: ((0.0, "confidential"),)},
        deployments={
            1: (PlaceVersion(0.0, "DE", "no-retention"), PlaceVersion(CHANGE, "US", "no-retention"))
        },
    )
    assert judged(call(-60), moved).found == 0
    (violation,) = judged(call(60), moved).violations
    assert (violation.jurisdiction, violation.deployment) == ("US", "cloud/m")
    anywhere = ClassVersion(CHANGE, frozenset(), "shared", active=True)
    gone = ClassVersion(CHANGE + 600, frozenset(), "shared", active=False)
    opened = histories(
        projects={7: ((0.0, "confidential"),)}, classes={(0, "confidential"): (anywhere, gone)}
    )
    assert [judged(call(at), opened).found for at in (-60, 60, 700)] == [1, 0, 1]


def test_the_decision_is_a_witness() -> None:
    assert judged(call(-60, {"data_class": "public"})).found == 0
    (violation,) = judged(call(-60, {"data_class": "internal"})).violations
    assert violation.rule == "the decision says the data class internal, the project's was public"


def test_what_was_tried_is_judged_too() -> None:
    tried = {"data_class": "public", "tried": [{"deployment": "cloud/m"}, {"deployment": "stranger/x"}]}
    report = judged(call(-60, tried))
    assert (report.tried, report.found) == (2, 1)
    assert report.violations[0].deployment == "stranger/x"
    late = {"data_class": "confidential", "tried": [{"deployment": "cloud/m"}]}
    assert judged(call(86400, late)).found == 2, "the call, and what was tried before it"


def test_a_decision_that_is_none_of_ours_is_no_decision() -> None:
    for text in ("because", "[]", '{"tried": 5}', ""):
        auditor = Auditor(histories())
        auditor.judge(AuditedCall(5, None, 3, 7, 1, CHANGE - 60, text))
        assert (auditor.report.found, auditor.report.undecided) == (0, 1)


def test_the_digest_is_of_rows_and_verdicts() -> None:
    def digest(*calls: AuditedCall, known: Histories | None = None) -> str:
        auditor = Auditor(known or histories())
        for one in calls:
            auditor.judge(one)
        return auditor.sha256

    assert digest(call(-60)) == digest(call(-60))
    assert digest(call(-60)) != digest(call(-60), call(-60))
    elsewhere = histories(deployments={1: (PlaceVersion(0.0, "DE", "shared"),)})
    assert digest(call(-60)) != digest(call(-60), known=elsewhere)
