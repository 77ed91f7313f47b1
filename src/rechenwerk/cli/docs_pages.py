"""Pages of documents in the browser, with places marked."""

from __future__ import annotations

import base64
import html
import struct
import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path

DPI = 110
"""At which pages are asked for."""
_POINTS = 72
_HEAD = slice(16, 20)
"""Where a PNG says its width."""
_PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body{{margin:0;background:#555}}div{{position:relative;margin:1em auto;width:{width}px}}
img{{width:100%}}b{{position:absolute;border:3px solid #d00;background:#ff03;margin:-3px}}</style>
<div><img src="data:image/png;base64,{image}" alt="">{boxes}</div>"""


def open_page(title: str, image: bytes, boxes: Sequence[Sequence[float]], folder: str) -> None:
    """Open a page; its file lies in the folder.

    Args:
        title: of the window.
        image: PNG, at `DPI`.
        boxes: left, top, right, bottom in points.
        folder: only its owner can read it.
    """
    scale = DPI / _POINTS
    (width,) = struct.unpack(">I", image[_HEAD])
    marks = "".join(
        f'<b style="left:{left * scale:.0f}px;top:{top * scale:.0f}px;width:{(right - left) * scale:.0f}px;'
        f'height:{(bottom - top) * scale:.0f}px"></b>'
        for left, top, right, bottom in boxes
    )
    page = _PAGE.format(
        title=html.escape(title), width=width, image=base64.b64encode(image).decode(), boxes=marks
    )
    with tempfile.NamedTemporaryFile("w", suffix=".html", dir=folder, delete=False) as file:
        file.write(page)
    webbrowser.open(Path(file.name).as_uri())
