"""Commands about plans on files; those that ask an installation stand in `plan_books_commands`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rechenwerk.cli.plan_books_commands import add_books_commands
from rechenwerk.cli.show import Json, print_json
from rechenwerk.cli.words import Language


def contagion(
    file: Annotated[Path, typer.Argument(help="Firms and what they promised each other; TOML.")],
    fails: Annotated[str, typer.Option(help="A firm that stops paying and earning, whatever it has.")] = "",
    at: Annotated[str, typer.Option(help="When it does, such as 2027-Q1; default: the first period.")] = "",
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave out what has this status, such as letter-of-intent; repeatable."),
    ] = None,
    scenario: Annotated[
        str, typer.Option(help="Of the plan that the file joins; default: the one that it names.")
    ] = "",
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Who can pay whom, who falls with whom, and how much of a revenue is a supplier's own money."""
    # NumPy and SciPy cost half a second, which other commands need not wait for.
    from rechenwerk.cli.plan_deals import Dealt, contagion_command  # noqa: PLC0415
    from rechenwerk.planner.deals import STATUSES  # noqa: PLC0415

    for status in without or ():
        if status not in STATUSES:
            raise typer.BadParameter(f"--without is one of {', '.join(STATUSES)}")
    contagion_command(Dealt(file, fails, at, tuple(without or ()), scenario, language, as_json))


Model = Annotated[Path, typer.Argument(help="The plan: .toml, .yaml, or a workbook of `plan run -o`.")]
Scenario = Annotated[str, typer.Option(help="One of the file's scenarios; default: as written.")]


