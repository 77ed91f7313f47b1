"""A plan's results as one long table, a row for each line, period and statistic; as CSV or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.engine import Values
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.running import Outcome


class Entry(msgspec.Struct, frozen=True):
    """A row.

    Args:
        line: its name; drivers are lines too.
        title: what people read.
        group: of the statement.
        unit: of the value.
        period: as people write it.
        starts: its first month, as a day.
        statistic: base (every driver as expected), mean, or a quantile such as p5.
        value: in the unit.
    """

    line: str
    title: str
    group: str
    unit: str
    period: str
    starts: str
    statistic: str
    value: float


def entries(plan: Plan, values: Values, outcome: Outcome) -> Iterator[Entry]:
    """All rows: the base case of every line and input, then what many paths say of some lines.

    Money is in the plan's unit, everything else in base units, which its unit says.
    """
    for name, series in values.items():
        yield from _series(plan, name, "base", series[:, 0])
    for name, band in outcome.bands.items():
        yield from _series(plan, name, "mean", band.mean)
        for level, quantile in zip(outcome.levels, band.quantiles, strict=True):
            yield from _series(plan, name, f"p{100 * level:g}", quantile)


def _series(plan: Plan, name: str, statistic: str, series: Floats) -> Iterator[Entry]:
    unit, scale = shown_unit(plan, name)
    line = plan.lines.get(name)
    title = line.title if line is not None else plan.titles.get(name, "")
    group = line.group if line is not None else "input"
    axis = plan.axis
    for at, value in enumerate(series.tolist()):
        year, month = divmod(axis.first + at * axis.months, 12)
        day = f"{year:04}-{month + 1:02}-01"
        yield Entry(name, title, group, unit, axis.name(at), day, statistic, value / scale)


def shown_unit(plan: Plan, name: str) -> tuple[str, float]:
    """The unit that a line is given out in, and how much of it is in base units."""
    unit = plan.lines[name].unit if name in plan.lines else plan.inputs[name].unit
    if unit.powers == plan.money.powers:
        return plan.written.head.shown_in, plan.money.scale
    return str(unit), 1.0


def as_csv(rows: Iterator[Entry]) -> bytes:
    """UTF-8, a head, numbers with all their digits."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Entry.__struct_fields__)
    writer.writerows(msgspec.structs.astuple(row) for row in rows)
    return text.getvalue().encode()


def as_parquet(rows: Iterator[Entry], plan: Plan, outcome: Outcome) -> bytes:
    """Words as dictionaries; what the numbers are of stands in the file's metadata."""
    columns = list(zip(*(msgspec.structs.astuple(row) for row in rows), strict=True))
    words = pa.dictionary(pa.int32(), pa.string())
    head = plan.written.head
    said = {
        "title": head.title,
        "currency": head.currency,
        "shown_in": head.shown_in,
        "paths": str(outcome.paths),
        "seed": str(outcome.seed),
    }
    names = Entry.__struct_fields__
    schema = pa.schema([(name, pa.float64() if name == "value" else words) for name in names], metadata=said)
    arrays = [
        pa.array(column, pa.float64())
        if name == "value"
        else pa.array(column, pa.string()).dictionary_encode()
        for name, column in zip(names, columns, strict=True)
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()
