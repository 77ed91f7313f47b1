"""The commands of docs/exports.md, run as they stand there, in a folder of their own."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.flows.served import Served

PAGE = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.fixture
def served(served: Served, database_url: str) -> Served:
    """One in which a fee has accrued."""
    asyncio.run(accrue(database_url))
    return served


async def accrue(database_url: str) -> None:
    """A March with something in it: a fee that accrued under a contract."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "select book_voucher(o.id, 'accrual', '2026-03-31T12:00:00Z', 'upkeep', 'a key', null, null, '{}',"
        " array[('fixed', 0, c.id, 'accrued', 0, c.id, 1500000000)::voucher_line])"
        " from organisation o, contract c where o.name = 'default' limit 1"
    )
    await connection.close()


def test_every_command_of_the_page_does_what_it_says(served: Served, tmp_path: Path) -> None:
    commands = [line for block in BLOCK.findall(PAGE) for line in block.splitlines()]
    assert len(commands) == 12
    ran = 0
    for line in commands:
        program, *arguments = shlex.split(line)
        if program == "rechenwerk":
            with contextlib.chdir(tmp_path):
                ended = served.cli(*arguments)
            assert ended.code == 0, f"{line}: {ended.err}"
            assert (tmp_path / arguments[-1]).exists()
            ran += 1
            continue
        beside = Path(sys.executable).with_name(program)
        found = str(beside) if beside.exists() else shutil.which(program)
        if found is None:
            assert program == "hledger"
            continue
        done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        ran += 1
    assert ran >= 11