def run(
    file: Model,
    scenario: Scenario = "",
    paths: Annotated[int, typer.Option(min=0, max=10_000_000, help="Default: what the file says.")] = 0,
    seed: Annotated[int, typer.Option(min=-1, help="Default: what the file says.")] = -1,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes; the result is the same.")] = 1,
    chart: Annotated[
        Path | None, typer.Option("--chart", help="Draw a picture: FILE.png, FILE.svg or FILE.pdf.")
    ] = None,
    by_period: Annotated[
        bool, typer.Option("--by-period", help="Statements by month or quarter instead of by year.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Also write FILE.xlsx (formulas), FILE.csv or FILE.parquet (all results)."
        ),
    ] = None,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Does it pay, when does the money run out: the plan as expected and over many paths."""
    from rechenwerk.cli.plan_run import Asked, run_command  # noqa: PLC0415

    run_command(Asked(file, scenario, paths, seed, workers, chart, as_json, language, output, by_period))


def compare(
    file: Model,
    others: Annotated[
        list[str] | None,
        typer.Argument(help="Scenarios of the file, or other files; default: all scenarios."),
    ] = None,
    paths: Annotated[int, typer.Option(min=0, max=10_000_000, help="Default: what the file says.")] = 0,
    line: Annotated[str, typer.Option(help="The line whose differences are explained.")] = "cash",
    at: Annotated[str, typer.Option(help="In this period; default: the last.")] = "",
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Scenarios and plans side by side, and what makes them differ."""
    from rechenwerk.cli.plan_compare import Sides, compare_command  # noqa: PLC0415

    compare_command(Sides(file, tuple(others or ()), paths, line, at, language, as_json))


def explain(
    file: Model,
    name: Annotated[str, typer.Argument(help="Such as cash, cloud.shortfall, or an answer such as runway.")],
    at: Annotated[
        str, typer.Option("--period", "--at", help="A period; default: the last, of answers all.")
    ] = "",
    deep: Annotated[int, typer.Option("--depth", min=0, max=20, help="Levels of inputs.")] = 3,
    scenario: Scenario = "",
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Where a figure comes from: formula, inputs with their values, sources, dates and status, as a tree."""
    from rechenwerk.cli.plan_run import Question, explain_command  # noqa: PLC0415

    explain_command(file, Question(name, at, deep, scenario, language, as_json))


def report(
    file: Model,
    out: Annotated[Path, typer.Option("--out", "-o", help="FILE.html or FILE.pdf.")],
    scenario: Scenario = "",
    paths: Annotated[int, typer.Option(min=0, max=10_000_000, help="Default: what the file says.")] = 0,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes; the result is the same.")] = 1,
    language: Language = "en",
) -> None:
    """The whole plan as one page or paper: answers with their formulas, charts, tables, sources."""
    from rechenwerk.cli.plan_report import Wanted, report_command  # noqa: PLC0415

    report_command(Wanted(file, out, scenario, paths, workers, language))


def stress(
    file: Model,
    together: Annotated[
        list[str] | None,
        typer.Option(help="Shocks that happen together or in sequence: demand+bank@2027-07; repeatable."),
    ] = None,
    library: Annotated[
        bool, typer.Option("--library", help="Instead: one shock of every kind for all that it can hit.")
    ] = False,
    at: Annotated[str, typer.Option(help="From when on those happen; default: a third into the plan.")] = "",
    backwards: Annotated[
        bool, typer.Option("--reverse", help="Also look for the mildest shocks that empty the cash.")
    ] = False,
    scenario: Scenario = "",
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """What breaks the plan: its shocks one by one and together, and the mildest that empty the cash."""
    from rechenwerk.cli.plan_stress import Stressed, stress_command  # noqa: PLC0415

    asked = Stressed(file, tuple(together or ()), scenario, at, library, backwards, as_json, language)
    stress_command(asked)


def fit(
    file: Model,
    names: Annotated[list[str] | None, typer.Argument(help="Of [[fit]]; default: all.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Look for the points anew, from the first guess on.")
    ] = False,
    chart: Annotated[
        Path | None, typer.Option("--chart", help="Draw a picture: FILE.png, FILE.svg or FILE.pdf.")
    ] = None,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Published figures beside the plan's own: how near it is, and which points bring it nearest."""
    from rechenwerk.cli.plan_case import Case, fit_command  # noqa: PLC0415

    fit_command(Case(file, tuple(names or ()), chart, language, as_json), again=again)


def bridge(
    file: Model,
    names: Annotated[list[str] | None, typer.Argument(help="Of [[bridge]]; default: all.")] = None,
    chart: Annotated[
        Path | None, typer.Option("--chart", help="Draw the first: FILE.png, FILE.svg or FILE.pdf.")
    ] = None,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """From a published funding gap to the plan's own, every difference with its name."""
    from rechenwerk.cli.plan_case import Case, bridge_command  # noqa: PLC0415

    bridge_command(Case(file, tuple(names or ()), chart, language, as_json))


def figures(
    file: Model,
    contradicting: Annotated[
        bool, typer.Option("--contradicting", help="Only where sources say different things.")
    ] = False,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """What is published: all values of every figure with their sources, and which scenario uses which."""
    from rechenwerk.cli.plan_case import Case, figures_command  # noqa: PLC0415

    figures_command(Case(file, language=language, as_json=as_json), contradicting=contradicting)


def solve(
    file: Model,
    vary: Annotated[
        str,
        typer.Option(help="A driver, contract or source of money that is scaled; DRIVER.growth: its growth."),
    ],
    line: Annotated[str, typer.Option(help="The line that is to reach a value.")] = "",
    value: Annotated[float, typer.Option(help="That value, in the plan's unit.")] = 0.0,
    at: Annotated[str, typer.Option(help="In this period; default: in all, of a stock the last.")] = "",
    ruin: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Instead: the probability of running out, such as 0.05."),
    ] = None,
    paths: Annotated[int, typer.Option(min=100, max=1_000_000, help="For the probability.")] = 2000,
    scenario: Scenario = "",
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Which number makes it work: the price that covers cost, the largest commitment that can be borne."""
    from rechenwerk.cli.plan_stress import solve_command  # noqa: PLC0415
    from rechenwerk.planner.solving import Target  # noqa: PLC0415

    if bool(line) == (ruin is not None):
        raise typer.BadParameter("say either --line with --value, or --ruin")
    target = Target(line, value if ruin is None else ruin, at, paths)
    solve_command(file, vary, target, scenario, language, as_json=as_json)


def sensitivity(
    file: Model,
    line: Annotated[str, typer.Option(help="What is looked at.")] = "cash",
    at: Annotated[str, typer.Option(help="In this period; default: the last.")] = "",
    samples: Annotated[
        int, typer.Option("--sobol", min=0, help="Also shares of the variance; samples, a power of 2.")
    ] = 0,
    chart: Annotated[
        Path | None, typer.Option("--chart", help="Draw a picture: FILE.png, FILE.svg or FILE.pdf.")
    ] = None,
    scenario: Scenario = "",
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Which driver matters: a tornado, and Sobol's shares of the variance."""
    from rechenwerk.cli.plan_stress import Looked, sensitivity_command  # noqa: PLC0415

    sensitivity_command(file, Looked(line, at, samples, scenario, chart, language, as_json))


def schema() -> None:
    """A JSON Schema of a plan's file, for editors that complete and check while one types."""
    from rechenwerk.planner.schema import schema as made  # noqa: PLC0415

    print_json(made())


def add_plan(app: typer.Typer) -> None:
    """Mount the commands."""
    plan = typer.Typer(no_args_is_help=True, help="Does it pay, when does the money run out, what breaks.")
    plan.command("run")(run)
    plan.command("compare")(compare)
    plan.command("explain")(explain)
    plan.command("report")(report)
    plan.command("stress")(stress)
    plan.command("solve")(solve)
    plan.command("fit")(fit)
    plan.command("bridge")(bridge)
    plan.command("figures")(figures)
    plan.command("sensitivity")(sensitivity)
    plan.command("contagion")(contagion)
    add_books_commands(plan)
    plan.command("schema")(schema)
    app.add_typer(plan, name="plan")
