"""Plans in and out: YAML, workbooks, the schema, tables, labelled arrays; and mistakes at their place."""

from __future__ import annotations

import csv
import io
import json
import os
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from rechenwerk.base.errors import PlanError, RechenwerkError
from rechenwerk.planner.api import open_plan
from rechenwerk.planner.exporting import as_csv, as_parquet, entries
from rechenwerk.planner.loading import load
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.running import base, run
from rechenwerk.planner.schema import schema
from rechenwerk.planner.workbook import workbook
from tests.spreadsheet import cells, changed
from tests.unit.plan_texts import DOCS, EVERYTHING, EXAMPLE, FOLDER, SHIPPED


def yaml(text: str) -> str:
    """The same plan in YAML."""
    found = io.StringIO()
    YAML(typ="safe", pure=True).dump(tomllib.loads(text), found)
    return found.getvalue()


def same(one: Plan, other: Plan) -> None:
    """Every line to the last bit."""
    left, right = base(one), base(other)
    assert left.keys() == right.keys()
    assert all((left[name] == right[name]).all() for name in left)


@pytest.mark.parametrize("text", [EXAMPLE, EVERYTHING], ids=["example", "everything"])
def test_yaml_and_an_untouched_workbook_are_the_same_plan(text: str) -> None:
    made = load("plan.toml", text.encode())
    same(load("plan.yaml", yaml(text).encode()).plan, made.plan)
    again = load("book.xlsx", workbook(made.plan, made.source, "de"))
    same(again.plan, made.plan)
    assert again.changes == ()
    assert again.plan.written == made.plan.written
    assert workbook(again.plan, again.source, "de")[:4] == b"PK\x03\x04"


def test_a_workbook_of_a_scenario_stays_in_it() -> None:
    made = load("plan.toml", EVERYTHING.encode(), "harder")
    book = workbook(made.plan, made.source)
    same(load("book.xlsx", book).plan, made.plan)
    same(load("book.xlsx", book, "harder").plan, made.plan)
    edited = load("book.xlsx", changed(book, {("Drivers", cell(book, "Drivers", "price value")): 8}))
    assert edited.plan.inputs["price"].path[0] == pytest.approx(8 * 12)
    assert len(edited.changes) == 1


def cell(book: bytes, sheet: str, wanted: str) -> str:
    """The address of an input, by name and field."""
    found = cells(book)[sheet]
    rows = [
        one[1:] for one in found if one[0] == "A" and f"{found[one]} {found.get(f'D{one[1:]}')}" == wanted
    ]
    return f"E{rows[0]}"


def documents(text: str) -> list[dict[str, Any]]:
    return [tomllib.loads(text), json.loads(json.dumps(YAML(typ="safe", pure=True).load(yaml(text))))]


PLANS = [
    one
    for folder in (SHIPPED, FOLDER)
    for one in sorted(folder.glob("*.toml"))
    if "shown_in" in one.read_text(encoding="utf-8")
]


def test_every_example_and_everything_fit_the_schema() -> None:
    known = jsonschema.Draft202012Validator(schema())
    jsonschema.Draft202012Validator.check_schema(schema())
    texts = [EVERYTHING, *(one.read_text(encoding="utf-8") for one in PLANS)]
    assert len(texts) > 1
    for text in texts:
        for document in documents(text):
            known.validate(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("driver", 0, "unit"), 12),
        (("driver", 0, "noise"), "loud"),
        (("contract", 0, "kind"), "take-and-pay"),
        (("contract", 0, "prize"), "1 EUR"),
        (("opening",), None),
        (("periods",), "many"),
        (("polizy",), {}),
    ],
)
def test_what_the_reader_refuses_the_schema_refuses(path: tuple[str | int, ...], value: object) -> None:
    document: Any = tomllib.loads(EXAMPLE)
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    if value is None:
        del inner[path[-1]]
    assert not jsonschema.Draft202012Validator(schema()).is_valid(document)
    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(document, text)
    with pytest.raises(RechenwerkError):
        load("plan.yaml", text.getvalue().encode())


