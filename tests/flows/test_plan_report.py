"""Reports of a plan as a page and on paper, and the commands that people read, in both languages."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pypdf import PdfReader

from rechenwerk.cli.app import run

EXAMPLE = Path(__file__).parents[2] / "src" / "rechenwerk" / "planner" / "examples" / "firm.toml"


def cli(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(["plan", *arguments])
    return code, out.getvalue(), err.getvalue()


def said(*arguments: str) -> str:
    code, out, err = cli(*arguments)
    assert code == 0, err
    return out


class Page(HTMLParser):
    """What a browser would load, and what a policy would forbid."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.styled: list[str] = []
        self.policy = ""
        self.style = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = tag
        for name, value in attrs:
            if name in {"src", "href", "srcset"}:
                self.addresses.append(value or "")
            if name == "style" or name.startswith("on"):
                self.styled.append(name)
        found = dict(attrs)
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.style += data


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("report") / "plan.html"
    assert said("report", str(EXAMPLE), "-o", str(file), "--paths", "300").startswith("Written: ")
    return file.read_text(encoding="utf-8")


def test_a_page_asks_nobody_and_keeps_its_policy(page: str) -> None:
    found = Page(page)
    assert "script" not in found.tags
    assert found.styled == []
    assert len(found.addresses) == 2 * found.tags.count("picture") > 12
    assert all(one.startswith("data:image/svg+xml;base64,") for one in found.addresses)
    hashed = base64.b64encode(hashlib.sha256(found.style.encode()).digest()).decode()
    assert f"style-src 'sha256-{hashed}'" in found.policy
    assert "default-src 'none'" in found.policy
    assert "url(" not in found.style
    assert "prefers-color-scheme: dark" in found.style


def test_a_picture_is_drawn_for_each_ground(page: str) -> None:
    first = re.search(
        r'srcset="data:image/svg\+xml;base64,([^"]+)"><img src="data:image/svg\+xml;base64,([^"]+)', page
    )
    assert first is not None
    dark, light = (base64.b64decode(one).decode() for one in first.groups())
    assert "#e6ebf0" in dark
    assert "#1b2430" in light
    assert "5%-95%" in light
    assert "<script" not in light


def test_a_page_says_the_answers_their_formulas_and_why_scenarios_differ(page: str) -> None:
    for text in (
        "When does the money run out?",
        "commitments / revenue of the first year",
        "Unconditional purchase obligations",
        "Price that covers cost",
        "funding round_b: removed",
        "users * price * length()",
        "each driver from its low to its high decile",
    ):
        assert text in page, text


def test_what_people_wrote_is_no_markup(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("A firm that buys compute", "<b onclick=x>A & B</b>")
    (tmp_path / "odd.toml").write_text(text, encoding="utf-8")
    said("report", str(tmp_path / "odd.toml"), "-o", str(tmp_path / "odd.html"), "--paths", "10")
    page = (tmp_path / "odd.html").read_text(encoding="utf-8")
    assert "<b onclick" not in page
    assert "&lt;b onclick=x&gt;A &amp; B&lt;/b&gt;" in page


def test_paper_in_german_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("one.pdf", "two.pdf"):
        out = said("report", str(EXAMPLE), "-o", str(tmp_path / name), "--paths", "100", "--language", "de")
        assert out.startswith("Geschrieben: ")
    first, second = (tmp_path / "one.pdf").read_bytes(), (tmp_path / "two.pdf").read_bytes()
    assert first == second
    paper = PdfReader(io.BytesIO(first))
    text = "\n".join(one.extract_text() for one in paper.pages)
    for words in (
        "Wann ist das Geld aufgebraucht?",
        "Drohverlustrückstellung",
        "Unbedingte Abnahmeverpflichtungen",
    ):
        assert words in text, words
    assert f"Seite 1 von {len(paper.pages)}" in text
    assert sum(len(one.images) for one in paper.pages) >= 8


@pytest.mark.parametrize(
    ("name", "says"),
    [("plan.docx", "name it FILE.html or FILE.pdf"), ("nowhere/plan.html", "cannot be written")],
)
def test_what_is_no_report(tmp_path: Path, name: str, says: str) -> None:
    code, _, err = cli("report", str(EXAMPLE), "-o", str(tmp_path / name), "--paths", "10")
    assert code == 1
    assert says in err


def test_commands_speak_german() -> None:
    shown = said("run", str(EXAMPLE), "--paths", "100", "--language", "de")
    assert "Reichweite des Geldes" in shown
    assert "Deckungsbeitrag" in shown
    assert "runway" not in shown
    shown = said("explain", str(EXAMPLE), "commitments", "--language", "de")
    assert "Verpflichtungen" in shown
    assert "vertraglich" in shown
    assert "Stresstest" in said("stress", str(EXAMPLE), "--language", "de")
    shown = said("sensitivity", str(EXAMPLE), "--language", "de")
    assert "Treiber" in shown
    assert "█" in shown
    shown = said("solve", str(EXAMPLE), "--vary", "users.growth", "--line", "net_profit", "--language", "de")
    assert "bringt net_profit auf 0" in shown
    code, _, err = cli("run", str(EXAMPLE), "--language", "fr")
    assert (code, "write en or de" in err) == (1, True)


def test_by_period_and_as_a_tree() -> None:
    shown = said("run", str(EXAMPLE), "--paths", "100", "--by-period")
    assert "2028-11" in shown
    shown = said("explain", str(EXAMPLE), "cash", "--period", "2026-12", "--depth", "2")
    assert "prev(cash, opening.cash) + free_cash_flow + financing_cash" in shown
    found = json.loads(said("explain", str(EXAMPLE), "gross_margin", "--json"))
    assert [one["name"] for one in found["inputs"]] == ["gross_profit", "revenue"]


def test_scenarios_and_files_side_by_side(tmp_path: Path) -> None:
    other = tmp_path / "dearer.toml"
    text = EXAMPLE.read_text(encoding="utf-8").replace("value = 20\n", "value = 25\n")
    other.write_text(text, encoding="utf-8")
    found = json.loads(said("compare", str(EXAMPLE), str(other), "demand_falls", "--paths", "100", "--json"))
    assert set(found["sides"]) == {"firm", "dearer", "demand_falls"}
    (step,) = found["differences"]["dearer"]["steps"]
    assert step["changes"] == [
        {"table": "driver", "name": "price", "how": "changed", "fields": [["value", "20", "25"]]}
    ]
    shown = said("compare", str(EXAMPLE), str(other), "--paths", "100", "--language", "de")
    assert "Treiber price: value 20 → 25" in shown


def test_pictures_of_sensitivities(tmp_path: Path) -> None:
    file = tmp_path / "tornado.png"
    said("sensitivity", str(EXAMPLE), "--sobol", "16", "--chart", str(file))
    assert file.read_bytes().startswith(b"\x89PNG")
    said("run", str(EXAMPLE), "--paths", "100", "--chart", str(tmp_path / "plan.svg"))
    assert "Cash over 100 paths" in (tmp_path / "plan.svg").read_text(encoding="utf-8")
