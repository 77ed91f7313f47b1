"""An enterprise that buys compute, as large as the promise says: a plan's file, written from small tables.

8 correlated drivers, 20 contracts (4 take-or-pay, 4 prepaid, 4 provisioned, 8 on-demand), 10 revenue lines,
6 funding tranches. All figures are invented.
"""

from __future__ import annotations

HEAD = """
title = "Ten services on four kinds of compute"
currency = "USD"
shown_in = "USD million"
starts = "2026-01"
periods = {periods}
paths = 100000

[opening]
unit = "USD million"
cash = 400
receivables = 40
fixed_assets = 60

[policy]
tax = "25%"
loss_use = "80%"
receivable_days = 40
payable_days = 30
interest_on_cash = "3%"
"""
DRIVERS = (
    ("users", "thousand users", 900, "25%", "growth", "15%"),
    ("price", "USD/user/month", 18, "-4%", "walk", "8%"),
    ("tokens_per_user", "million tokens/user/month", 2, "12%", "walk", "20%"),
    ("token_price", "USD/million tokens", 1.5, "-15%", "walk", "25%"),
    ("churn", "1", 0.04, "-2%", "level", "20%"),
    ("hours_per_million", "GPUhours/million tokens", 0.12, "-18%", "walk", "15%"),
    ("spot_price", "USD/GPUhour", 2.6, "-8%", "walk", "30%"),
    ("staff_cost", "USD million/year", 90, "15%", "each", "5%"),
)
REVENUES = (
    ("subscriptions", "users * (1 - churn) * price * length()"),
    ("family", "0.2 * users * (1 - churn) * price * 1.6 * length()"),
    ("business", "0.05 * users * price * 2.5 * length()"),
    ("api", "use * token_price * 0.4"),
    ("batch", "use * token_price * 0.1"),
    ("search", "use * token_price * 0.05"),
    ("advertising", "users * 0.3 * price * 0.1 * length()"),
    ("licences", "prev(subscriptions) * 0.05"),
    ("support", "(prev(business) + business) / 2 * 0.1"),
    ("hardware", "if(since('2027-01'), users * 0.002 * price * 10 * length(), 0 * users * price * length())"),
)
SPENT = (
    ("staff", "staff_cost * length()", "operating"),
    ("lab", "0.3 * staff", "research"),
    ("offices", "0.05 * staff", "investment"),
)
NEEDS = (("inference", 0.45), ("training", 0.25), ("images", 0.2), ("speech", 0.1))
TRANCHES = (
    (
        "seed_b",
        'kind = "equity"\namount = 150\nwhen = "2026-06"\ncondition = "prev(year(revenue)) > 50e6"',
    ),
    (
        "series_c",
        'kind = "equity"\namount = 300\nwhen = "2027-06"\ncondition = "prev(year(revenue)) > 120e6"',
    ),
    ("series_d", 'kind = "equity"\namount = 400\nwhen = "2028-06"\ncondition = "prev(cash) > 0"'),
    (
        "bank",
        (
            'kind = "loan"\namount = 100\nwhen = "2026-03"\ndue = "2031-03"\ninterest = "8%"\n'
            'covenant = "prev(cash, 400e6) > 20e6"'
        ),
    ),
    (
        "bond",
        'kind = "loan"\namount = 200\nwhen = "2027-01"\ndue = "2033-01"\ninterest = "7%"\nrepaid = "evenly"',
    ),
)


def model(periods: int = 120) -> str:
    """The plan's file; TOML."""
    parts = [HEAD.format(periods=periods)]
    for name, unit, value, growth, noise, spread in DRIVERS:
        parts.append(
            f'[[driver]]\nname = "{name}"\nunit = "{unit}"\nvalue = {value}\ngrowth = "{growth}"\n'
            f'noise = "{noise}"\nspread = "{spread}"\n'
        )
    names = [name for name, *_ in DRIVERS]
    for at, left in enumerate(names):
        for right in names[at + 1 :]:
            value = 0.5 ** (names.index(right) - at) * (-1) ** at
            parts.append(f'[[correlation]]\nbetween = ["{left}", "{right}"]\nvalue = {value}\n')
    use = "users * (1 - churn) * tokens_per_user * length()"
    parts.append(f'[[line]]\nname = "use"\nformula = "{use}"\nunit = "million tokens"\n')
    for name, formula in REVENUES:
        text = formula.replace("'", '"')
        said = f'name = "{name}"\nformula = """{text}"""\nunit = "USD million"\ngroup = "revenue"'
        parts.append(f"[[line]]\n{said}\n")
    for name, formula, group in SPENT:
        said = f'name = "{name}"\nformula = "{formula}"\nunit = "USD million"\ngroup = "{group}"'
        parts.append(f"[[line]]\n{said}\n")
    for name, part in NEEDS:
        parts.append(bought(name, part))
    for name, rest in TRANCHES:
        parts.append(f'[[funding]]\nname = "{name}"\nunit = "USD million"\n{rest}\n')
    parts.append(
        '[[funding]]\nname = "waits"\nkind = "vendor"\ncontract = "inference_spot"\npart = 0.5\nmonths = 6\n'
    )
    return "\n".join(parts)


def bought(need: str, part: float) -> str:
    """A need and the five contracts that serve it in turn."""
    period = 'first = "2026-01"\nlast = "2035-12"\n'
    rows = (
        (
            f'kind = "take-or-pay"\ntotal = {900 * part}\nunit = "USD million"\n{period}'
            "ramp = [1, 2, 3, 4, 5]\n"
            'price = "1.6 USD/GPUhour"\n'
        ),
        (
            f'kind = "prepaid"\ntotal = {60 * part}\nunit = "USD million"\n'
            'first = "2026-01"\nlast = "2029-12"\n'
            'price = "1.8 USD/GPUhour"\n'
        ),
        (
            f'kind = "provisioned"\nunits = "{round(40 * part)}"\nfee = "0.5 USD million/year"\n'
            f'capacity = "300_000 GPUhours/year"\n{period}'
        ),
        'kind = "on-demand"\nprice = "spot_price * 0.9"\nlast = "2030-12"\n',
        'kind = "on-demand"\nprice = "spot_price"\n',
    )
    names = ("floor", "credit", "units", "flex", "spot")
    said = f'[[line]]\nname = "{need}"\nformula = "use * hours_per_million * {part}"\nunit = "GPUhours"\n'
    return said + "".join(
        f'[[contract]]\nname = "{need}_{name}"\nneed = "{need}"\n{row}'
        for name, row in zip(names, rows, strict=True)
    )
