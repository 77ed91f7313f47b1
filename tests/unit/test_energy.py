"""What a call draws: joules per unit, times PUE; grams per kWh; rounded once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from rechenwerk.base.usage import Usage
from rechenwerk.contracts.energy import joules_at_full_load, meter

MEASURED = {"input": Fraction("0.05"), "output": Fraction("1.4")}


def test_a_call_draws_its_tokens_times_the_pue() -> None:
    read = meter(MEASURED, Decimal("1.25"), Decimal(400)).read
    # 3,600 tokens in at 0.05 J are 180 J, 1,800 out at 1.4 J are 2,520 J: 2,700 J x 1.25 / 3,600 = 0.9375 Wh
    assert read(Usage(input=3600, output=1800)) == (937_500, 375_000)
    # what is cached is read like input, what is thought like output
    assert read(Usage(cached_input=3600, reasoning=1800)) == (937_500, 375_000)
    assert read(Usage(requests=0)) == (0, 0)


def test_a_single_token_is_rounded_once_to_even() -> None:
    read = meter({"input": Fraction("0.0018")}, Decimal(1), Decimal(1000)).read
    assert read(Usage(input=1)) == (0, 0)  # half a microwatt-hour, half a microgram
    assert read(Usage(input=3)) == (2, 2)
    assert read(Usage(input=1_000_000)) == (500_000, 500_000)


def test_pieces_draw_where_it_is_said() -> None:
    read = meter({"images": Fraction(3600), "requests": Fraction(36)}, Decimal(1), Decimal(0)).read
    assert read(Usage(images=2, requests=1)) == (2_010_000, 0)


def test_a_machine_of_its_own_draws_at_full_load() -> None:
    # 3 kW take 60,000 weighted tokens a minute: 180 kJ for 60,000, so 3 J for each, and an output weighs four
    joules = joules_at_full_load(Decimal(3), Decimal(60_000), {"input": Decimal(1), "output": Decimal(4)})
    assert joules == {"input": 3, "output": 12}
    assert joules_at_full_load(Decimal(3), Decimal(60_000), {}) == {"input": 3, "output": 3}
    read = meter(joules, Decimal(1), Decimal(100)).read
    assert read(Usage(input=12_000, output=3_000)) == (20_000_000, 2_000_000)  # 20 Wh, a third of a minute
