"""What is wrong with this installation?"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import asyncpg
import httpx2
import msgspec

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.settings import read_settings
from rechenwerk.main_children import lock_folder
from rechenwerk.main_models import folder_here
from rechenwerk.providers.assets import POTION, SMOLLM2, locate

_SPACE = 2_000_000_000


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at; `fix` says what to do when it is not well, or not there yet.

    Attributes:
        ok: nothing is wrong with it.
        later: it is not there, and need not be yet.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""
    later: bool = False


def doctor(data_dir: Path, office_url: str) -> list[Finding]:
    """Look at folder, disk, settings, models, and the processes if they run."""
    findings = [*_folder(data_dir), *_settings(), *_models(data_dir)]
    try:
        state = json.loads((data_dir / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        state = None
    running = _is_running(data_dir)
    if running and state is not None:
        findings += asyncio.run(_processes(state, office_url))
    elif running:
        findings.append(
            Finding("processes", False, "starting, or stuck while starting", "wait, then look again")
        )
    else:
        findings.append(Finding("processes", True, "not running", "start with: rechenwerk serve", later=True))
    return findings


def _is_running(data_dir: Path) -> bool:
    if not (data_dir / "lock").exists():
        return False
    try:
        lock_folder(data_dir).close()
    except RechenwerkError:
        return True
    return False


def _folder(data_dir: Path) -> list[Finding]:
    if not data_dir.exists():
        return [
            Finding(
                "data folder", True, f"{data_dir} does not exist yet", "rechenwerk serve makes it", later=True
            )
        ]
    writable = os.access(data_dir, os.W_OK)
    free = shutil.disk_usage(data_dir).free
    return [
        Finding(
            "data folder",
            writable,
            f"{data_dir} {'can' if writable else 'cannot'} be written",
            "" if writable else "give this user the right to write, or choose another with --data-dir",
        ),
        Finding(
            "disk",
            free >= _SPACE,
            f"{free / 1e9:.1f} GB free",
            "" if free >= _SPACE else "make room: the books need to grow",
        ),
    ]


def _settings() -> list[Finding]:
    try:
        settings = read_settings(os.environ)
    except RechenwerkError as error:
        return [Finding("settings", False, str(error), "mend the environment variable")]
    if not settings.database_url:
        return [Finding("settings", True, "embedded PostgreSQL")]
    return [asyncio.run(_database(settings.database_url))]


async def _database(url: str) -> Finding:
    shown = url.rsplit("@", maxsplit=1)[-1]
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        return Finding("database", False, f"{shown}: {error}", "check RECHENWERK_DATABASE_URL")
    version = str(await connection.fetchval("show server_version"))
    await connection.close()
    return Finding("database", True, f"{shown}, PostgreSQL {version}")


def _models(data_dir: Path) -> list[Finding]:
    findings = []
    for asset in (SMOLLM2, POTION):
        try:
            paths = locate(asset, folder_here(data_dir))
        except RechenwerkError as error:
            findings.append(
                Finding(
                    f"model {asset.name}",
                    True,
                    str(error),
                    "the next 'rechenwerk serve' fetches it",
                    later=True,
                )
            )
        else:
            findings.append(Finding(f"model {asset.name}", True, paths[0].name))
    return findings


async def _processes(state: dict[str, object], office_url: str) -> list[Finding]:
    findings = []
    asked = (
        ("gateway", f"{state['url']}/health/ready"),
        ("office", f"{state.get('office_url', office_url)}/openapi.json"),
    )
    async with httpx2.AsyncClient(timeout=5) as client:
        for name, url in asked:
            try:
                answer = await client.get(url)
            except httpx2.HTTPError as error:
                findings.append(Finding(name, False, f"{url}: {error or 'no answer'}", "see its log"))
                continue
            well = answer.status_code == 200
            detail = answer.text[:120] if name == "gateway" else f"{url} answers {answer.status_code}"
            findings.append(Finding(name, well, detail, "" if well else "see its log in the data folder"))
    return findings
