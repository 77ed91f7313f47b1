"""What `rechenwerk route simulate` does; apart, because HiGHS and matplotlib take their time to load."""

from __future__ import annotations

import gzip
import io
import math
import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.cli.chart import Picture, draw
from rechenwerk.cli.show import console, print_json, table
from rechenwerk.main_portfolios import MistakesError, parse_portfolio
from rechenwerk.routing.contest import Course, Figures, Paired, Summary, paired, policies, summary
from rechenwerk.routing.entrants import ENTRANTS, chosen, contest
from rechenwerk.routing.portfolios import Portfolio, PortfolioError, seconds
from rechenwerk.routing.traces import Calls, Clients, TraceError, read
from rechenwerk.routing.worlds import Case, prepare

OURS = "rechenwerk"
NOTHING = 1e-5
"""Of list spend: less is rounding."""
BAR = 30
"""Characters of the longest bar on the terminal."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The command's options, as `cli.routing` names them."""

    trace: Path
    lengths: Path | None
    contracts: tuple[Path, ...]
    portfolios: tuple[str, ...]
    policies: tuple[str, ...]
    orders: tuple[str, ...]
    seeds: tuple[int, ...]
    history: str
    against: str
    processes: int
    chart: Path | None
    as_json: bool


class Found(msgspec.Struct, frozen=True):
    """What a simulation of one portfolio and seed came to; the first one's course is kept to be drawn."""

    figures: tuple[Figures, ...]
    case: Case
    courses: tuple[Course, ...]


class WrongFilesError(RechenwerkError):
    """Files that cannot be used; a line for each mistake."""


def simulated(asked: Asked) -> int:
    """Run it and print; the exit status."""
    history = _history(asked.history)
    _check_names(asked)
    if asked.chart is not None and asked.chart.suffix not in (".png", ".svg"):
        raise typer.BadParameter(f"{asked.chart.name} is no picture: write FILE.png or FILE.svg")
    try:
        portfolios = _portfolios(asked)
        trace = _trace(asked)
    except WrongFilesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    found = _run(asked, trace, portfolios, history)
    figures = [one for part in found for one in part.figures]
    if asked.chart is not None:
        draw(_picture(found[0], figures, asked), asked.chart)
    if asked.as_json:
        print_json(_document(asked, trace, figures))
    else:
        _show(asked, trace, figures)
    return 0


def _history(text: str) -> float | None:
    if text == "half":
        return None
    if text == "none":
        return 0.0
    try:
        return seconds(text)
    except ValueError:
        raise typer.BadParameter(f"--history {text!r}: write 7d, 12h, none or half") from None


def _check_names(asked: Asked) -> None:
    names = [*ENTRANTS, *asked.orders]
    for name in (*asked.policies, *((asked.against,) if asked.against else ())):
        if name not in names:
            raise typer.BadParameter(f"there is no policy {name!r}; choose from {', '.join(ENTRANTS)}")
    taking = chosen(asked.policies, asked.orders)
    if asked.against and asked.against not in taking:
        raise typer.BadParameter(
            f"--against {asked.against} does not take part; add --policy {asked.against}"
        )


def _portfolios(asked: Asked) -> dict[str, Portfolio]:
    """All files that were named, read.

    Raises:
        WrongFilesError: with a line for each mistake.
    """
    files: list[Path] = []
    for path in asked.contracts:
        files += sorted(path.glob("*.toml")) if path.is_dir() else [path]
    known = [path.stem for path in files]
    for name in asked.portfolios:
        if name not in known:
            raise WrongFilesError(f"--portfolio {name}: there is only {', '.join(known) or 'no file'}")
    found: dict[str, Portfolio] = {}
    wrong: list[str] = []
    for path in files:
        if asked.portfolios and path.stem not in asked.portfolios:
            continue
        try:
            found[path.stem] = parse_portfolio(_text(path))
        except MistakesError as error:
            wrong += [f"{path}:{one.line}: {one.message}; {one.fix}" for one in error.mistakes]
    if not found and not wrong:
        wrong.append(f"{asked.contracts[0]}: there is no file of contracts; name a .toml")
    if wrong:
        raise WrongFilesError("\n".join(wrong))
    return found


def _text(path: Path) -> str:
    """A file's text; packed ones are unpacked."""
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise WrongFilesError(f"{path}: cannot be read: {reason}; name a file that can") from None
    except UnicodeDecodeError:
        raise WrongFilesError(f"{path}: is not UTF-8 text; save it as UTF-8") from None


