"""What the console ships for browsers is what its manifest says, and everything in it is accounted for."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src" / "rechenwerk" / "console" / "static"
WEB = ROOT / "src" / "rechenwerk" / "console" / "web"


def test_the_manifest_is_of_these_files() -> None:
    manifest = json.loads((STATIC / "manifest.json").read_text(encoding="utf-8"))
    assert {row["file"] for row in manifest.values()} | {"manifest.json"} == {
        path.name for path in STATIC.iterdir()
    }
    for row in manifest.values():
        sha256 = hashlib.sha256((STATIC / row["file"]).read_bytes()).hexdigest()
        assert sha256 == row["sha256"]
        assert sha256[:12] in row["file"], "a name that changes with its content may be kept for ever"


def test_licences_of_what_is_shipped_are_listed() -> None:
    listed = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
    shipped = {name.removeprefix("node_modules/"): one for name, one in lock["packages"].items() if name}
    found = {name: one["license"] for name, one in shipped.items() if not one.get("dev")}
    assert found.keys() >= {"htmx.org", "echarts", "zrender"}
    for name, licence in found.items():
        assert any(name.removesuffix(".org") in line and licence in line for line in listed.splitlines()), (
            f"{name} ({licence}) is not in docs/dependencies.md"
        )


def test_the_first_page_is_small() -> None:
    manifest = json.loads((STATIC / "manifest.json").read_text(encoding="utf-8"))
    names = ("console.css", "console.js", "htmx.js", "mark.svg")
    sizes = [len(gzip.compress((STATIC / manifest[name]["file"]).read_bytes(), 9)) for name in names]
    assert sum(sizes) < 60_000


def test_nothing_in_it_asks_another_host() -> None:
    for path in (*STATIC.glob("console-*"), *WEB.glob("*.css")):
        assert "http://" not in path.read_text(encoding="utf-8")
        assert "https://" not in path.read_text(encoding="utf-8")
