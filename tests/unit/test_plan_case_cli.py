"""Commands over the case and over rounds: what they print, for people and for machines, and pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from typer.testing import CliRunner

from rechenwerk.cli.app import build
from tests.unit.plan_texts import FOLDER, SHIPPED

CASE, DEALS, ROUNDS = SHIPPED / "openai.toml", SHIPPED / "openai-deals.toml", FOLDER / "rounds.toml"


def _table() -> Mapping[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for row in (Path(__file__).parent / "plan_german.txt").read_text("utf-8").splitlines():
        command, english, german = (cell.strip() for cell in row.split("|"))
        found.setdefault(command, []).append((english, german))
    return MappingProxyType(found)


GERMAN = _table()
"""A command -> what it says in English, and in German."""


def said(*arguments: object) -> str:
    result = CliRunner().invoke(build(), ["plan", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def read(*arguments: object) -> Any:
    return json.loads(said(*arguments, "--json"))


def test_fit_shows_what_is_published_beside_the_plan(tmp_path: Path) -> None:
    picture = tmp_path / "fit.png"
    text = said("fit", CASE, "q3_2025", "--chart", picture)
    assert "Cash flow, five years" in text
    assert "-116.00" in text
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_fit_again_prints_the_points_as_they_stand_in_the_file() -> None:
    text = said("fit", CASE, "target_100", "--again")
    (line,) = [line for line in text.splitlines() if line.startswith("business: path = ")]
    inside = line.removeprefix("business: path = { ").removesuffix(" }")
    assert inside in CASE.read_text(encoding="utf-8")
    found = read("fit", CASE, "target_100", "--again")["target_100"]
    assert found["calibration"]["points"][0]["driver"] == "business"


def test_bridge_names_every_difference(tmp_path: Path) -> None:
    picture = tmp_path / "gap.svg"
    text = said("bridge", CASE, "--chart", picture)
    assert "not explained by the parts that are published" in text
    assert "are in no step" not in text
    assert "<svg" in picture.read_text(encoding="utf-8")
    (found,) = read("bridge", CASE)
    assert found["rest"] == pytest.approx(0, abs=1e-6)


def test_figures_stand_side_by_side_with_who_uses_them() -> None:
    found = read("figures", CASE, "--contradicting")
    used = {one["said"]["name"]: one["used_by"] for one in found if one["figure"] == "cerebras_total"}
    assert used["first"] == ["contracted"]
    assert "earlier plans had 100 or more" in " ".join(said("figures", CASE).split())


def test_compare_shows_what_scenarios_pick() -> None:
    text = said("compare", CASE, "plan_q1_2026", "contracted", "--paths", "10")
    assert "100 (by_100)" in text
    assert "62 (to_100)" in text


def test_run_shows_owners_for_people_and_machines() -> None:
    text = said("run", ROUNDS, "--paths", "10")
    assert "Who owns it" in text
    assert "Foundation" in text
    owners = read("run", ROUNDS, "--paths", "10")["ownership"]
    assert all(sum(map(float, row)) == pytest.approx(1, abs=1e-10) for row in owners["parts"])
    assert owners["rounds"][1]["post_money"] == "300000000.00"


def test_stress_by_the_library_in_sequence_and_backwards() -> None:
    found = read("stress", ROUNDS, "--library", "--at", "2026-Q4")
    assert ["provider-fails:Cloud"] in [one["shocks"] for one in found["stress"]]
    arguments = ("--scenario", "target_100", "--together", "slow_business@2026-07+no_listing")
    struck = read("stress", CASE, *arguments)["stress"][-1]
    assert struck["shocks"] == ["slow_business@2026-07", "no_listing"]
    assert struck["out"]


def test_contagion_joins_the_plan() -> None:
    text = said("contagion", DEALS)
    assert "Stakes lost" in text
    found = read("contagion", DEALS, "--scenario", "target_100")
    assert found["failures"] == []
    assert found["if_one_fails"][0]["firm"] == "OpenAI"


@pytest.mark.parametrize("command", GERMAN)
def test_a_command_in_german_says_nothing_in_english(command: str) -> None:
    files = {"CASE": CASE, "DEALS": DEALS, "ROUNDS": ROUNDS}
    arguments = [files.get(one, one) for one in command.split()]
    english, german = (
        set(re.split(r"[\s│┃]{2,}|[┃│]", said(*arguments, "--language", language)))
        for language in ("en", "de")
    )

    def missing(phrases: Sequence[str], said: set[str]) -> list[str]:
        starts = [re.compile(rf"(?<!\w){re.escape(one)}") for one in phrases]
        return [one for one, start in zip(phrases, starts, strict=True) if not any(map(start.search, said))]

    theirs, ours = zip(*GERMAN[command], strict=True)
    assert missing(theirs, english) == []
    assert missing(ours, german) == []
    assert missing(theirs, german) == list(theirs)


def test_pictures_of_the_case_in_german(tmp_path: Path) -> None:
    fits, gap = tmp_path / "fit.svg", tmp_path / "gap.svg"
    said("fit", CASE, "q3_2025", "--chart", fits, "--language", "de")
    text = said("bridge", CASE, "--chart", gap, "--language", "de")
    assert "Gezeichnet: " in text
    assert "veröffentlicht" in fits.read_text(encoding="utf-8")
    drawn = gap.read_text(encoding="utf-8")
    assert "Lücke dieses Plans" in drawn
    assert "gap of this plan" not in drawn


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("fit", ROUNDS), "the file has no [[fit]]"),
        (("bridge", ROUNDS), "the file has no [[bridge]]"),
        (("fit", CASE, "q1"), "no [[fit]] 'q1'"),
        (("bridge", CASE, "--chart", "/nowhere/gap.png"), "cannot be drawn"),
        (("stress", ROUNDS, "--library", "--at", "2040-01"), "outside of the plan"),
        (("contagion", DEALS, "--scenario", "target_200"), "no scenario 'target_200'"),
    ],
)
def test_what_cannot_be_shown_is_one_line(arguments: tuple[object, ...], says: str) -> None:
    result = CliRunner().invoke(build(), ["plan", *map(str, arguments)])
    assert result.exit_code != 0
    assert says in result.output + str(result.exception)
