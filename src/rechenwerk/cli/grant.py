"""Commands: grant."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rechenwerk.cli.capacity import Whose, count
from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, answer, print_json, table
from rechenwerk.cli.words import Language, Words

_GRANTS = (
    "grant",
    "organisation",
    "project",
    "pool",
    "size",
    "tokens",
    "drawn",
    "returned",
    "window",
    "use by",
)
_STEPS = ("grant", "organisation", "project", "pool", "idle", "why", "action", "due")


def apply_for(
    context: typer.Context,
    pool: Annotated[str, typer.Argument(help="The pool.")],
    project: Annotated[str, typer.Option(help="The project that it is for.")],
    amount: Annotated[int, typer.Option(help="Tokens, or GPU-hours with --gpu-hours.")],
    purpose: Annotated[str, typer.Option(help="What it is for.")],
    ends: Annotated[str, typer.Option("--to", help="Last day of the window, such as 2027-03-31.")],
    starts: Annotated[str | None, typer.Option("--from", help="First day; today if left out.")] = None,
    use_by: Annotated[str | None, typer.Option(help="Day of the first draw at the latest.")] = None,
    contract: Annotated[
        list[str] | None,
        typer.Option(help="A grant contract of the pool that it opens; repeat. The only one if left out."),
    ] = None,
    gpu_hours: Annotated[bool, typer.Option("--gpu-hours", help="The amount is GPU-hours.")] = False,
    organisation: Organisation = None,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Apply for a grant; a small one is made at once, larger ones need others to approve."""
    body = {
        "pool": pool,
        "project": project,
        "unit": "gpu hours" if gpu_hours else "tokens",
        "amount": amount,
        "purpose": purpose,
        "starts_on": starts,
        "ends_on": ends,
        "use_by": use_by,
        "contracts": contract or [],
        "organisation": organisation,
    }
    words = Words(language)
    _show_one(remote(context).ask("POST", "/grants", body), words, as_json=as_json)


def _show_one(made: dict[str, Any], words: Words, *, as_json: bool) -> None:
    text = words(
        "grant {number} ({size}, {tokens} tokens of {pool}): {stage}",
        number=made["id"],
        size=words(made["size"]),
        tokens=words.count(made["tokens"]),
        pool=made["pool"],
        stage=words(made["stage"]),
    )
    if made["approvals_needed"]:
        missing = made["approvals_needed"]
        text += words(
            "; needs {number} more: rechenwerk grant approve {grant}", number=missing, grant=made["id"]
        )
    answer(made, text, as_json=as_json)


def grants(
    context: typer.Context,
    organisation: Organisation = None,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Applications and grants, newest first; who may approve also sees those of others."""
    words = Words(language)
    found = remote(context).ask("GET", "/grants", organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["id"],
            one["organisation"],
            one["project"],
            one["pool"],
            words(one["size"]),
            words.count(one["tokens"]),
            words.count(one["drawn"]),
            words.count(one["returned"]),
            words("{start} to {end}", start=one["starts_on"], end=one["ends_on"]),
            one["use_by"],
            _stage(one, words),
            ", ".join(one["contracts"]),
            ", ".join(signed["name"] for signed in one["approvals"]),
            one["purpose"],
        )
        for one in found["grants"]
    ]
    columns = tuple(words(name) for name in (*_GRANTS, "stage", "opens", "approved by", "purpose"))
    table(words("Grants"), columns, rows, right=(columns[0], *columns[5:8]))


def _stage(one: dict[str, Any], words: Words) -> str:
    if one["approvals_needed"]:
        return words("applied, needs {number} more", number=one["approvals_needed"])
    if one["noticed_on"] and one["stage"] == "granted":
        return words("granted, idle: notice of {day}", day=one["noticed_on"])
    return words(one["stage"])


def approve(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Of the application, from `grant list`.")],
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """Approve somebody else's application; needs the scope approve."""
    made = remote(context).ask("POST", f"/grants/{number}/approve", organisation=organisation)
    _show_one(made, Words("en"), as_json=as_json)


def decline(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Of the application, from `grant list`.")],
    reason: Annotated[str, typer.Option(help="Shown to whoever applied.")],
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """Turn an application down; needs the scope approve."""
    body = {"reason": reason, "organisation": organisation}
    made = remote(context).ask("POST", f"/grants/{number}/decline", body)
    _show_one(made, Words("en"), as_json=as_json)


def reclaim(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    organisation: Whose = None,
    as_json: Json = False,
) -> None:
    """Give notice of idle grants, return what was noticed long ago; `serve` does it every hour itself."""
    body = {"dry_run": dry_run, "organisation": organisation}
    found = remote(context).ask("POST", "/grants/reclaim", body)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["grant"],
            one["organisation"],
            one["project"],
            one["pool"],
            count(one["idle"]),
            one["reason"],
            one["action"],
            one["due"],
        )
        for one in found["steps"]
    ]
    table(
        "Idle grants" + (" (nothing was changed)" if dry_run else ""), _STEPS, rows, right=("grant", "idle")
    )


def add_grant(app: typer.Typer) -> None:
    """Join the commands of this page."""
    grant = typer.Typer(help="Capacity given to projects for a purpose.", no_args_is_help=True)
    grant.command("apply")(apply_for)
    grant.command("list")(grants)
    grant.command("approve")(approve)
    grant.command("decline")(decline)
    grant.command("reclaim")(reclaim)
    app.add_typer(grant, name="grant")
