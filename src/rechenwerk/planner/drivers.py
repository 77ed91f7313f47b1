"""What drives a plan and is not known: paths of drivers, drawn together.

The same seed gives the same draws: a stream of its own for every driver and every block of paths, so that
neither a further driver nor the number of workers changes what others draw (common random numbers).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from rechenwerk.base.errors import PlanError
from rechenwerk.planner.axis import Axis
from rechenwerk.planner.clearing import Floats
from rechenwerk.planner.units import ONE, Unit

BLOCK = 2000
"""Paths that are calculated at once; draws belong to a block, whoever calculates it."""


class Driver(msgspec.Struct, frozen=True):
    """A figure that is put in.

    Args:
        name: as formulas call it.
        path: (periods,) expected values in base units.
        noise: 'none'; 'level': one factor for all periods; 'growth': a yearly growth more or less, the same
            in all periods; 'walk': a factor that wanders, as prices do; 'each': one of each period's own.
        spread: standard deviation of the logarithm of the factor; of 'growth' and 'walk' that of a year.
        unit: of the values as they were written.
    """

    name: str
    path: tuple[float, ...]
    noise: Literal["none", "level", "growth", "walk", "each"] = "none"
    spread: float = 0.0
    unit: Unit = ONE

    @property
    def drawn(self) -> bool:
        """Whether paths differ."""
        return self.noise != "none" and self.spread > 0


def correlated(drivers: Sequence[Driver], pairs: Mapping[tuple[str, str], float]) -> Floats:
    """The Cholesky factor of the drawn drivers' correlations, in their order.

    Raises:
        PlanError: a name is unknown, a number is no correlation, or they contradict each other.
    """
    names = [one.name for one in drivers if one.drawn]
    matrix = np.eye(len(names))
    for (left, right), value in pairs.items():
        for name in (left, right):
            if name not in names:
                raise PlanError("a correlation names {name!r}, which is no driver with a spread", name=name)
        if not -1 <= value <= 1 or left == right:
            raise PlanError(
                "the correlation of {left} and {right} is {value}; it lies between -1 and 1",
                left=left,
                right=right,
                value=value,
            )
        matrix[names.index(left), names.index(right)] = matrix[names.index(right), names.index(left)] = value
    try:
        return np.asarray(np.linalg.cholesky(matrix + 1e-12 * np.eye(len(names))), dtype=np.float64)
    except np.linalg.LinAlgError:
        least = float(np.linalg.eigvalsh(matrix)[0])
        raise PlanError(
            "the correlations contradict each other (least eigenvalue {least:.3f}); bring them nearer to 0",
            least=least,
        ) from None


def draw(
    drivers: Sequence[Driver],
    factor: Floats,
    axis: Axis,
    seed: int,
    block: int,
    paths: int = BLOCK,
    room: Mapping[str, Floats] | None = None,
) -> dict[str, Floats]:
    """Paths of the drawn drivers.

    Args:
        drivers: all of the plan.
        factor: of `correlated`.
        axis: periods.
        seed: of the run.
        block: its number.
        paths: of the block, at most BLOCK.
        room: where the paths of some drivers shall lie.

    Returns:
        by name (periods, paths); their mean over many paths is the driver's path.
    """
    drawn = [one for one in drivers if one.drawn]
    if not drawn:
        return {}
    normal = np.empty((len(drawn), axis.count, paths))
    for index, one in enumerate(drawn):
        stream = np.random.Generator(
            np.random.SFC64(np.random.SeedSequence([seed, zlib.crc32(one.name.encode()), block]))
        )
        if paths == BLOCK:
            stream.standard_normal(out=normal[index])
        else:
            normal[index] = stream.standard_normal((axis.count, BLOCK))[:, :paths]
    mixed = (factor @ normal.reshape(len(drawn), -1)).reshape(normal.shape)
    places = room or {}
    return {
        one.name: _path(one, own, axis, places.get(one.name, own))
        for one, own in zip(drawn, mixed, strict=True)
    }


def _path(one: Driver, normal: Floats, axis: Axis, out: Floats) -> Floats:
    """(periods, paths) of a driver; the normal numbers that it is made of are written over."""
    years = axis.length * np.arange(axis.count)[:, None]
    match one.noise:
        case "level":
            normal = one.spread * normal[:1]
            variance = np.full_like(years[:1], one.spread**2)
        case "growth":
            normal[:] = one.spread * years * normal[:1]
            variance = (one.spread * years) ** 2
        case "walk":
            step = one.spread * np.sqrt(axis.length)
            for period in range(1, axis.count):  # np.cumsum goes down the columns, which takes thrice as long
                normal[period] += normal[period - 1]
            normal *= step
            variance = step**2 * (1 + np.arange(axis.count)[:, None])
        case _:
            normal *= one.spread
            variance = np.full_like(years, one.spread**2)
    normal -= variance / 2
    np.exp(normal, out=normal)
    np.multiply(normal, np.asarray(one.path)[:, None], out=out)
    return out
