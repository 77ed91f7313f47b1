"""Programs of others that read and judge what is exported. Each runs as a process of its own."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "tests" / "focus-validator.lock"
FOLDER = ROOT / ".cache" / "focus-validator"

_SUMS = """
import collections, json, sys
from beancount import loader
from beancount.core import data
entries, errors, _ = loader.load_file(sys.argv[1])
sums = collections.Counter()
for entry in entries:
    if isinstance(entry, data.Transaction):
        for posting in entry.postings:
            sums[posting.account] += posting.units.number
kept = {e.account: {k: v for k, v in e.meta.items() if k in ("kind", "project", "contract")}
        for e in entries if isinstance(e, data.Open)}
print(json.dumps({"errors": len(errors), "sums": {a: str(n) for a, n in sums.items()}, "accounts": kept,
    "transactions": sum(isinstance(e, data.Transaction) for e in entries)}))
"""


class Verdict(msgspec.Struct, frozen=True):
    """What a program says of a file."""

    accepted: bool
    said: str


class Read(msgspec.Struct, frozen=True):
    """A journal as Beancount reads it.

    Attributes:
        errors: how many.
        sums: of each account.
        accounts: what stands beside each, such as its kind.
        transactions: how many.
    """

    errors: int
    sums: dict[str, Decimal]
    accounts: dict[str, dict[str, str]]
    transactions: int


def _ran(command: Sequence[object], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
        cwd=folder,
        env=environment,
    )


def bean_check(file: Path) -> Verdict:
    """What `bean-check` says, which prints nothing when all is well."""
    done = _ran([Path(sys.executable).with_name("bean-check"), "--no-cache", file])
    return Verdict(done.returncode == 0 and not done.stderr, done.stdout + done.stderr)


def beancount_reads(file: Path) -> Read:
    """The journal, read by Beancount's own parser."""
    done = _ran([sys.executable, "-c", _SUMS, str(file)])
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout, type=Read)


def has_hledger() -> bool:
    """Whether hledger is installed."""
    return shutil.which("hledger") is not None


@cache
def _hledger() -> str:
    found = shutil.which("hledger")
    if found is None:
        pytest.skip("hledger is not installed: apt-get install hledger")
    return found


def hledger_check(file: Path) -> Verdict:
    """What `hledger check --strict` says: balanced, declared, assertions hold."""
    done = _ran([_hledger(), "-f", file, "check", "--strict"])
    return Verdict(done.returncode == 0, done.stdout + done.stderr)


def hledger_reads(file: Path) -> dict[str, Decimal]:
    """What every account holds, as hledger reads it."""
    done = _ran([_hledger(), "-f", file, "balance", "--flat", "--empty", "--no-total", "-O", "csv"])
    assert done.returncode == 0, done.stderr
    rows = list(csv.reader(io.StringIO(done.stdout)))[1:]
    return {account: Decimal(amount.split(" ")[0]) for account, amount in rows}


def hledger_transactions(file: Path) -> int:
    """How many transactions hledger reads."""
    done = _ran([_hledger(), "-f", file, "stats"])
    assert done.returncode == 0, done.stderr
    found = re.search(r"^Transactions\s*:\s*(\d+)", done.stdout, re.MULTILINE)
    assert found is not None
    return int(found[1])


@cache
def _focus_validator() -> Path:
    """FOCUS 1.2's official validator, in an environment of its own: it needs Python 3.12, an old pyarrow."""
    program = FOLDER / "bin" / "focus-validator"
    stamp = FOLDER / "lock"
    if program.exists() and stamp.exists() and stamp.read_bytes() == LOCK.read_bytes():
        return program
    uv = Path(sys.executable).with_name("uv")
    # An interpreter by name may be a shim that only says that there is none.
    candidates = [shutil.which("python3.12"), *(Path.home() / ".pyenv/versions").glob("3.12.*/bin/python")]
    works = [one for one in candidates if one is not None and _ran([one, "--version"]).returncode == 0]
    made = _ran([uv, "venv", "--clear", "--python", works[0] if works else "3.12", FOLDER])
    if made.returncode:
        pytest.skip("focus-validator needs Python 3.12, which is not here and could not be fetched")
    install = [uv, "pip", "sync", "--require-hashes", "--python", FOLDER / "bin" / "python", LOCK]
    installed = _ran(install)
    if installed.returncode:
        pytest.skip(f"focus-validator could not be installed: {installed.stderr.strip().splitlines()[-1:]}")
    stamp.write_bytes(LOCK.read_bytes())
    return program


class Judged(msgspec.Struct, frozen=True):
    """FOCUS's rules that a file keeps, and those that it does not."""

    passed: frozenset[str]
    failed: frozenset[str]
    said: str


def focus_1_2(file: Path, criteria: Sequence[str]) -> Judged:
    """What the official validator says, rule by rule; it ends with 0 although rules fail.

    Args:
        file: the dataset as CSV.
        criteria: what the generator supports, so which conditional rules apply.
    """
    command: list[object] = [_focus_validator(), "--data-file", file, "--validate-version", "1.2.0.1"]
    command += ["--focus-dataset", "CostAndUsage", "--block-download", "--show-violations"]
    # It looks for its list of currencies from where it is started.
    (packages,) = FOLDER.glob("lib/python*/site-packages")
    done = _ran([*command, "--applicability-criteria", ",".join(criteria)], packages)
    said = done.stdout + done.stderr
    rules = re.findall(r"^\S+ (\S+): (PASS|FAIL|SKIPPED)", said, re.MULTILINE)
    assert rules, said[-2000:]
    passed = frozenset(rule for rule, status in rules if status == "PASS")
    failed = frozenset(rule for rule, status in rules if status == "FAIL")
    return Judged(passed, failed - _alternatives(packages, passed), said)


def _alternatives(packages: Path, passed: frozenset[str]) -> set[str]:
    """Rules of which one is enough, where one was kept: the validator lists the others as failed."""
    model = json.loads((packages / "focus_validator/rules/model-1.2.0.1.json").read_text(encoding="utf-8"))
    found: set[str] = set()
    for name, rule in model["ModelRules"].items():
        wanted = rule["ValidationCriteria"]["Requirement"]
        if name in passed and wanted.get("CheckFunction") == "OR":
            found |= {one["ModelRuleId"] for one in wanted["Items"] if "ModelRuleId" in one}
    return found


def focus_1_4(file: Path, dataset: str, *supports: str) -> Verdict:
    """What focus-data-toolkit's linter says of a FOCUS 1.4 dataset."""
    conditions = [part for one in supports for part in ("--supports", one)]
    program = Path(sys.executable).with_name("focus-toolkit")
    done = _ran([program, "validate", file, "--dataset", dataset, *conditions])
    return Verdict(done.returncode == 0, done.stdout + done.stderr)


def focus_1_4_bundle(costs: Path, contracts: Path) -> dict[str, object]:
    """What focus-data-toolkit says of the datasets together."""
    program = Path(sys.executable).with_name("focus-toolkit")
    command = [program, "validate-bundle", "--cost-and-usage", costs, "--contract-commitment", contracts]
    done = _ran([*command, "--format", "json"])
    found: dict[str, object] = json.loads(done.stdout)
    return found
