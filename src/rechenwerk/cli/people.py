"""Commands: person and invitation."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, Organisation, console, moment, print_json, table

_ROLES = "operator, owner, controller, reviewer, member or auditor"
Email = Annotated[str, typer.Argument(help="The person's mail address.")]


def person_list(context: typer.Context, organisation: Organisation = None, as_json: Json = False) -> None:
    """List the people of an organisation, with their roles."""
    found = remote(context).ask("GET", "/people", organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["email"],
            one["name"],
            one["role"],
            one["project"],
            "single sign-on" if one["single_sign_on"] else "password",
            moment(one["seen_at"]) if one["seen_at"] else "never",
        )
        for one in found["people"]
    ]
    table("People", ("address", "name", "role", "project", "signs in by", "last session"), rows)


def person_invite(
    context: typer.Context,
    email: Annotated[
        str | None, typer.Argument(help="Whom; without an address the link is for whoever has it.")
    ] = None,
    role: Annotated[str, typer.Option(help=f"What the person becomes: {_ROLES}.")] = "member",
    project: Annotated[str, typer.Option(help="Pays for what the person asks models.")] = "default",
    days: Annotated[int, typer.Option(min=1, max=90, help="For how long the link opens.")] = 7,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Make a link that makes somebody a member of the organisation, once."""
    body = {"email": email, "role": role, "project": project, "days": days, "organisation": organisation}
    made = remote(context).ask("POST", "/invitations", body)
    if as_json:
        print_json(made)
        return
    whom = made["email"] or "whoever has this link"
    console().print(f"{whom} becomes {made['role']} of {made['organisation']!r}:", markup=False)
    address = remote(context).office_url.rstrip("/") + made["path"]
    console().print(address, markup=False, soft_wrap=True)


def person_invitations(
    context: typer.Context, organisation: Organisation = None, as_json: Json = False
) -> None:
    """List invitations that can still be accepted."""
    found = remote(context).ask("GET", "/invitations", organisation=organisation)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["id"],
            one["email"] or "whoever has the link",
            one["role"],
            one["made_by"],
            moment(one["expires_at"]),
        )
        for one in found["invitations"]
    ]
    table("Open invitations", ("id", "for", "role", "made by", "until"), rows)


def person_uninvite(
    context: typer.Context,
    invitation: Annotated[int, typer.Argument(help="Its id, as `person invitations` shows it.")],
    organisation: Organisation = None,
) -> None:
    """Take an invitation back."""
    remote(context).ask("DELETE", f"/invitations/{invitation}", organisation=organisation)
    console().print(f"invitation {invitation} opens nothing any more", markup=False)


def person_role(
    context: typer.Context,
    email: Email,
    role: Annotated[str | None, typer.Option(help=f"The new role: {_ROLES}.")] = None,
    project: Annotated[str | None, typer.Option(help="Pays for what the person asks models.")] = None,
    organisation: Organisation = None,
    as_json: Json = False,
) -> None:
    """Give a person another role or another paying project; open sessions end."""
    body = {"role": role, "project": project, "organisation": organisation}
    shown = remote(context).ask("PUT", f"/people/{quote(email, safe='')}", body)
    if as_json:
        print_json(shown)
    else:
        line = (
            f"{shown['email']} is {shown['role']} in {shown['organisation']!r}, paid by {shown['project']!r}"
        )
        console().print(line, markup=False)


def person_remove(context: typer.Context, email: Email, organisation: Organisation = None) -> None:
    """End a person's membership and sessions; what was done and booked stays."""
    remote(context).ask("DELETE", f"/people/{quote(email, safe='')}", organisation=organisation)
    console().print(f"{email} is not a member any more", markup=False)


def add_people(app: typer.Typer) -> None:
    """Join these commands to the program."""
    person = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="People, their roles, invitations."
    )
    person.command("list")(person_list)
    person.command("invite")(person_invite)
    person.command("invitations")(person_invitations)
    person.command("uninvite")(person_uninvite)
    person.command("role")(person_role)
    person.command("remove")(person_remove)
    app.add_typer(person, name="person")
