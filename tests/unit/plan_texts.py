"""Plans that tests are about: the shipped example, and one with everything that a file can say."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
FOLDER = DOCS / "examples" / "plan"
SHIPPED = DOCS.parent / "src" / "rechenwerk" / "planner" / "examples"
"""Those that the product brings along."""
EXAMPLE = (SHIPPED / "firm.toml").read_text(encoding="utf-8")
OPENAI = (SHIPPED / "openai.toml").read_text(encoding="utf-8")
EVERYTHING = """
title = "Everything"
currency = "EUR"
shown_in = "EUR million"
starts = "2026-Q2"
periods = 14
paths = 500
seed = 7

[opening]
unit = "EUR million"
cash = 30
receivables = 4
payables = 3
fixed_assets = 8
debt = 5
losses_carried = 2

[policy]
tax = "25%"
loss_use = "70%"
receivable_days = 45
payable_days = 30
interest_on_cash = "2%"
interest_on_debt = "6%"
fixed_assets_life = 3

[[driver]]
name = "users"
unit = "thousand users"
path = { "2026-04" = 50, "2027-04" = 120, "2028-04" = 150 }
growth = "8%"
noise = "growth"
spread = "10%"
source = "counted"
date = "2026-03-31"
status = "reported"

[[driver]]
name = "price"
unit = "EUR/user/month"
path = { "2026-Q2" = 12, "2027-Q2" = 10 }
shape = "steps"

[[driver]]
name = "hours"
unit = "GPUhour/user/month"
path = { "2026-Q2" = 3, "2028-Q2" = 1.5 }
shape = "linear"
growth = "-5%"
noise = "each"
spread = "5%"

[[driver]]
name = "staff"
unit = "EUR million/year"
value = 3
growth = "10%"
noise = "walk"
spread = "4%"

[[correlation]]
between = ["users", "hours"]
value = 0.4

[[line]]
name = "sales"
formula = "users * price * length()"
unit = "EUR million"
group = "revenue"
service = "chat"

[[line]]
name = "need"
formula = "users * hours * length()"
unit = "GPUhours"
service = "chat"

[[line]]
name = "people"
formula = 'staff * length() * if(since("2027-07"), 1.2, 1)'
unit = "EUR million"
group = "operating"

[[line]]
name = "lab"
formula = "max(10% * prev(sales), 0.1 * people) + (total(sales - people) > 0) * 0.02 * people"
unit = "EUR million"
group = "research"

[[line]]
name = "halls"
formula = "0.3 * people"
unit = "EUR million"
group = "investment"
life = 1

[[line]]
name = "fashion"
formula = "year(max(prev(fashion), 0) / 8 + sales * 0.01) - past(sales, 2) * 1% + abs(sales - people) ^ 1"
unit = "EUR million"

[[contract]]
name = "floor"
kind = "take-or-pay"
need = "need"
total = 5
unit = "EUR million"
first = "2026-04"
last = "2029-03"
ramp = [1, 2, 3]
price = "1.1 EUR/GPUhour"
most = "900_000 GPUhour"
status = "contracted"

[[contract]]
name = "plain_floor"
kind = "take-or-pay"
need = "need"
total = 1
unit = "EUR million"
first = "2026-Q3"
last = "2027-Q2"
price = "1.2 EUR/GPUhour"
settled = "period"

[[contract]]
name = "credit"
kind = "prepaid"
need = "need"
total = 0.6
unit = "EUR million"
first = "2026-07"
last = "2027-06"
price = "1.3 EUR/GPUhour"

[[contract]]
name = "units"
kind = "provisioned"
need = "need"
units = "2"
fee = "0.1 EUR million/year"
capacity = "100_000 GPUhours/year"
first = "2026-Q2"
last = "2028-Q1"

[[contract]]
name = "racks"
kind = "owned"
need = "need"
total = 0.9
unit = "EUR million"
life = 2
first = "2026-Q3"
last = "2026-Q4"
capacity = "300_000 GPUhours/year"
energy = "0.1 EUR/GPUhour"

[[contract]]
name = "spot"
kind = "on-demand"
need = "need"
price = "2.5 EUR/GPUhour"

[[funding]]
name = "round"
kind = "equity"
amount = 6
unit = "EUR million"
when = "2027-01"
condition = "prev(year(revenue)) > 1e6"
status = "conditional"

[[funding]]
name = "bank"
kind = "loan"
amount = 4
unit = "EUR million"
when = "2026-07"
due = "2028-09"
interest = "7%"
covenant = "prev(cash, 100e6) > 1e6"

[[funding]]
name = "bond"
kind = "loan"
amount = 3
unit = "EUR million"
when = "2026-10"
due = "2028-12"
interest = "5%"
repaid = "evenly"

[[funding]]
name = "waits"
kind = "vendor"
contract = "spot"
part = 0.5
months = 6
interest = "3%"

[[funding]]
name = "shares"
kind = "shares"
contract = "racks"
part = 0.2

[[funding]]
name = "surety"
kind = "guarantee"
amount = 1
unit = "EUR million"
when = "2028-04"
condition = "prev(cash) < 100e6"

[[shock]]
name = "fewer"
driver = "users"
factor = 0.7
at = "2027-04"
until = "2028-04"

[[shock]]
name = "gone"
ends = "floor"
at = "2027-10"

[[scenario]]
name = "harder"
without = ["conditional"]
shocks = ["fewer", "gone"]
[scenario.driver.price]
value = 9
growth = "-3%"
"""
