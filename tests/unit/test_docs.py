"""Documentation that cannot lie: every setting, route and dependency is on its page."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

from rechenwerk.base.settings import TABLE, Settings
from rechenwerk.gateway.app import ROUTES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def settings_table() -> str:
    """The settings as the page shows them."""
    defaults = Settings()
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for row in TABLE:
        default = getattr(defaults, row.field)
        shown = "" if default == "" else f"{default:,}" if isinstance(default, int) else f"{default:g}"
        rows.append(f"| `{row.env}` | {shown} | {row.meaning} |")
    return "\n".join(rows)


def test_every_setting_is_documented() -> None:
    page = DOCS / "operations.md"
    text = page.read_text(encoding="utf-8")
    if os.environ.get("RW_WRITE_DOCS"):
        pattern = r"(?s)SETTINGS|\| variable \|.*?(?=\n\n)"
        page.write_text(re.sub(pattern, lambda _: settings_table(), text, count=1), encoding="utf-8")
        text = page.read_text(encoding="utf-8")
    assert settings_table() in text, "run with RW_WRITE_DOCS=1"


def test_every_route_has_its_heading() -> None:
    headings = re.findall(r"^## (\w+) (/\S+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted((route.methods[0], route.path) for route in ROUTES)


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    for line in [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]:
        name = re.split(r"[>=<]", line)[0]
        assert re.search(rf"\b{re.escape(name)}\b", text), name


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
