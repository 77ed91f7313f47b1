"""`rechenwerk route simulate` as people run it, on the traces that lie beside its documentation."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from rechenwerk.cli.app import run
from rechenwerk.routing.baselines import BASELINES

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "routing"
HAND = (
    *("--trace", str(EXAMPLES / "hand.csv"), "--contracts", str(EXAMPLES / "hand.toml")),
    *("--history", "none"),
)


def simulate(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(("route", "simulate", *arguments))
    return code, out.getvalue(), err.getvalue()


def found(*arguments: str) -> dict[str, Any]:
    code, out, err = simulate(*arguments, "--json")
    assert code == 0, err
    document: dict[str, Any] = json.loads(out)
    return document


@pytest.fixture(scope="module")
def by_hand() -> dict[str, dict[str, Any]]:
    """Everybody on the hour that can be calculated by hand, by policy."""
    return {one["policy"]: one for one in found(*HAND, "--order", "server,cloud")["runs"]}


# 24 calls of a million tokens. The server takes 12 at 0.10; the commitment costs 1.50 a call and at least 9,
# the credit pays two calls, the cloud costs 2.00.
@pytest.mark.parametrize(
    ("policy", "cost", "shortfall", "expired", "idle"),
    [
        ("paid-first", 12 * 0.10 + 10 * 1.50, 0, 0, 0),
        ("list-price", 12 * 0.10 + 12 * 1.50, 0, 5, 0),
        ("list-price-sunk", 12 * 0.10 + 12 * 1.50, 0, 5, 0),
        ("commitments-first", 24 * 1.50, 0, 5, 1),
        ("as-given", 24 * 2.00 + 9, 9, 5, 1),
        ("server,cloud", 12 * 0.10 + 12 * 2.00 + 9, 9, 5, 0),
    ],
)
def test_figures_are_those_of_a_calculation_by_hand(
    by_hand: dict[str, dict[str, Any]],
    policy: str,
    cost: float,
    shortfall: float,
    expired: float,
    idle: float,
) -> None:
    one = by_hand[policy]
    assert one["bound"] == pytest.approx(16.20)
    assert one["cost"] == pytest.approx(cost)
    assert one["ratio"] == pytest.approx(cost / 16.20)
    assert one["spend"] == pytest.approx(48.0)
    assert one["regret"] == pytest.approx((cost - 16.20) / 48.0)
    assert (one["shortfall"], one["expired"], one["idle"]) == pytest.approx((shortfall, expired, idle))
    assert (one["refused"], one["violations"]) == (0, 0)


def test_the_page_shows_these_figures(by_hand: dict[str, dict[str, Any]]) -> None:
    page = (EXAMPLES.parents[1] / "routing-simulation.md").read_text(encoding="utf-8")
    for policy in BASELINES:
        shown = re.findall(rf"^│ {policy} +│ +(\S+) │ +(\S+) │", page, re.MULTILINE)
        one = by_hand[policy]
        assert (f"{one['cost']:,.2f}", f"{one['ratio']:.3f}") in shown, policy


def test_the_router_has_its_own_line(by_hand: dict[str, dict[str, Any]]) -> None:
    """It knows nothing before and has an hour to learn; but it is a real run, audited as the others are."""
    one = by_hand["rechenwerk"]
    assert 1 - 1e-9 <= one["ratio"] <= 1.02
    assert one["cost"] <= 1.02 * by_hand["paid-first"]["cost"]
    assert one["expired"] < 1.0


def test_tables_bars_and_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    code, out, err = simulate(
        *HAND, "--policy", "paid-first", "--policy", "as-given", "--chart", str(picture)
    )
    assert code == 0, err
    assert "bound, in hindsight" in out
    assert "paid-first" in out
    assert "█" in out
    assert "is sunk and not in the cost" in out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert len(picture.read_bytes()) > 20_000


def test_a_picture_as_svg_names_what_it_shows(tmp_path: Path) -> None:
    picture = tmp_path / "a.svg"
    assert simulate(*HAND, "--policy", "paid-first", "--chart", str(picture))[0] == 0
    assert "<svg" in picture.read_text(encoding="utf-8")


def test_several_seeds_and_files_are_compared_in_pairs(tmp_path: Path) -> None:
    text = (EXAMPLES / "hand.toml").read_text(encoding="utf-8")
    (tmp_path / "one.toml").write_text(
        text + '[simulation]\n[[simulation.outage]]\ncontract = "server"\nat = "10m"\nlasts = "10m"\n',
        encoding="utf-8",
    )
    (tmp_path / "two.toml").write_text(text, encoding="utf-8")
    (tmp_path / "three.toml").write_text("broken", encoding="utf-8")
    arguments = (
        *("--trace", str(EXAMPLES / "hand.csv"), "--contracts", str(tmp_path), "--history", "none"),
        *("--portfolio", "one", "--portfolio", "two", "--seeds", "2", "--seed", "5", "--processes", "2"),
        *("--policy", "paid-first", "--policy", "random", "--against", "paid-first"),
    )
    document = found(*arguments)
    assert [(one["portfolio"], one["seed"]) for one in document["runs"][::2]] == [
        ("one", 5),
        ("one", 6),
        ("two", 5),
        ("two", 6),
    ]
    # Two windows without the server: two more calls under the commitment, at 1.40 more each.
    assert document["runs"][0]["cost"] - document["runs"][4]["cost"] == pytest.approx(2 * 1.40)
    pair = document["paired"][0]
    assert (pair["policy"], pair["against"], pair["of"]) == ("random", "paid-first", 4)
    assert pair["low"] <= pair["difference"] <= pair["high"]
    assert document["summary"][0]["runs"] == 4
    code, out, _ = simulate(*arguments)
    assert code == 0
    assert "95 % interval" in out


def test_standard_output_is_one_document_and_nothing_else() -> None:
    command = [sys.executable, "-m", "rechenwerk", "route", "simulate", *HAND, "--json"]
    done = subprocess.run(
        [*command, "--policy", "prices-alone"], capture_output=True, text=True, check=True, timeout=120
    )
    assert json.loads(done.stdout)["runs"][0]["policy"] == "prices-alone"


def test_the_towns_example() -> None:
    document = found(
        *("--trace", str(EXAMPLES / "town.csv"), "--contracts", str(EXAMPLES / "town.toml")),
        *("--policy", "paid-first", "--policy", "linear-pacing"),
    )
    assert all(one["cost"] >= one["bound"] for one in document["runs"])
    assert all(one["broken"] == 0 for one in document["runs"])


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--policy", "best"), 2, "there is no policy 'best'; choose from rechenwerk"),
        (("--against", "random", "--policy", "paid-first"), 2, "random does not take part"),
        (("--history", "long"), 2, "write 7d, 12h, none or half"),
        (("--chart", "a.jpg"), 2, "write FILE.png or FILE.svg"),
        (("--portfolio", "x"), 1, "--portfolio x: there is only hand"),
        (("--order", "server,clod"), 1, "--order names 'clod'"),
        (("--lengths", "nowhere.csv"), 1, "nowhere.csv: cannot be read"),
        (("--chart", "nowhere/a.png", "--policy", "paid-first"), 1, "cannot write nowhere/a.png"),
    ],
)
def test_mistakes_on_the_command_line(arguments: tuple[str, ...], status: int, message: str) -> None:
    code, out, err = simulate(*HAND, *arguments)
    assert (code, out) == (status, "")
    assert message in " ".join(err.replace("│", " ").split())


def test_mistakes_in_files_have_file_line_and_fix(tmp_path: Path) -> None:
    contracts, trace = tmp_path / "c.toml", tmp_path / "t.csv"
    text = (EXAMPLES / "hand.toml").read_text(encoding="utf-8")
    contracts.write_text(text.replace('kind = "on-demand"', 'kind = "on-demnd"'), encoding="utf-8")
    trace.write_text("time,input\n0,lots\n", encoding="utf-8")
    code, out, err = simulate("--trace", str(EXAMPLES / "hand.csv"), "--contracts", str(contracts))
    assert (code, out) == (1, "")
    assert err.startswith(f"{contracts}:14: unknown kind 'on-demnd' of a contract; did you mean 'on-demand'?")
    code, out, err = simulate("--trace", str(trace), "--contracts", str(EXAMPLES / "hand.toml"))
    assert (code, out) == (1, "")
    assert err == f"{trace}:2: input is 'lots'; write a number that is not below 0\n"
    binary = tmp_path / "b.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text; save it as UTF-8" in simulate("--trace", str(binary), *HAND[2:])[2]
