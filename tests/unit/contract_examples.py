"""Reads docs/examples/contracts, and use and bills written as small text tables."""

from __future__ import annotations

import ast
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import msgspec

from rechenwerk.base.money import NANO
from rechenwerk.base.usage import Usage
from rechenwerk.contracts.ports import Deployed, Energy, Used
from rechenwerk.contracts.sites import energy_of
from rechenwerk.contracts.terms import Contract, Site
from rechenwerk.ledger.prices import price_list

FOLDER = Path(__file__).parents[2] / "docs" / "examples" / "contracts"


class Example(msgspec.Struct):
    """A file, read."""

    contracts: list[Contract]
    deployments: list[Deployed]
    energy: dict[str, Energy]


def example(name: str) -> Example:
    """What a file of the folder says; deployments are called as their model, further ones by contract too."""
    raw = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    models = [table["model"] for table in raw["deployment"]]
    return Example(
        [msgspec.convert(table, Contract) for table in raw["contract"]],
        [
            Deployed(
                name=f"{table['model']} under {table['contract']}"
                if table["model"] in models[:index]
                else table["model"],
                model=table["model"],
                provider=table["provider"],
                contract=table["contract"],
                rates=price_list(table["cost"]),
            )
            for index, table in enumerate(raw["deployment"])
        ],
        {table["name"]: energy_of(site(table)) for table in raw.get("site", [])},
    )


def site(table: dict[str, object]) -> Site:
    """A ``[[site]]``: prices as they begin within a day."""
    prices = table["prices"]
    assert isinstance(prices, list)
    by_hour = [
        max((price for price in prices if price["from"] <= hour), key=lambda price: int(price["from"]))
        for hour in range(24)
    ]
    return Site(
        name=str(table["name"]),
        prices=tuple(Decimal(price["price"]) for price in by_hour),
        pue=Decimal(str(table["pue"])),
    )


def hour(text: str) -> int:
    """``2026-09-01T10`` -> epoch seconds."""
    return int(datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC).timestamp())


def uses(table: str) -> list[Used]:
    """Lines such as ``2026-09-01T10 x4  gpt-4.1  input=9,000,000 output=5 tier=batch``.

    ``x4``: the same in each of the four hours from there on; counts are of one hour.
    """
    found = []
    for line in table.strip().splitlines():
        when, *rest = line.split()
        times = int(rest.pop(0)[1:]) if rest[0][0] == "x" and rest[0][1:].isdigit() else 1
        named = dict(part.split("=") for part in rest[1:])
        tier = named.pop("tier", "standard")
        units = named.pop("units", None)
        usage = Usage(**{bucket: int(count.replace(",", "")) for bucket, count in named.items()})
        found += [
            Used(
                hour=hour(when) + 3600 * step,
                deployment=rest[0],
                usage=usage,
                service_tier=tier,
                units=None if units is None else Decimal(units),
            )
            for step in range(times)
        ]
    return found


def calculate(text: str) -> Fraction:
    """What a hand-written calculation such as ``100 * 480 * 1.00`` comes to."""

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.BinOp):
            left, right = value(node.left), value(node.right)
            if isinstance(node.op, ast.Add):
                return left + right
            if isinstance(node.op, ast.Sub):
                return left - right
            return left * right if isinstance(node.op, ast.Mult) else left / right
        if isinstance(node, ast.UnaryOp):
            return -value(node.operand)
        assert isinstance(node, ast.Constant)
        return Fraction(str(node.value))

    return value(ast.parse(text.replace(",", "").strip(), mode="eval").body)


def cents(nano: int | Fraction) -> str:
    """Nano-units to the cent, half-even."""
    return f"{Decimal(round(Fraction(nano) / NANO * 100)) / 100:,.2f}"