def _trace(asked: Asked) -> Calls | Clients:
    """The trace that was named.

    Raises:
        WrongFilesError: with the first line that is wrong.
    """
    lines = io.StringIO(_text(asked.trace))
    if asked.lengths is None:
        return _read(asked.trace, lines)
    return _read(asked.lengths, lines, io.StringIO(_text(asked.lengths)))


def _read(path: Path, lines: io.StringIO, lengths: io.StringIO | None = None) -> Calls | Clients:
    try:
        return read(lines, lengths)
    except TraceError as error:
        raise WrongFilesError(f"{path}:{error.line}: {error.message}; {error.fix}") from None


def _run(
    asked: Asked, trace: Calls | Clients, portfolios: Mapping[str, Portfolio], history: float | None
) -> list[Found]:
    """Every portfolio with every seed, in that order, whoever ends first."""
    jobs = [(name, seed) for name in portfolios for seed in asked.seeds]
    each = len(chosen(asked.policies, asked.orders))
    if asked.processes > 1 and len(jobs) > 1:
        return _together(asked, trace, portfolios, history, jobs)
    found: list[Found] = []
    with _progress() as progress:
        task = progress.add_task("simulating", total=len(jobs) * each)
        for name, seed in jobs:
            progress.update(task, description=f"{name}, seed {seed}")
            parts = _steps(trace, name, portfolios[name], history, seed, asked)
            case = next(parts)
            assert isinstance(case, Case)
            played: list[tuple[Figures, Course]] = []
            for part in parts:
                assert not isinstance(part, Case)
                played.append(part)
                progress.advance(task)
            found.append(_kept(case, played, whole=not found))
    return found


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _together(
    asked: Asked,
    trace: Calls | Clients,
    portfolios: Mapping[str, Portfolio],
    history: float | None,
    jobs: Sequence[tuple[str, int]],
) -> list[Found]:
    """Several at a time, in processes that are forked before the progress bar has its thread."""
    context = multiprocessing.get_context("fork")
    found: dict[tuple[str, int], Found] = {}
    with ProcessPoolExecutor(min(asked.processes, len(jobs)), mp_context=context) as pool:
        running = {
            pool.submit(_one, trace, name, portfolios[name], history, seed, asked): (name, seed)
            for name, seed in jobs
        }
        with _progress() as progress:
            task = progress.add_task("simulating", total=len(jobs))
            for done in as_completed(running):
                found[running[done]] = done.result()
                progress.advance(task)
    return [found[job] for job in jobs]


def _steps(
    trace: Calls | Clients, name: str, portfolio: Portfolio, history: float | None, seed: int, asked: Asked
) -> Iterator[Case | tuple[Figures, Course]]:
    """The case, then what each policy came to."""
    try:
        case = prepare(trace, portfolio, history, seed)
        yield case
        yield from contest(case, name, chosen(asked.policies, asked.orders))
    except PortfolioError as error:
        raise RechenwerkError(f"{name}: {error}") from None


def _one(
    trace: Calls | Clients, name: str, portfolio: Portfolio, history: float | None, seed: int, asked: Asked
) -> Found:
    """A simulation in a process of its own."""
    parts = _steps(trace, name, portfolio, history, seed, asked)
    case = next(parts)
    assert isinstance(case, Case)
    played = [part for part in parts if not isinstance(part, Case)]
    return _kept(case, played, whole=seed == asked.seeds[0])


def _kept(case: Case, played: Sequence[tuple[Figures, Course]], *, whole: bool) -> Found:
    """Courses only where they may be drawn: they are large."""
    figures = tuple(one for one, _ in played)
    return Found(figures, case, tuple(course for _, course in played) if whole else ())


def _against(asked: Asked, figures: Sequence[Figures]) -> str:
    """Whom the others are compared with: as asked, else ours, else the cheapest on average."""
    names = policies(figures)
    if asked.against:
        return asked.against
    return OURS if OURS in names else min(names, key=lambda name: summary(name, figures).ratio)


def _picture(first: Found, figures: Sequence[Figures], asked: Asked) -> Picture:
    return Picture(
        case=first.case,
        courses=first.courses,
        summaries=tuple(summary(name, figures) for name in policies(figures)),
        shown=_against(asked, figures),
        title=f"{first.figures[0].portfolio}, seed {asked.seeds[0]}",
        trace=asked.trace.name,
        runs=len(figures) // max(1, len(policies(figures))),
    )


