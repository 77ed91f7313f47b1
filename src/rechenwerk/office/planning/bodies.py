"""Bodies of plans, their runs and answers, as the OpenAPI page shows them. Money is in the plan's unit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from rechenwerk.office.bodies import Body, Name
from rechenwerk.office.planning.ports import RunState

MOST_PATHS = 1_000_000
TRIED_PATHS = 20_000
LARGEST_TEXT = 1_000_000
"""In bytes."""
_LATEST = 2**31 - 1


def _bounded(text: str) -> str:
    size = len(text.encode())
    if size > LARGEST_TEXT:
        raise ValueError(f"it has {size:,} bytes; {LARGEST_TEXT:,} are the most")
    return text


Text = Annotated[str, StringConstraints(max_length=LARGEST_TEXT), AfterValidator(_bounded)]
Number = Annotated[int, Field(ge=1, le=_LATEST)]
"""Of a version."""
Form = Literal["toml", "yaml"]
Status = Literal[
    "reported", "estimated", "contracted", "conditional", "announced", "letter-of-intent", "target", "assumed"
]
Word = Annotated[str, StringConstraints(max_length=200)]
Language = Literal["en", "de"]


class TextBody(Body):
    """A plan as a file has it, and, if there is one, the file of deals beside it."""

    text: Text = Field(description="TOML or YAML, as docs/plan.md describes it")
    format: Form = "toml"
    deals: Text = Field(
        "", description="firms and what they promised each other, as TOML; see docs/contagion.md"
    )


class PlanBody(TextBody):
    """A new plan."""

    name: Name


class VersionBody(TextBody):
    """Another version of a plan."""

    after: Annotated[int, Field(ge=1, description="the version that was edited; a newer one is not lost")]


class ExampleBody(Body):
    """One of the plans that the product brings along."""

    example: Literal["firm", "openai"]
    name: Name | None = None


class DraftBody(Body):
    """A plan of what the books say."""

    name: Name
    months: Annotated[int, Field(ge=3, le=120, description="of books that are read")] = 24
    periods: Annotated[int, Field(ge=1, le=120, description="months that are planned")] = 24


class RunBody(Body):
    """What is to be calculated; what is left out is as the file says."""

    scenario: Word = ""
    without: list[Status] = Field(default=[], description="statuses that are switched off")
    paths: Annotated[int, Field(ge=1, le=MOST_PATHS)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    version: Number | None = None


class TryBody(Body):
    """Drivers multiplied by factors, on a reduced sample."""

    factors: dict[Word, float] = Field(default={}, max_length=100, examples=[{"users": 1.2}])
    scenario: Word = ""
    without: list[Status] = Field(default=[], description="statuses that are switched off")
    paths: Annotated[int, Field(ge=1, le=TRIED_PATHS)] = 300
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    version: Number | None = None
    language: Language = "en"


class MistakeView(BaseModel):
    """What is wrong in a line, and the fix."""

    line: int
    message: str
    fix: str
    message_de: str = Field(default="", description="the same in German")
    fix_de: str = ""


class CheckView(BaseModel):
    """Whether a text is a plan."""

    ok: bool
    message: str
    message_de: str = Field(default="", description="the same in German")
    mistakes: list[MistakeView]
    facts: dict[str, Any] | None


class HeadlineView(BaseModel):
    """What is asked first of a run."""

    out: str = Field(description="the first period in which cash is below 0 as expected; '' for none")
    ruin: float | None = Field(description="the probability that cash runs out in the plan's periods")
    gap: float | None = Field(description="the funding gap of the middle path")
    unit: str


class RunwayView(HeadlineView):
    """The newest run that is done."""

    run: int
    scenario: str
    ended_at: datetime


class PlanView(BaseModel):
    """A plan; `facts` is what is in it: title, periods, scenarios, drivers, statuses, firms."""

    name: str
    main: bool = Field(description="whether the first page shows its runway")
    version: int
    made_at: datetime
    changed_at: datetime
    changed_by: str
    facts: dict[str, Any]
    runway: RunwayView | None


class PlansView(BaseModel):
    """All plans of an organisation."""

    organisation: str
    plans: list[PlanView]


class VersionView(BaseModel):
    """A version without its text."""

    number: int
    format: Form
    made_by: str
    made_at: datetime


class VersionsView(BaseModel):
    """The newest versions."""

    plan: str
    versions: list[VersionView]


class SourceView(VersionView):
    """A version with its text."""

    plan: str
    text: str
    deals: str


class RunView(BaseModel):
    """A calculation and how far it is."""

    id: int
    plan: str
    version: int
    scenario: str
    without: list[str]
    paths: int
    seed: int
    state: RunState
    done: int = Field(description="paths")
    failed: str | None
    headline: HeadlineView | None
    made_by: str
    made_at: datetime
    ended_at: datetime | None


class RunsView(BaseModel):
    """The newest runs of a plan."""

    plan: str
    runs: list[RunView]


class FigureView(BaseModel):
    """An answer with its formula and the lines that it comes from."""

    key: str
    name: str
    value: float | None
    unit: str
    formula: str
    note: str
    parts: list[tuple[str, str]]


class TriedView(BaseModel):
    """What a reduced sample gives; arrays are by level and period."""

    unit: str
    periods: list[str]
    figures: list[FigureView]
    base: dict[str, list[float | None]]
    paths: int
    seed: int
    levels: list[float]
    quantiles: dict[str, list[list[float | None]]]
    mean: dict[str, list[float | None]]
    ruined: list[float] = Field(description="by period, the probability that cash has run out by then")
    gap: list[float | None] = Field(description="quantiles of the funding gap")


class ResultView(TriedView):
    """All that a run found, as `rechenwerk plan run --json` has it."""

    title: str
    obligations: dict[str, Any] = Field(description="unconditional purchase obligations by year (ASC 440)")
    onerous: dict[str, Any]
    provisions: dict[str, Any]
    services: list[dict[str, Any]]
    contracts: list[dict[str, Any]]
    ownership: dict[str, Any] | None
    late: list[dict[str, Any]]
    violations: int
    checked: int


class ExplainedView(BaseModel):
    """A figure with its formula and inputs, down to what is put in."""

    name: str
    title: str
    how: str
    formula: str
    value: float | None
    unit: str
    period: str
    source: str
    date: str
    status: str
    note: str
    inputs: list[ExplainedView]


class BarView(BaseModel):
    """A driver alone at its low and at its high decile."""

    driver: str
    low: float
    high: float


class SensitivityView(BaseModel):
    """Which driver matters, the greatest effect first."""

    line: str
    at: str
    unit: str
    as_expected: float
    bars: list[BarView]


class StruckView(BaseModel):
    """The plan after shocks."""

    shocks: list[str]
    title: str
    lowest: float
    at: str
    out: str
    gap: float
    unserved: float


class StressView(BaseModel):
    """The plan as it is, and after shocks."""

    unit: str
    rows: list[StruckView]


class ReverseView(BaseModel):
    """The mildest combination of shocks that empties the cash, and the smallest sets that do as written."""

    severities: dict[str, float]
    distance: float | None
    out: str
    empties: bool
    sets: list[list[str]]


class SideView(BaseModel):
    """A scenario."""

    scenario: str
    figures: list[FigureView]
    cash: list[float]
    ruin: float


class StepView(BaseModel):
    """A difference and its effect."""

    what: str
    effect: float


class DifferenceView(BaseModel):
    """Why a scenario differs from the plan as written."""

    scenario: str
    line: str
    at: str
    unit: str
    before: float
    after: float
    steps: list[StepView]


class ComparedView(BaseModel):
    """Scenarios side by side."""

    unit: str
    periods: list[str]
    sides: list[SideView]
    differences: list[DifferenceView]


class TieView(BaseModel):
    """What one firm promised another."""

    kind: Literal["purchase", "funding", "debt", "guarantee", "share"]
    from_: str = Field(alias="from")
    to: str
    amount: float


class FirmView(BaseModel):
    """A firm and its cash by period."""

    name: str
    cash: list[float]


class FailureView(BaseModel):
    """A firm that could not pay."""

    firm: str
    period: str
    lacked: float
    lost: dict[str, float]
    shocked: bool


class FallView(BaseModel):
    """Who falls with a firm that would not have otherwise."""

    firm: str
    falls: list[str]
    lost: float


class NetworkView(BaseModel):
    """Firms, their promises, who fails, and who would fall with whom."""

    title: str
    unit: str
    periods: list[str]
    firms: list[FirmView]
    ties: list[TieView]
    failures: list[FailureView]
    if_one_fails: list[FallView]
