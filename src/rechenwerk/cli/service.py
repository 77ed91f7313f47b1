"""Commands: serve, gateway, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from rechenwerk.cli.remote import remote
from rechenwerk.cli.show import Json, print_json, table
from rechenwerk.main import Finding, GatewayOptions, ServeOptions, doctor, run_gateway, serve

DataDir = Annotated[
    Path, typer.Option("--data-dir", help="Folder of the embedded database, the models and the logs.")
]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port of the endpoint.")]
Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")]


def serve_command(
    host: Host = "127.0.0.1",
    port: Port = 8080,
    office_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the office.")] = 8081,
    data_dir: DataDir = Path("data"),
    processes: Annotated[int, typer.Option(min=1, max=256, help="Gateway processes.")] = 1,
    document_workers: Annotated[
        int,
        typer.Option(min=0, max=64, help="Processes that work on documents, started with the first one."),
    ] = 1,
    without_model: Annotated[
        bool, typer.Option("--without-model", help="Do not start the embedded models.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document when it is ready, nothing else.")
    ] = False,
) -> None:
    """Start the whole cloud: database, models, gateway, office; Ctrl-C ends it and loses nothing."""
    options = ServeOptions(
        host=host,
        port=port,
        office_port=office_port,
        data_dir=data_dir,
        processes=processes,
        model=not without_model,
        json=as_json,
        document_workers=document_workers,
    )
    raise typer.Exit(serve(options))


def gateway_command(
    database_url: Annotated[
        str, typer.Option(envvar="RECHENWERK_DATABASE_URL", help="PostgreSQL of the installation.")
    ],
    host: Host = "127.0.0.1",
    port: Port = 8080,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document when it is ready, nothing else.")
    ] = False,
) -> None:
    """Start one more gateway process, here or on another host, over an installation's database."""
    options = GatewayOptions(database_url=database_url, host=host, port=port, json=as_json)
    raise typer.Exit(run_gateway(options))


def doctor_command(context: typer.Context, data_dir: DataDir = Path("data"), as_json: Json = False) -> None:
    """Look what is wrong with this installation; ends with 1 if anything is."""
    findings = doctor(data_dir, remote(context).office_url)
    sound = all(finding.ok for finding in findings)
    if as_json:
        print_json({"ok": sound, "findings": findings})
    else:
        rows = [
            (
                _mark(finding),
                finding.name,
                finding.detail,
                finding.fix,
            )
            for finding in findings
        ]
        table("Doctor", ("", "what", "detail", "what to do"), rows)
    if not sound:
        raise typer.Exit(1)


def _mark(finding: Finding) -> Text:
    if not finding.ok:
        return Text("WRONG", style="bold red")
    return Text("not yet", style="yellow") if finding.later else Text("ok", style="green")


def add_service(app: typer.Typer) -> None:
    """Join the commands of this page."""
    app.command("serve")(serve_command)
    app.command("gateway")(gateway_command)
    app.command("doctor")(doctor_command)