def test_the_schema_in_the_docs_is_this_one() -> None:
    page = DOCS / "plan.schema.json"
    if os.environ.get("RW_WRITE_DOCS"):
        page.write_text(json.dumps(schema(), indent=1) + "\n", encoding="utf-8")
    shown = page.read_text(encoding="utf-8")
    assert json.loads(shown) == json.loads(json.dumps(schema()))


def test_a_long_table_holds_every_figure_with_its_unit() -> None:
    plan = load("plan.toml", EXAMPLE.encode()).plan
    values, outcome = base(plan), run(plan, paths=500)
    rows = list(csv.DictReader(io.StringIO(as_csv(entries(plan, values, outcome)).decode())))
    lines = len(values) + len(outcome.bands) * (1 + len(outcome.levels))
    assert len(rows) == lines * plan.axis.count
    found = {(one["line"], one["period"], one["statistic"]): one for one in rows}
    cash = found["cash", "2027-12", "base"]
    assert cash["unit"] == "USD million"
    assert cash["starts"] == "2027-12-01"
    assert float(cash["value"]) == values["cash"][plan.axis.index("2027-12"), 0] / 1e6
    middle = found["cash", "2027-12", "p50"]
    assert float(middle["value"]) == outcome.bands["cash"].quantiles[2, plan.axis.index("2027-12")] / 1e6
    assert found["users", "2026-01", "base"]["unit"] == "user"
    assert float(found["users", "2026-01", "base"]["value"]) == 60_000
    table = pq.read_table(io.BytesIO(as_parquet(entries(plan, values, outcome), plan, outcome)))
    assert table.num_rows == len(rows)
    assert table.column("value").to_pylist() == [float(one["value"]) for one in rows]
    assert table.column("line").to_pylist() == [one["line"] for one in rows]
    assert table.schema.metadata[b"paths"] == b"500"


def test_labelled_arrays(tmp_path: Path) -> None:
    file = tmp_path / "firm.yaml"
    file.write_text(yaml(EXAMPLE), encoding="utf-8")
    study = open_plan(file)
    cash = study.base()["cash"]
    assert cash.attrs["units"] == "USD million"
    assert "prev(cash" in cash.attrs["formula"]
    assert str(cash.sel(period="2027-12").starts.values)[:10] == "2027-12-01"
    found = study.paths(["cash", "price"], paths=2500)
    assert found["cash"].dims == ("path", "period")
    assert found["price"].attrs["units"] == "USD/user/year"
    outcome = study.run(paths=2500)
    low, high = (found["cash"].quantile(level, "path").values for level in (0.049, 0.051))
    fifth = outcome["cash"].sel(level=0.05).values
    assert ((low <= fifth) & (fifth <= high)).all(), "a quantile's rank is right to a thousandth"
    np.testing.assert_allclose(outcome["mean_cash"], found["cash"].mean("path"), rtol=1e-9)
    np.testing.assert_allclose(outcome["ruined"][-1], (found["cash"].min("period") < 0).mean(), rtol=1e-9)
    assert outcome.attrs["violations"] == 0
    again = study.paths(["cash"], paths=300)["cash"]
    assert (again == found["cash"][:300]).all(), "path k is the same whatever else is asked"
    less = study.base({"users": [0.5] * 36})["revenue"]
    np.testing.assert_allclose(less, study.base()["revenue"] / 2)
    study.workbook(tmp_path / "firm.xlsx")
    same(open_plan(tmp_path / "firm.xlsx").plan, study.plan)
    with pytest.raises(PlanError, match="did you mean 'cash'"):
        study.paths(["cahs"])
    with pytest.raises(PlanError, match="did you mean 'users'"):
        study.base({"usrs": [1.0] * 36})
