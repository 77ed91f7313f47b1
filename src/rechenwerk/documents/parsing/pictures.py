"""What is done to a picture of a page before and after its words are recognised."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rechenwerk.documents.parsing.grids import Rules

STEEPEST = 5.0
"""Degrees of skew that are looked for."""
STRAIGHT = 0.25
"""Degrees that need no straightening."""
BETTER = 1.03
SMALL = 700
"""Pixels of the longer side of the picture on which skew is measured."""
INK = 160
"""Brightness below which a pixel is ink."""
LONG, TALL = 40.0, 14.0
"""Points that a level and an upright rule have at least; letters are shorter."""
THICK = 4.0
MOST_RULES = 600


class Straightened(msgspec.Struct, frozen=True):
    """A picture whose lines are level, and the degrees by which it was turned for that."""

    image: Image.Image
    angle: float

    def before(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """Where a box stood before the picture was turned; its sides stay level."""
        left, top, right, bottom = box
        if not self.angle:
            return box
        across, down = self.image.width / 2, self.image.height / 2
        x, y = (left + right) / 2 - across, (top + bottom) / 2 - down
        sine, cosine = math.sin(math.radians(self.angle)), math.cos(math.radians(self.angle))
        dx, dy = (
            x * cosine - y * sine + across - (left + right) / 2,
            x * sine + y * cosine + down - (top + bottom) / 2,
        )
        return (left + dx, top + dy, right + dx, bottom + dy)


def straightened(image: Image.Image) -> Straightened:
    """Turn a gray picture so that its lines are level."""
    angle = skew(image)
    if not angle:
        return Straightened(image, 0.0)
    return Straightened(image.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=255), angle)


def skew(image: Image.Image) -> float:
    """Degrees by which a picture must be turned (counterclockwise) so that its lines are level.

    The rows of a straight page are either full of ink or empty: the angle is taken whose sums over rows
    differ most from each other.
    """
    factor = min(1.0, SMALL / max(image.size))
    small = image.resize((max(1, int(image.width * factor)), max(1, int(image.height * factor))))
    ink = Image.fromarray((np.asarray(small) < INK).astype(np.uint8) * 255)
    if not ink.getbbox():
        return 0.0

    def sharpness(angle: float) -> float:
        sums = np.asarray(ink.rotate(angle)).sum(axis=1, dtype=np.float64)
        return float(((sums[1:] - sums[:-1]) ** 2).sum())

    level = sharpness(0.0)
    coarse = max((float(one) for one in np.arange(-STEEPEST, STEEPEST + 0.1, 1.0)), key=sharpness)
    best = max((float(one) for one in np.arange(coarse - 0.75, coarse + 0.8, 0.25)), key=sharpness)
    return best if abs(best) >= STRAIGHT and sharpness(best) > BETTER * level else 0.0


def rules_of(image: Image.Image, scale: float) -> Rules:
    """The level and upright lines that are drawn on a straight picture, in points."""
    ink = np.asarray(image) < INK
    rules = Rules()
    for row, first, last in _runs(ink, max(10, int(LONG * scale)), int(THICK * scale) + 1):
        rules.add(first / scale, row / scale, last / scale, row / scale, framed=False)
    for column, first, last in _runs(ink.T, max(10, int(TALL * scale)), int(THICK * scale) + 1):
        rules.add(column / scale, first / scale, column / scale, last / scale, framed=False)
    return rules


def _runs(ink: NDArray[np.bool_], least: int, thick: int) -> list[tuple[float, int, int]]:
    """Runs of ink along rows, at least so long, in bands at most so thick: middle row, first, last column."""
    if ink.shape[1] <= least:
        return []
    sums = np.zeros((ink.shape[0], ink.shape[1] + 1), dtype=np.int32)
    np.cumsum(ink, axis=1, out=sums[:, 1:])
    # Two in a hundred pixels may be white: scans are not clean.
    full = sums[:, least:] - sums[:, :-least] >= least * 0.98
    found: list[tuple[int, int, int]] = []
    for row in np.flatnonzero(full.any(axis=1)):
        edges = np.flatnonzero(np.diff(np.concatenate(([0], full[row].view(np.int8), [0]))))
        found += [(int(row), int(a), int(b) + least) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        if len(found) > MOST_RULES * 20:
            return []  # a photograph, not a table
    bands: list[list[int]] = []
    for line, first, last in found:
        for band in reversed(bands[-40:]):
            if line - band[1] <= 2 and first < band[3] and last > band[2]:
                band[1], band[2], band[3] = line, min(band[2], first), max(band[3], last)
                break
        else:
            bands.append([line, line, first, last])
    thin = [((top + bottom) / 2, first, last) for top, bottom, first, last in bands if bottom - top < thick]
    return thin if len(thin) <= MOST_RULES else []