def _document(asked: Asked, trace: Calls | Clients, figures: Sequence[Figures]) -> dict[str, Any]:
    against = _against(asked, figures)
    return {
        "trace": str(asked.trace),
        "sampled": isinstance(trace, Clients),
        "seeds": asked.seeds,
        "runs": [
            {**msgspec.structs.asdict(one), "ratio": one.ratio, "regret": one.regret} for one in figures
        ],
        "summary": [summary(name, figures) for name in policies(figures)],
        "paired": [paired(figures, name, against) for name in policies(figures) if name != against],
    }


def _show(asked: Asked, trace: Calls | Clients, figures: Sequence[Figures]) -> None:
    """Tables for people, then bars."""
    portfolios = tuple(dict.fromkeys(one.portfolio for one in figures))
    for portfolio in portfolios:
        mine = [one for one in figures if one.portfolio == portfolio]
        _table(portfolio, mine)
        _bars([summary(name, mine) for name in policies(mine)])
    if len(figures) > len(policies(figures)):
        if len(portfolios) > 1:
            _table("all of them", figures)
        _pairs(figures, _against(asked, figures))
    if isinstance(trace, Clients):
        note = "Calls are sampled from real clients' statistics: driven by them, not a replay of their calls."
        console().print(note, markup=False)
    console().print(
        "What was paid before (credit, provisioned and own capacity) is sunk and not in the cost.",
        markup=False,
    )


def _table(portfolio: str, figures: Sequence[Figures]) -> None:
    several = len(figures) > len(policies(figures))
    runs = len(figures) // len(policies(figures))
    bound = sum({(one.portfolio, one.seed): one.bound for one in figures}.values()) / runs
    spend = sum({(one.portfolio, one.seed): one.spend for one in figures}.values()) / runs
    head = ("policy", "cost", "over bound")
    spread = ("p90", "worst") if several else ()
    tail = ("regret", "shortfall", "expired", "idle", "refused", "critical", "reserve")
    rows: list[Sequence[object]] = [("bound, in hindsight", f"{bound:,.2f}", "1.000")]
    rows[0] = (*rows[0], *("" for _ in (*spread, *tail)))
    for name in policies(figures):
        one = summary(name, figures)
        rows.append(
            (
                name,
                f"{one.cost:,.2f}",
                f"{one.ratio:.3f}",
                *((f"{one.p90:.3f}", f"{one.worst:.3f}") if several else ()),
                f"{one.regret:.1%}",
                f"{one.shortfall:,.2f}",
                f"{one.expired:,.2f}",
                "" if math.isnan(one.idle) else f"{one.idle:.1%}",
                f"{one.refused:.3%}",
                f"{one.critical:.3%}",
                one.violations or Text("0", style="green"),
            )
        )
    means = f", mean of {runs} simulations" if several else ""
    title = f"{portfolio}{means}: everything at list price is {spend:,.2f}"
    table(title, (*head, *spread, *tail), rows, right=(*head[1:], *spread, *tail))


def _bars(summaries: Sequence[Summary]) -> None:
    """Regret as bars: what each policy costs beyond the bound, of list spend."""
    longest = max((one.regret for one in summaries), default=0.0)
    width = max((len(one.policy) for one in summaries), default=0)
    for one in sorted(summaries, key=lambda one: one.regret):
        length = round(BAR * one.regret / longest) if longest > NOTHING else 0
        line = Text(f"  {one.policy:<{width}} ")
        line.append("█" * length or "▏", style="green" if one.regret < 0.25 * longest else "yellow")
        line.append(f" {one.regret:.1%}")
        console().print(line)


def _pairs(figures: Sequence[Figures], against: str) -> None:
    found: list[Paired] = [paired(figures, name, against) for name in policies(figures) if name != against]
    rows = [
        (
            one.policy,
            f"{one.difference:+.3f}",
            "" if math.isnan(one.low) else f"{one.low:+.3f} to {one.high:+.3f}",
            f"{one.better} of {one.of}",
        )
        for one in sorted(found, key=lambda one: one.difference)
    ]
    columns = ("policy", "cost over the bound, more", "95 % interval", "cheaper in")
    table(f"Paired with {against}, on the same simulations", columns, rows, right=columns[1:])
