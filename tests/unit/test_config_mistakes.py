"""Bad input: every mistake of a file is told at once, each with its line and its fix; none hides another."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from rechenwerk.office.config import MistakesError, parse
from rechenwerk.office.grant_projects import unknown_projects

HEAD = """\
currency = "EUR"
[[provider]]
name = "p"
kind = "vllm"
base_url = "http://127.0.0.1:9100/v1"
"""
NOBODY = "add a [[deployment]] of it, or take the tariff out"
DEPLOYMENT = """\
[[deployment]]
model = "{model}"
provider = "p"
contract = "{contract}"
endpoints = ["chat"]
context_tokens = 100
max_output_tokens = 10
cost = {{ input = "1" }}
"""
TARIFF = """\
[[tariff]]
model = "{model}"
price = {{ input = "1" }}
"""


def contract(name: str, *lines: str) -> str:
    return "\n".join(("[[contract]]", f'name = "{name}"', 'provider = "p"', *lines, ""))


def deployment(contract: str, model: str = "m") -> str:
    return DEPLOYMENT.format(contract=contract, model=model)


def tariff(model: str = "m") -> str:
    return TARIFF.format(model=model)


def told(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(MistakesError) as caught:
        parse(HEAD + text)
    return [(one.line, one.message, one.fix) for one in caught.value.mistakes]


def line_of(text: str, words: str, nth: int = 1) -> int:
    """Line in which words stand for the nth time."""
    lines = [at for at, line in enumerate((HEAD + text).splitlines(), 1) if words in line]
    return lines[nth - 1]


def test_an_unknown_kind_hides_no_other_mistake() -> None:
    text = (
        contract("a", 'kind = "on-demnd"', 'pricing = { discount = "1.5" }', "since = 5")
        + contract("b", 'kind = "take-or-pay"', 'minimum = "-1"', 'covers = ["nobody"]')
        + contract("c", 'kind = "leasing"', 'balance = "-5"', "ends = 2026-12-31")
        + deployment("a")
        + deployment("b", "n").replace("context_tokens = 100", "context_tokens = 0")
        + tariff()
        + tariff("n")
    )
    assert [(line, message) for line, message, _ in told(text)] == [
        (line_of(text, "on-demnd"), "unknown kind 'on-demnd' of a contract"),
        (line_of(text, "since"), "since: expected `date | null`, got `int`"),
        (line_of(text, 'name = "b"') - 1, "contract 'b': it has a minimum without a period"),
        (line_of(text, "minimum"), "contract 'b': minimum must be above zero, not -1"),
        (line_of(text, "covers"), "contract 'b': there is no contract 'nobody'"),
        (line_of(text, "leasing"), "unknown kind 'leasing' of a contract"),
        (line_of(text, "balance"), "contract 'c': balance must be above zero, not -5"),
        (line_of(text, "context_tokens", 2), "context_tokens must be above 0"),
    ]


def test_what_is_between_contracts_is_told_though_one_cannot_be_read() -> None:
    text = (
        contract("a", 'kind = "on-demand"', "exclusive = true")
        + contract("b", 'kind = "prepaid-credt"', 'balance = "5"', 'models = ["m"]')
        + contract("broken", "kind = 7", "x = 1")
        + contract("over", 'kind = "take-or-pay"', 'minimum = "5"', 'period = "month"', 'covers = ["broken"]')
        + deployment("a")
        + deployment("b").replace("context_tokens = 100", 'context_tokens = "many"')
        + tariff()
    )
    messages = [message for _, message, _ in told(text)]
    exclusive = "contract 'b': 'a' is exclusive, but 'b' and 'a' both pay for 'm' at 'p' at the same time"
    assert exclusive in messages
    assert "unknown kind 'prepaid-credt' of a contract" in messages
    assert "unknown kind 7 of a contract" in messages
    assert "context_tokens: expected `int`, got `str`" in messages
    assert not [one for one in messages if "bound to no deployment" in one or "no contract 'broken'" in one]


@pytest.mark.parametrize(
    ("tariffs", "message", "fix"),
    [
        (
            ("m", "q"),
            "no deployment serves the model 'q'",
            "add a [[deployment]] of it, or take the tariff out",
        ),
        (("m", "model-1"), "no deployment serves the model 'model-1'", "did you mean 'model-12'?"),
    ],
)
def test_a_tariff_without_a_deployment(tariffs: tuple[str, ...], message: str, fix: str) -> None:
    text = (
        contract("a", 'kind = "on-demand"')
        + deployment("a")
        + deployment("a", "model-12")
        + tariff("model-12")
        + "".join(tariff(one) for one in tariffs)
    )
    assert told(text) == [(line_of(text, f'"{tariffs[-1]}"'), message, fix)]


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ("2026-01-01 2026-06-30", "2026-06-30 2026-12-31", True),
        ("2026-01-01 2026-06-30", "2026-07-01 2026-12-31", False),
        ("2026-01-01 2026-12-31", "2026-03-01 2026-03-01", True),
    ],
)
@pytest.mark.parametrize("exclusive", ["first", "second", "both"])
def test_exclusive_contracts_that_overlap(first: str, second: str, wrong: bool, exclusive: str) -> None:
    text = ""
    for name, days in (("first", first), ("second", second)):
        starts, ends = days.split()
        flag = ["exclusive = true"] if exclusive in {name, "both"} else []
        text += contract(name, 'kind = "on-demand"', f"starts = {starts}", f"ends = {ends}", *flag)
    text += deployment("first") + deployment("second") + tariff()
    if not wrong:
        assert len(parse(HEAD + text).contracts) == 2
        return
    ((line, message, fix),) = told(text)
    at = "exclusive" if exclusive != "first" else 'name = "second"'
    assert line == line_of(text, at, 2 if exclusive == "both" else 1) - (exclusive == "first")
    assert message.endswith("both pay for 'm' at 'p' at the same time")
    assert fix == "end one before the other starts, or let them serve different models"


PROJECTS = MappingProxyType({"town": ["default", "library"], "school": ["maths", "a/b"]})


@pytest.mark.parametrize(
    ("projects", "told"),
    [
        (["library", "town/library", "school/maths", "a/b", "school/a/b"], []),
        (["libary"], ["there is no project 'libary' | did you mean 'library'?"]),
        (
            ["physics"],
            [
                (
                    "there is no project 'physics' | create it first (rechenwerk project create physics),"
                    " or mend the name"
                )
            ],
        ),
        (["tow/library"], ["there is no organisation 'tow' | did you mean 'town'?"]),
        (
            ["town/maths", "maths", "x/y"],
            [
                (
                    "the organisation 'town' has no project 'maths' | create it first"
                    " (rechenwerk project create maths --organisation town), or mend the name"
                ),
                "there is no organisation 'x' | choose from school, town",
            ],
        ),
    ],
)
def test_a_grant_for_projects_that_are_not_there(projects: list[str], told: list[str]) -> None:
    names = ", ".join(f'"{one}"' for one in projects)
    text = HEAD + contract(
        "share", 'kind = "grant"', 'quantity = "5"', 'unit = "token"', f"projects = [{names}]"
    )
    found = unknown_projects(parse(text + deployment("share") + tariff()), PROJECTS)
    assert [f"{one.message} | {one.fix}" for one in found] == [f"contract 'share': {one}" for one in told]
    assert all(text.splitlines()[one.line - 1].startswith("projects") for one in found)
