"""Documentation that cannot lie: every route and dependency is on its page, links lead somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from rechenwerk.gateway.app import ROUTES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_route_has_its_heading() -> None:
    headings = re.findall(r"^## (\w+) (/\S+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted((route.methods[0], route.path) for route in ROUTES)


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    for line in [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]:
        name = re.split(r"[\[>=<]", line)[0]
        assert re.search(rf"\b{re.escape(name)}\b", text), name


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
