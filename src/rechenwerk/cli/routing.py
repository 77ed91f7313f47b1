"""Commands: route simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rechenwerk.cli.show import Json


def simulate(
    trace: Annotated[
        Path,
        typer.Option(
            "--trace", help="Requests (CSV, Azure, Mooncake) or clients' rates (ServeGen); .gz too."
        ),
    ],
    contracts: Annotated[
        list[Path], typer.Option("--contracts", help="rechenwerk.toml, or a folder of such; repeatable.")
    ],
    lengths: Annotated[
        Path | None, typer.Option("--lengths", help="Token lengths beside ServeGen's rates.")
    ] = None,
    portfolio: Annotated[
        list[str] | None,
        typer.Option("--portfolio", help="Only files of this name, without .toml; repeatable."),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", help="Only this policy; repeatable; default: the usual ones."),
    ] = None,
    order: Annotated[
        list[str] | None, typer.Option("--order", help="Also this static order, such as c,d,a; repeatable.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="How many seeds.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    history: Annotated[
        str, typer.Option(help='What is known before: "7d", "none"; "half" of the trace.')
    ] = "half",
    against: Annotated[
        str, typer.Option(help="The policy that the others are compared with; default: rechenwerk.")
    ] = "",
    processes: Annotated[int, typer.Option(min=1, max=256, help="Simulations at a time.")] = 1,
    chart: Annotated[
        Path | None, typer.Option("--chart", help="Draw a picture: FILE.png or FILE.svg, of the first seed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Try contracts on a trace: what each policy would cost, over the least that it could have been."""
    from rechenwerk.cli.simulation import Asked, simulated  # noqa: PLC0415

    asked = Asked(
        trace=trace,
        lengths=lengths,
        contracts=tuple(contracts),
        portfolios=tuple(portfolio or ()),
        policies=tuple(policy or ()),
        orders=tuple(order or ()),
        seeds=tuple(range(seed, seed + seeds)),
        history=history,
        against=against,
        processes=processes,
        chart=chart,
        as_json=as_json,
    )
    raise typer.Exit(simulated(asked))


def add_routing(app: typer.Typer) -> None:
    """Join the commands of this page."""
    route = typer.Typer(help="Where calls go, and what that would cost.", no_args_is_help=True)
    route.command("simulate")(simulate)
    app.add_typer(route, name="route")
