"""Recognition with Tesseract: upright, straight, words with boxes and confidence, drawn rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import tesserocr
from PIL import Image

from rechenwerk.documents.parsing.grids import Rules
from rechenwerk.documents.parsing.marks import Mark
from rechenwerk.documents.parsing.pictures import Straightened, rules_of, straightened
from rechenwerk.documents.parsing.writing import Token, cleaned
from rechenwerk.documents.values import Box

LANGUAGES = ("deu", "eng")
SURE = 70
"""Mean confidence below which a page may stand on its head."""
BETTER = 1.2
FEW = 5
UPRIGHT = 0.5
"""Share of longer words that are wider than high, below which a page lies on its side."""
LEAST_CONFIDENCE = 5


class Found(msgspec.Struct, frozen=True):
    """A word as Tesseract saw it: its box, top and bottom of its line, pixels of the picture it was shown."""

    text: str
    confidence: int
    box: tuple[int, int, int, int]
    line: tuple[int, int]


class Seen(msgspec.Struct, frozen=True):
    """What is on a picture: words, drawn rules."""

    marks: list[Mark]
    rules: Rules


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

    def read(self, image: Image.Image, scale: float) -> Seen:
        """The words and rules of a picture.

        Args:
            image: of a page.
            scale: pixels per point.
        """
        straight = straightened(image.convert("L"))
        best, turn = self._words(straight.image, scale), 0
        for other in _other_turns(best):
            words = self._words(straight.image.rotate(other, expand=True), scale)
            if _weight(words) > _weight(best) * BETTER or (_lies(best) and not _lies(words)):
                best, turn = words, other
        upright = straight.image.rotate(turn, expand=True) if turn else straight.image
        marks = [_mark(word, turn, straight, scale) for word in best]
        return Seen(marks, rules_of(upright, scale))

    def _words(self, image: Image.Image, scale: float) -> list[Found]:
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
            level = tesserocr.RIL.WORD
            for item in tesserocr.iterate_level(api.GetIterator(), level):
                if item.Empty(level):
                    continue
                word = "".join(cleaned(item.GetUTF8Text(level)).split())
                box = item.BoundingBox(level)
                confidence = round(item.Confidence(level))
                if word and box and confidence >= LEAST_CONFIDENCE:
                    line = item.BoundingBox(tesserocr.RIL.TEXTLINE) or box
                    found.append(Found(word, max(0, min(100, confidence)), tuple(box), (line[1], line[3])))
        finally:
            api.Clear()
        return found


def _weight(words: list[Found]) -> float:
    """Words that are surely read, by their length; those that lie on their side do not count."""
    return sum(word.confidence * len(word.text) for word in words if not _is_tall(word))


def _is_tall(word: Found) -> bool:
    left, top, right, bottom = word.box
    return len(word.text) > 2 and bottom - top > right - left


def _lies(words: list[Found]) -> bool:
    longer = [word for word in words if len(word.text) > 2]
    return len(longer) >= FEW and sum(map(_is_tall, longer)) > UPRIGHT * len(longer)


def _other_turns(words: list[Found]) -> tuple[int, ...]:
    """Degrees by which a page should be turned for another look."""
    if _lies(words):
        return (90, 270)
    letters = sum(len(word.text) for word in words)
    doubtful = len(words) < FEW or sum(w.confidence * len(w.text) for w in words) < SURE * letters
    return (180, 90, 270) if doubtful and words else ()


def _mark(word: Found, turn: int, straight: Straightened, scale: float) -> Mark:
    """A word in points; its box on the picture as it came, its place in the upright one."""
    left, top, right, bottom = word.box
    width, height = straight.image.size
    if turn == 180:
        box = (width - right, height - bottom, width - left, height - top)
    elif turn == 90:
        box = (width - bottom, left, width - top, right)
    elif turn == 270:
        box = (top, height - right, bottom, height - left)
    else:
        box = word.box
    points = Box(*(round(side / scale, 2) for side in straight.before(box)))
    above, below = word.line  # small letters are as high as their line: it decides what stands side by side
    return Mark(
        Token(word.text, points, word.confidence), left / scale, above / scale, right / scale, below / scale
    )
