"""Commands: organisation, project, key."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from rechenwerk.cli.budgets import PERIODS
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, moment, print_json, table

_DATA_CLASSES = "public, internal, confidential or restricted"
_BUDGET_COLUMNS = ("amount", "granted", "held", "posted", "free")


def _limit(text: str | None, option: str) -> int | None:
    if text is None or text == "none":
        return None
    if not text.isdecimal() or len(text) > 12:
        raise typer.BadParameter(f"{option} takes a number, or none to remove the limit")
    return int(text)


def organisation_create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Its name, unique in the installation.")],
    as_json: Json = False,
) -> None:
    """Create an organisation: a tenant with its own projects, keys and books."""
    made = remote(context).ask("POST", "/organisations", {"name": name})
    if as_json:
        print_json(made)
    else:
        console().print(f"organisation {made['name']!r} created", markup=False)


def organisation_list(context: typer.Context, as_json: Json = False) -> None:
    """List all organisations."""
    found = remote(context).ask("GET", "/organisations")
    if as_json:
        print_json(found)
        return
    rows = [(one["name"], moment(one["created_at"])) for one in found["organisations"]]
    table("Organisations", ("name", "created"), rows)


def project_create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Its name, unique in the organisation.")],
    data_class: Annotated[str, typer.Option(help=f"Of its data: {_DATA_CLASSES}.")] = "internal",
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Create a project: a cost centre with budgets and limits."""
    body = {"name": name, "data_class": data_class, "organisation": organisation}
    made = remote(context).ask("POST", "/projects", body)
    if as_json:
        print_json(made)
    else:
        console().print(f"project {made['name']!r} created in {made['organisation']!r}", markup=False)


