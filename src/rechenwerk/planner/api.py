"""Plans in a notebook: results as labelled arrays of xarray, with periods as coordinates and their units.

    from rechenwerk.planner.api import open_plan

    plan = open_plan("firm.toml")
    plan.base()["cash"].sel(period="2027-12")
    plan.paths(["cash", "revenue"], paths=2000)["cash"].quantile(0.05, "path")
    plan.run(paths=100_000).ruined

Money is in the plan's unit (`shown_in`), everything else in base units; `attrs["units"]` says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from rechenwerk.base.errors import PlanError
from rechenwerk.base.type_words import did_you_mean
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.drivers import BLOCK
from rechenwerk.planner.engine import Values
from rechenwerk.planner.exporting import shown_unit
from rechenwerk.planner.formulas import show
from rechenwerk.planner.loading import Loaded, load
from rechenwerk.planner.plans import Plan
from rechenwerk.planner.running import LEVELS, SHOWN, Blocks, base, run
from rechenwerk.planner.workbook import workbook
from rechenwerk.planner.workbook_words import Language


def open_plan(file: str | Path, scenario: str = "") -> Study:
    """A plan's file: TOML, YAML, or a workbook.

    Args:
        file: where it is.
        scenario: one of its scenarios; empty: as written.

    Raises:
        PlanError, MistakesError: the file or the scenario is wrong; says where.
        OSError: the file cannot be read.
    """
    path = Path(file)
    return Study(load(path.name, path.read_bytes(), scenario))


class Study:
    """A plan that can be calculated.

    Args:
        loaded: the plan with its source.
    """

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded

    @property
    def plan(self) -> Plan:
        """The plan as the planner has it."""
        return self._loaded.plan

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Names of the file's scenarios."""
        return tuple(one.name for one in self.plan.written.scenarios)

    def base(self, factors: Mapping[str, Iterable[float]] | None = None) -> xr.Dataset:
        """Every line and input with each driver as expected.

        Args:
            factors: by driver, what it is multiplied with in each period.
        """
        values = base(self.plan, self._factors(factors))
        return self._dataset({name: (("period",), series[:, 0]) for name, series in values.items()})

    def paths(
        self,
        lines: Sequence[str] = SHOWN,
        *,
        paths: int = 2000,
        seed: int | None = None,
        factors: Mapping[str, Iterable[float]] | None = None,
    ) -> xr.Dataset:
        """Some lines on many paths, (path, period); path k is the same whatever else is asked.

        Args:
            lines: names of lines or inputs.
            paths: how many; all of them are kept in memory.
            seed: of the draws; None: what the file says.
            factors: by driver, what it is multiplied with in each period.

        Raises:
            PlanError: there is no such line.
        """
        known = [*self.plan.lines, *self.plan.inputs]
        for name in lines:
            if name not in known:
                raise PlanError(f"no line {name!r} in the plan; {did_you_mean(name, known)}")
        found = {name: np.empty((paths, self.plan.axis.count)) for name in lines}
        blocks = Blocks(self.plan, self._seed(seed), lines, self._factors(factors))
        for block, start in enumerate(range(0, paths, BLOCK)):
            values: Values = blocks.values(block, min(BLOCK, paths - start))
            for name, series in found.items():
                series[start : start + BLOCK] = values[name].T
        return self._dataset({name: (("path", "period"), series) for name, series in found.items()})

    def run(
        self,
        lines: Sequence[str] = SHOWN,
        *,
        paths: int | None = None,
        seed: int | None = None,
        levels: Sequence[float] = LEVELS,
        workers: int = 1,
    ) -> xr.Dataset:
        """Quantiles (level, period) of lines over many paths, none of which is kept.

        Beside them `mean_LINE`, and `ruined`: the probability that cash has run out by then. Attributes say
        how many path-periods were checked, and in how many an identity did not hold.

        Args:
            lines: that quantiles are wanted of.
            paths: how many; None: what the file says.
            seed: of the draws; None: what the file says.
            levels: of the quantiles.
            workers: processes; the result is the same. In a script this needs ``if __name__ == "__main__":``.
        """
        count = paths or self.plan.written.head.paths
        outcome = run(
            self.plan, paths=count, seed=self._seed(seed), lines=lines, levels=levels, workers=workers
        )
        parts: dict[str, tuple[tuple[str, ...], Floats]] = {}
        for name, band in outcome.bands.items():
            parts[name] = (("level", "period"), band.quantiles)
            parts[f"mean_{name}"] = (("period",), band.mean)
        found = self._dataset(parts).assign_coords(level=list(outcome.levels))
        found["ruined"] = (("period",), outcome.ruined, {"units": "1", "title": "Cash has run out by then"})
        found.attrs |= {
            "paths": outcome.paths,
            "seed": outcome.seed,
            "checked": outcome.checked,
            "violations": outcome.violations,
        }
        return found

    def workbook(self, file: str | Path, language: Language = "en") -> None:
        """Write the base case as a workbook of formulas.

        Args:
            file: where to; it is replaced.
            language: of what is written for people.
        """
        Path(file).write_bytes(workbook(self.plan, self._loaded.source, language))

    def _seed(self, seed: int | None) -> int:
        return self.plan.written.head.seed if seed is None else seed

    def _factors(self, factors: Mapping[str, Iterable[float]] | None) -> dict[str, Floats]:
        found = {}
        for name, values in (factors or {}).items():
            if name not in self.plan.inputs:
                raise PlanError(f"no driver {name!r} in the plan; {did_you_mean(name, self.plan.inputs)}")
            found[name] = np.broadcast_to(np.asarray(values, dtype=np.float64), (self.plan.axis.count,))
        return found

    def _dataset(self, parts: Mapping[str, tuple[tuple[str, ...], Floats]]) -> xr.Dataset:
        """Arrays with their units, titles, formulas and sources."""
        plan, axis = self.plan, self.plan.axis
        arrays = {}
        for name, (dims, series) in parts.items():
            of = name.removeprefix("mean_") if name not in plan.lines and name not in plan.inputs else name
            unit, scale = shown_unit(plan, of)
            line = plan.lines.get(of)
            said = {
                "units": unit,
                "title": line.title if line is not None else plan.titles.get(of, ""),
                "formula": show(line.formula) if line is not None else "",
                "source": line.source if line is not None else plan.sources.get(of, ""),
            }
            arrays[name] = xr.DataArray(series / scale, dims=dims, attrs=said)
        first = np.datetime64(f"{axis.first // 12:04}-{axis.first % 12 + 1:02}", "M")
        starts = first + axis.months * np.arange(axis.count)
        return xr.Dataset(
            arrays,
            coords={
                "period": list(axis.names),
                "starts": ("period", starts.astype("datetime64[ns]")),
            },
            attrs={"title": plan.written.head.title, "scenario": self._loaded.source.scenario},
        )
