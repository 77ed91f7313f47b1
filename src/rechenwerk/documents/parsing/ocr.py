"""Recognition with Tesseract: upright, straight, words with boxes and confidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tesserocr
from PIL import Image

from rechenwerk.documents.parsing.marks import Mark
from rechenwerk.documents.parsing.writing import Token, cleaned
from rechenwerk.documents.values import Box

LANGUAGES = ("deu", "eng")
SURE = 70
"""Mean confidence below which other orientations are tried."""
FEW = 5
STEEPEST = 5.0
"""Degrees of skew that are looked for."""
SMALL = 900
"""Pixels of the longer side of the picture on which skew is measured."""
STRAIGHT = 0.25
LEAST_CONFIDENCE = 5


class Recognizer:
    """Tesseract with its data; loaded when the first page needs it.

    Args:
        folder: with deu.traineddata and eng.traineddata; '' or one without them makes it not ready.
        seconds: after which the recognition of a page is given up.
    """

    def __init__(self, folder: str, seconds: float) -> None:
        self._folder = folder
        self._languages = [
            one for one in LANGUAGES if folder and (Path(folder) / f"{one}.traineddata").is_file()
        ]
        self._milliseconds = int(seconds * 1000)
        self._api: Any = None

    @property
    def ready(self) -> bool:
        """Whether there is data for a language."""
        return bool(self._languages)

    def marks(self, image: Image.Image, scale: float) -> list[Mark]:
        """The words of a picture.

        Args:
            image: of a page.
            scale: pixels per point.
        """
        gray = image.convert("L")
        angle = skew(gray)
        straight = gray.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=255) if angle else gray
        best = self._words(straight, scale)
        turned = 0
        if _doubtful(best):
            for turn in (180, 90, 270):
                words = self._words(straight.rotate(turn, expand=True), scale)
                if _weight(words) > _weight(best) * 1.2:
                    best, turned = words, turn
        return [_mark(word, turned, straight.size, scale) for word in best]

    def _words(self, image: Image.Image, scale: float) -> list[tuple[str, int, tuple[int, int, int, int]]]:
        if self._api is None:
            self._api = tesserocr.PyTessBaseAPI(
                path=self._folder, lang="+".join(self._languages), psm=tesserocr.PSM.AUTO
            )
        api = self._api
        api.SetImage(image)
        api.SetSourceResolution(max(70, min(2400, round(scale * 72))))
        found = []
        try:
            if not api.Recognize(self._milliseconds):
                return []
            iterator = api.GetIterator()
            level = tesserocr.RIL.WORD
            for item in tesserocr.iterate_level(iterator, level):
                if item.Empty(level):
                    continue
                word = "".join(cleaned(item.GetUTF8Text(level)).split())
                box = item.BoundingBox(level)
                confidence = round(item.Confidence(level))
                if word and box and confidence >= LEAST_CONFIDENCE:
                    found.append((word, confidence, box))
        finally:
            api.Clear()
        return found


def skew(image: Image.Image) -> float:
    """Degrees by which a picture must be turned (counterclockwise) so that its lines are level.

    The rows of a straight page are either full of ink or empty: the angle is taken whose sums over rows
    differ most from each other.
    """
    factor = SMALL / max(image.size)
    small = image.resize((max(1, int(image.width * factor)), max(1, int(image.height * factor))))
    ink = Image.fromarray((np.asarray(small) < 160).astype(np.uint8) * 255)
    if not ink.getbbox():
        return 0.0

    def sharpness(angle: float) -> float:
        sums = np.asarray(ink.rotate(angle)).sum(axis=1, dtype=np.float64)
        return float(((sums[1:] - sums[:-1]) ** 2).sum())

    coarse = max(np.arange(-STEEPEST, STEEPEST + 0.1, 1.0), key=lambda angle: sharpness(float(angle)))
    fine = max(np.arange(coarse - 0.75, coarse + 0.8, 0.25), key=lambda angle: sharpness(float(angle)))
    angle = float(fine)
    return angle if abs(angle) >= STRAIGHT and sharpness(angle) > 1.03 * sharpness(0.0) else 0.0


def _weight(words: list[tuple[str, int, tuple[int, int, int, int]]]) -> float:
    return sum(confidence * len(word) for word, confidence, _ in words)


def _doubtful(words: list[tuple[str, int, tuple[int, int, int, int]]]) -> bool:
    letters = sum(len(word) for word, _, _ in words)
    return len(words) < FEW or _weight(words) < SURE * letters


def _mark(
    word: tuple[str, int, tuple[int, int, int, int]], turned: int, size: tuple[int, int], scale: float
) -> Mark:
    """A word in points; its box on the picture as it came, its place in the upright one."""
    text, confidence, (left, top, right, bottom) = word
    width, height = size
    if turned == 180:
        box = (width - right, height - bottom, width - left, height - top)
    elif turned == 90:
        box = (width - bottom, left, width - top, right)
    elif turned == 270:
        box = (top, height - right, bottom, height - left)
    else:
        box = (left, top, right, bottom)
    points = Box(*(round(side / scale, 2) for side in box))
    token = Token(text, points, max(0, min(100, confidence)))
    return Mark(token, left / scale, top / scale, right / scale, bottom / scale)
