"""A report as one HTML file that asks nobody for anything: its style and pictures stand in it, no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from importlib import resources

import jinja2

from rechenwerk.planner.reporting.charts import DARK, LIGHT, Chart, Ground, picture
from rechenwerk.planner.reporting.content import Report


def page(report: Report, progress: Callable[[float], None] = lambda _: None) -> bytes:
    """The page; everything that people wrote is escaped.

    Its policy allows its own style, known by its hash, and the pictures in it.
    """
    folder = resources.files("rechenwerk.planner.reporting")
    style = (folder / "report.css").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    count = max(2 * sum(len(part.charts) for part in report.parts), 1)
    drawn = 0

    def address(chart: Chart, ground: Ground) -> str:
        nonlocal drawn
        drawn += 1
        progress(drawn / count)
        image = base64.b64encode(picture(chart, ground, "svg")).decode()
        return f"data:image/svg+xml;base64,{image}"

    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    text = environment.from_string((folder / "report.html.jinja").read_text("utf-8")).render(
        report=report,
        words=report.words,
        style=style,
        policy=f"default-src 'none'; style-src 'sha256-{hashed}'; img-src data:; base-uri 'none'",
        light=lambda chart: address(chart, LIGHT),
        dark=lambda chart: address(chart, DARK),
    )
    return text.encode()
