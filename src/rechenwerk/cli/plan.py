"""Commands about plans on files; those that ask an installation stand in `plan_books_commands`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rechenwerk.cli.configuration import read_file
from rechenwerk.cli.plan_books_commands import add_books_commands
from rechenwerk.cli.show import Json, console, print_json, table
from rechenwerk.cli.words import Language

if TYPE_CHECKING:
    from rechenwerk.planner.contagion import Course


def contagion(
    file: Annotated[Path, typer.Argument(help="Firms and what they promised each other; TOML.")],
    fails: Annotated[str, typer.Option(help="A firm that stops paying and earning, whatever it has.")] = "",
    at: Annotated[str, typer.Option(help="When it does, such as 2027-Q1; default: the first period.")] = "",
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave out what has this status, such as letter-of-intent; repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Who can pay whom, who falls with whom, and how much of a revenue is a supplier's own money."""
    # NumPy and SciPy cost half a second, which other commands need not wait for.
    from rechenwerk.planner.contagion import falls, run  # noqa: PLC0415
    from rechenwerk.planner.deals import STATUSES, read_deals  # noqa: PLC0415

    for status in without or ():
        if status not in STATUSES:
            raise typer.BadParameter(f"--without is one of {', '.join(STATUSES)}")
    deals = read_deals(read_file(file)).only(*(without or ()))
    course = run(deals, fails=fails, at=at)
    worst = falls(deals, at) if not fails else ()
    if as_json:
        print_json(_document(course, worst))
        return
    _show(course)
    if worst:
        rows = [(one.firm, ", ".join(one.falls) or "nobody", _money(one.lost)) for one in worst]
        table(
            f"If one fails ({deals.unit})",
            ("fails", "falls with it", "lost by others"),
            rows,
            ("lost by others",),
        )


def _money(amount: float) -> str:
    return f"{amount:,.2f}" if abs(amount) >= 0.005 else "-"


def _show(course: Course) -> None:
    deals = course.deals
    names = [firm.name for firm in deals.firms]
    when = {one.firm: one.period for one in course.failures}
    rows = []
    for index, period in enumerate(deals.periods):
        cells = [
            "failed" if name in when and when[name] <= period else _money(course.cash[index, at])
            for at, name in enumerate(names)
        ]
        rows.append((period, *cells, _money(course.owed[index].sum()), _money(course.paid[index].sum())))
    table(
        f"{deals.title}: cash at the end of each period ({deals.unit})",
        ("period", *names, "due", "paid"),
        rows,
        (*names, "due", "paid"),
    )
    if course.failures:
        rows = [
            (
                one.firm,
                one.period,
                "made to" if one.shocked else "could not pay",
                _money(one.lacked),
                ", ".join(f"{name} {_money(amount)}" for name, amount in one.lost.items()),
            )
            for one in course.failures
        ]
        table("Failures", ("firm", "when", "why", "not paid", "lost by"), rows, ("not paid",))
    else:
        console().print("Nobody fails.")
    for period, investor, firm, amount in course.unpaid_funding:
        console().print(
            f"{period}: {investor} does not pay {_money(amount)} that it promised {firm}.", markup=False
        )
    rows = [
        (
            name,
            _money(course.revenue[at].sum()),
            _money(course.returned[at]),
            f"{course.returned[at] / course.revenue[at].sum():.1%}",
            _money(course.gross[:, at].sum()),
            _money(course.gross[:, at].sum() - course.returned[at]),
        )
        for at, name in enumerate(names)
        if course.revenue[at].sum() > 0
    ]
    columns = ("supplier", "revenue", "its own money back", "share", "it invested", "net of what came back")
    table(f"Whose money is the revenue? ({deals.unit})", columns, rows, columns[1:])


def _document(course: Course, worst: Any) -> dict[str, Any]:
    names = [firm.name for firm in course.deals.firms]
    return {
        "title": course.deals.title,
        "unit": course.deals.unit,
        "periods": course.deals.periods,
        "firms": names,
        "cash": course.cash.tolist(),
        "due": course.owed.tolist(),
        "paid": course.paid.tolist(),
        "failures": course.failures,
        "unpaid_funding": course.unpaid_funding,
        "revenue": course.revenue.tolist(),
        "own_money_back": course.returned.tolist(),
        "gross_funding": course.gross.tolist(),
        "paid_back_directly": course.back.tolist(),
        "if_one_fails": worst,
    }


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
        list[str] | None, typer.Option(help="Shocks that happen together, such as demand+price; repeatable.")
    ] = None,
    backwards: Annotated[
        bool, typer.Option("--reverse", help="Also look for the mildest shocks that empty the cash.")
    ] = False,
    scenario: Scenario = "",
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """What breaks the plan: its shocks one by one and together, and the mildest that empty the cash."""
    from rechenwerk.cli.plan_stress import stress_command  # noqa: PLC0415

    stress_command(file, together or (), scenario, language, backwards=backwards, as_json=as_json)


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
    plan.command("sensitivity")(sensitivity)
    plan.command("contagion")(contagion)
    add_books_commands(plan)
    plan.command("schema")(schema)
    app.add_typer(plan, name="plan")