def project_data_class(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The project.")],
    data_class: Annotated[str, typer.Argument(help=f"The class: {_DATA_CLASSES}.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Say of which class a project's data is: which jurisdictions and providers may see it."""
    body = {"data_class": data_class, "organisation": organisation}
    shown = remote(context).ask("PUT", f"/projects/{quote(name, safe='')}/data-class", body)
    if as_json:
        print_json(shown)
    else:
        console().print(f"data of project {shown['name']!r} is {shown['data_class']}", markup=False)


def project_class(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The project.")],
    service_class: Annotated[str, typer.Argument(help="The class: critical, standard or batch.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Say of which service class a project's work is: only critical work may draw the reserve."""
    body = {"service_class": service_class, "organisation": organisation}
    shown = remote(context).ask("PUT", f"/projects/{quote(name, safe='')}/service", body)
    if as_json:
        print_json(shown)
    else:
        console().print(f"work of project {shown['name']!r} is {shown['service_class']}", markup=False)


def project_weight(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The project.")],
    weight: Annotated[int, typer.Argument(min=1, max=1000, help="1 to 1000; 2 gets twice what 1 gets.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Say what a project weighs when capacity is scarce and is shared."""
    body = {"weight": weight, "organisation": organisation}
    shown = remote(context).ask("PUT", f"/projects/{quote(name, safe='')}/service", body)
    if as_json:
        print_json(shown)
    else:
        console().print(f"project {shown['name']!r} weighs {shown['weight']}", markup=False)


def project_list(context: typer.Context, organisation: Organisation = None, as_json: Json = False) -> None:
    """List projects with their budgets and limits."""
    found = remote(context).ask("GET", "/projects", organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows: list[tuple[object, ...]] = []
    for one in found["projects"]:
        limits = tuple(one["limits"].values())
        rows += [
            (one["name"], one["data_class"], _service(one), *_budget_cells(budget, one["currency"]), *limits)
            for budget in one["budgets"] or [{}]
        ]
    table(
        "Projects",
        (
            "name",
            "data class",
            "service",
            "period",
            "kind",
            *_BUDGET_COLUMNS,
            "currency",
            "rpm",
            "tpm",
            "concurrent",
        ),
        rows,
        right=(*_BUDGET_COLUMNS, "rpm", "tpm", "concurrent"),
    )


def _service(project: dict[str, Any]) -> str:
    weight = f" x{project['weight']}" if project["weight"] != 1 else ""
    return f"{project['service_class']}{weight}"


def _budget_cells(budget: dict[str, Any], currency: str) -> tuple[object, ...]:
    if not budget:
        return ("", "", "", "", "", "", "", "")
    kind = "hard" if budget["hard"] else "soft"
    return (budget["period"], kind, *(budget[name] for name in _BUDGET_COLUMNS), currency)


def _show_project(project: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(project)
        return
    rows = [_budget_cells(budget, project["currency"]) for budget in project["budgets"]]
    title = f"Budgets of {project['name']}"
    table(title, ("period", "kind", *_BUDGET_COLUMNS, "currency"), rows, right=_BUDGET_COLUMNS)
    limits = project["limits"].items()
    rows = [(name.replace("_", " "), "none" if amount is None else amount) for name, amount in limits]
    table(f"Limits of {project['name']}", ("limit", "amount"), rows, right=("amount",))


def _project(context: typer.Context, name: str, organisation: str | None) -> dict[str, Any]:
    found = remote(context).ask("GET", "/projects", organisation=organisation)["projects"]
    for one in found:
        if one["name"] == name:
            return dict(one)
    names = ", ".join(one["name"] for one in found) or "none yet"
    raise typer.BadParameter(f"there is no project {name!r}; there are {names}")


def project_budget(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The project.")],
    amount: Annotated[
        str | None, typer.Option(help="Amount such as 5.00, in the installation's currency.")
    ] = None,
    period: Annotated[
        str, typer.Option(help=f"{PERIODS}; periods begin at midnight UTC, weeks on Mondays.")
    ] = "month",
    soft: Annotated[
        bool, typer.Option("--soft", help="Only report what goes beyond; refuse nothing.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the budget of this period.")] = False,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show a project's budgets, or set or remove the budget of one period."""
    if amount is not None and remove:
        raise typer.BadParameter("give --amount or --remove, not both")
    if amount is None and not remove:
        _show_project(_project(context, name, organisation), as_json)
        return
    body = {"period": period, "amount": amount, "hard": not soft, "organisation": organisation}
    _show_project(remote(context).ask("PUT", f"/projects/{quote(name, safe='')}/budget", body), as_json)


def project_limits(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The project.")],
    rpm: Annotated[str | None, typer.Option(help="Requests per minute, or none.")] = None,
    tpm: Annotated[str | None, typer.Option(help="Tokens per minute, or none.")] = None,
    concurrent: Annotated[str | None, typer.Option(help="Calls at the same time, or none.")] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Show a project's limits, or set or remove some of them."""
    wanted = {
        "requests_per_minute": (rpm, "--rpm"),
        "tokens_per_minute": (tpm, "--tpm"),
        "concurrent_calls": (concurrent, "--concurrent"),
    }
    body: dict[str, Any] = {
        field: _limit(text, option) for field, (text, option) in wanted.items() if text is not None
    }
    if not body:
        _show_project(_project(context, name, organisation), as_json)
        return
    body["organisation"] = organisation
    _show_project(remote(context).ask("PUT", f"/projects/{quote(name, safe='')}/limits", body), as_json)


def key_create(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="What the key is for.")],
    project: Annotated[str, typer.Option(help="The project that pays.")] = "default",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="inference, books, keys, operator, emergency or approve; repeat for several."),
    ] = None,
    expires_days: Annotated[
        int | None, typer.Option(help="Days until it expires; never if left out.")
    ] = None,
    rpm: Annotated[int | None, typer.Option(help="Requests per minute.")] = None,
    tpm: Annotated[int | None, typer.Option(help="Tokens per minute.")] = None,
    concurrent: Annotated[int | None, typer.Option(help="Calls at the same time.")] = None,
    budget_day: Annotated[str | None, typer.Option(help="Budget per day, such as 1.50.")] = None,
    budget_week: Annotated[str | None, typer.Option(help="Budget per week, Monday to Sunday.")] = None,
    budget_month: Annotated[str | None, typer.Option(help="Budget per month.")] = None,
    budget_quarter: Annotated[str | None, typer.Option(help="Budget per quarter.")] = None,
    budget_year: Annotated[str | None, typer.Option(help="Budget per year.")] = None,
    budget_total: Annotated[str | None, typer.Option(help="Budget for its whole life.")] = None,
    soft: Annotated[
        bool, typer.Option("--soft", help="Its budgets only report; they refuse nothing.")
    ] = False,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Create a key and show it, this once."""
    budgets = {
        "day": budget_day,
        "week": budget_week,
        "month": budget_month,
        "quarter": budget_quarter,
        "year": budget_year,
        "total": budget_total,
    }
    body = {
        "project": project,
        "name": name,
        "scopes": scope or ["inference"],
        "expires_in_days": expires_days,
        "budgets": [
            {"period": period, "amount": amount, "hard": not soft}
            for period, amount in budgets.items()
            if amount is not None
        ],
        "limits": {"requests_per_minute": rpm, "tokens_per_minute": tpm, "concurrent_calls": concurrent},
        "organisation": organisation,
    }
    made = remote(context).ask("POST", "/keys", body)
    if as_json:
        print_json(made)
        return
    out = console()
    out.print(f"key {made['name']!r} of project {made['project']!r}: {plain_scopes(made)}", markup=False)
    out.print(made["key"], markup=False, style="bold")
    out.print("It is shown only now: copy it.", markup=False)


def plain_scopes(key: dict[str, Any]) -> str:
    """A key's scopes in words."""
    return ", ".join(key["scopes"])


def key_list(context: typer.Context, organisation: Organisation = None, as_json: Json = False) -> None:
    """List keys; the keys themselves are stored nowhere."""
    found = remote(context).ask("GET", "/keys", organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["id"],
            one["hint"],
            one["name"],
            one["project"],
            plain_scopes(one),
            moment(one["created_at"]),
            moment(one["expires_at"]),
            moment(one["revoked_at"]),
            "; ".join(
                f"{budget['period']} {budget['posted']} of {budget['amount']} {one['currency']}"
                for budget in one["budgets"]
            ),
        )
        for one in found["keys"]
    ]
    columns = ("id", "hint", "name", "project", "scopes", "created", "expires", "revoked", "budgets")
    table("Keys", columns, rows, right=("id",))


def key_revoke(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="Its id; or its hint or name, if only one key has it.")],
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Revoke a key; gateways refuse it within two seconds."""
    path = f"/keys/{quote(key, safe='')}/revoke"
    gone = remote(context).ask("POST", path, organisation=organisation)
    if as_json:
        print_json(gone)
    else:
        at = moment(gone["revoked_at"])
        console().print(
            f"key {gone['id']} {gone['name']!r} ({gone['hint']}) revoked at {at} UTC", markup=False
        )


def add_tenants(app: typer.Typer) -> None:
    """Join the commands of this page."""
    organisation = typer.Typer(help="Tenants of this installation.", no_args_is_help=True)
    organisation.command("create")(organisation_create)
    organisation.command("list")(organisation_list)
    project = typer.Typer(help="Cost centres with budgets and limits.", no_args_is_help=True)
    project.command("create")(project_create)
    project.command("list")(project_list)
    project.command("data-class")(project_data_class)
    project.command("class")(project_class)
    project.command("weight")(project_weight)
    project.command("budget")(project_budget)
    project.command("limits")(project_limits)
    key = typer.Typer(help="What clients authenticate with.", no_args_is_help=True)
    key.command("create")(key_create)
    key.command("list")(key_list)
    key.command("revoke")(key_revoke)
    app.add_typer(organisation, name="organisation")
    app.add_typer(project, name="project")
    app.add_typer(key, name="key")
