"""What the adviser reads: usage, price sheets; and what it makes of them: demand to come."""

from __future__ import annotations

from fractions import Fraction

import pytest

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import NANO
from rechenwerk.contracts.curves import hold_total, intervals, today
from rechenwerk.contracts.demand import WEEK, Load, Outlook, gather, growth_factor, parse_usage, project
from rechenwerk.contracts.offers import Offer
from tests.unit.adviser_cases import MONDAY, SHEET, sheet, week

# Usage


def test_usage_of_several_models_is_one_load() -> None:
    text = (
        "hour,model,volume\n2026-01-01T00:00Z,a,1.5\n2026-01-01T00:00Z,b,2\n"
        "2026-01-01T03:00+01:00,a,4\n2026-01-01 23:00,a,0.000000001\n"
    )
    rows = parse_usage(text, "usage.csv")
    load = gather(rows, "usage.csv")
    assert load.volumes[:3] == (3_500_000_000, 0, 4 * NANO)
    assert load.volumes[23] == 1
    assert (len(load.volumes), load.missing) == (24, 21)
    assert gather(rows, "usage.csv", models=["a"]).volumes[0] == 1_500_000_000


def test_a_row_for_a_day_is_spread_evenly() -> None:
    load = gather(parse_usage("hour,volume\n2026-01-01,48\n2026-01-02,24.000000001\n", "u"), "u")
    assert (len(load.volumes), load.by_day) == (48, 2)
    assert set(load.volumes[:24]) == {2 * NANO}
    assert sum(load.volumes) == 72 * NANO + 1


def test_buckets_become_a_volume_by_the_weights_of_the_sheet() -> None:
    text = "hour,input,output\n2026-01-01T00:00Z,1000000,250000\n2026-01-01T23:00Z,,1\n"
    weights = {"input": Fraction(1, 10**6), "output": Fraction(4, 10**6)}
    load = gather(parse_usage(text, "u"), "u", weights)
    assert (load.volumes[0], load.volumes[23]) == (2 * NANO, 4_000)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "u.csv:1: there is no column 'hour'; begin with a line such as hour,volume"),
        ("hour\n", "u.csv:1: there is no column 'volume'; add it, or columns such as input,output"),
        ("hour,volume\n", "u.csv:1: there is no usage in it; add rows such as 2026-01-01T00:00Z,12.5"),
        ("hour,cost\n", "u.csv:1: unknown column 'cost'; choose from hour, volume, model,"),
        ("hour,hour,volume\n", "u.csv:1: column 'hour' stands twice; remove one"),
        ("hour,volume\n2026-01-01T00:00Z\n", "u.csv:2: 1 cells for 2 columns; mend the line"),
        ("hour,volume\n\nyesterday,1\n", "u.csv:3: 'yesterday' is not an hour; write it like"),
        ("hour,volume\n2026-01-01T00:30Z,1\n", "u.csv:2: '2026-01-01T00:30Z' is not a whole hour of UTC"),
        ("hour,volume\n2026-01-01T00:00Z,many\n", "u.csv:2: 'many' is not a volume; write a number"),
        ("hour,volume\n2026-01-01T00:00Z,nan\n", "u.csv:2: 'nan' is not a volume; write a number"),
        ("hour,volume\n2026-01-01T00:00Z,-1\n", "u.csv:2: the volume is below zero: -1; leave refunds"),
        ("hour,volume\n2026-01-01T00:00Z,\n", "u.csv:2: the row has no volume; write a number, 0 where"),
        ("hour,input\n2026-01-01T00:00Z,1.5\n", "u.csv:2: '1.5' is not a count of input; write a whole"),
        ("hour,input\n2026-01-01T00:00Z,1\n", "u.csv:2: the row has buckets and the price sheet no weights"),
        ("hour,volume\n2026-01-01T00:00Z,1\n", "u.csv:1: 1 hours are too few; give a day at least"),
        ("hour,volume\n2026-01-01,0\n", "u.csv:1: nothing was used in any hour; give hours with usage"),
        ("hour,volume\n2006-01-01,1\n2026-01-01,1\n", "u.csv:1: the hours lie more than ten years apart"),
        ('hour,volume\n"2026-01-01,1\n', "u.csv:2: "),
    ],
)
def test_wrong_usage_gets_one_line(text: str, line: str) -> None:
    with pytest.raises(RechenwerkError) as caught:
        gather(parse_usage(text, "u.csv"), "u.csv")
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_no_row_of_a_model_says_so() -> None:
    rows = parse_usage("hour,model,volume\n2026-01-01,a,1\n", "u.csv")
    with pytest.raises(RechenwerkError, match="no row is of b; mend models"):
        gather(rows, "u.csv", models=["b"])


# Price sheets


def test_the_same_price_can_be_said_in_three_ways() -> None:
    price = sheet().offers[0]
    (discount,) = sheet(**{'price = "0.5"': 'discount = "0.5"'}).offers
    (hold,) = sheet(**{'price = "0.5"': 'hold = "0.5"'}).offers
    assert price == discount
    months = project(week(1, 2), 12, Outlook())
    assert hold_total(price, months, Fraction(0)) == hold_total(hold, months, Fraction(0)) == 8760 * NANO // 2


@pytest.mark.parametrize(
    ("word", "by", "line"),
    [
        ('"EUR"', '"Euro"', "2: currency is not three capital letters; write currency"),
        ('unit = "unit"\n', "", "1: unit is missing; write unit ="),
        ('"1"', '"-1"', "4: on_demand is below zero; a price or share is never negative"),
        ('"1"', '"one"', "4: 'one' is not a number; write on_demand ="),
        ('"1"', "1.0", "4: on_demand is not a number in quotes; write"),
        ('"1"', '"0"', "4: on_demand is zero; nothing need be committed then"),
        ('"hour"', '"minute"', "7: unknown interval 'minute'; choose from hour, day, month"),
        ("= 12", "= 0", "8: term_months is not a whole number above 0; write term_months = 12"),
        ("= 12", "= 121", "8: 121 months are no term of whole hours; write whole intervals, at most 120"),
        ('"hour"\nterm_months = 12', '"year"\nterm_months = 18', "8: 18 months are no term of whole years"),
        ('price = "0.5"', 'price = "-0.5"', "9: price is below zero"),
        ('price = "0.5"', "", "5: the offer has no price; write one of hold (for a piece), price"),
        ('price = "0.5"', 'price = "1"\nhold = "1"', "9: hold and price say the same; write one of"),
        ('price = "0.5"', 'discount = "1.5"', "9: discount is above 1; write"),
        ('price = "0.5"', 'price = "1"\nhold_per = "month"', "10: hold_per goes with hold only"),
        ('price = "0.5"', 'hold = "1"\nhold_per = "week"', "10: unknown hold_per 'week'; choose from hour"),
        ('price = "0.5"', 'price = "1"\nuse = "2"', "10: use is above what the volume costs beyond"),
        ('price = "0.5"', 'price = "1"\nbeyond = "2"', "10: beyond is above on_demand; leave it out"),
        ('price = "0.5"', 'price = "1"\ncapacity = "0"', "10: capacity is zero; write what one piece"),
        ('price = "0.5"', 'price = "1"\nminimum = 5\nmost = 4', "11: most is below minimum; swap them"),
        ('price = "0.5"', 'prise = "0.5"', "9: unknown field 'prise'; did you mean 'price'?"),
        ("[[offer]]", "[[offers]]", "5: unknown field 'offers'; did you mean 'offer'?"),
        ("[[offer]]", '[demand]\ngrowth = "-1"\n[[offer]]', "6: growth is not a number above -1 in quotes"),
        ("[[offer]]", '[demand]\nseason = ["1"]\n[[offer]]', "6: season is not a list of twelve factors"),
        ("[[offer]]", '[demand]\nchance_lower = "0.8"\n[[offer]]', "6: the chances are more than 1; lower"),
        ("[[offer]]", '[weights]\ntoken = "1"\n[[offer]]', "6: unknown field 'token'; choose from input"),
        ("[[offer]]", "weights = 1\n[[offer]]", "5: weights is not a table; write [weights]"),
        ("[[offer]]", 'models = "a"\n[[offer]]', "5: models is not a list of names; write models"),
        ("[[offer]]", "[[offer]", "5: this is not TOML: "),
    ],
)
def test_a_wrong_price_sheet_gets_one_line(word: str, by: str, line: str) -> None:
    with pytest.raises(RechenwerkError) as caught:
        sheet(**{word: by})
    assert str(caught.value).startswith(f"prices.toml:{line}")
    assert "\n" not in str(caught.value)


def test_money_later_needs_to_be_settled_within_a_year() -> None:
    text = SHEET.replace('"hour"\nterm_months = 12', '"term"\nterm_months = 24')
    assert sheet(text).offers[0].term_months == 24
    with pytest.raises(RechenwerkError, match="toml:5: discount_rate needs commitments"):
        sheet(text.replace("[[offer]]", 'discount_rate = "0.05"\n[[offer]]'))


def test_offers_must_be_told_apart_and_end_together() -> None:
    second = SHEET[SHEET.index("[[offer]]") :]
    with pytest.raises(RechenwerkError, match="two offers are called 'year'"):
        sheet(SHEET + second)
    odd = second.replace('"year"', '"odd"').replace("= 12", "= 13")
    with pytest.raises(RechenwerkError, match="terms of 12, 13 months end together only after 156"):
        sheet(SHEET + odd)
    with pytest.raises(RechenwerkError, match="there is no offer"):
        sheet(SHEET[: SHEET.index("[[offer]]")])


# Projections


def test_the_last_weeks_go_on_with_their_weekdays() -> None:
    load = Load(MONDAY - 5, (7,) * 5 + tuple(range(WEEK)))  # five hours more than a week: not repeated
    (december,) = project(load, 1, Outlook())
    assert len(december) == 31 * 24
    assert december[0] == 24  # 2026-12-01 is a Tuesday
    assert december[13 * 24] == 0  # the 14th a Monday
    assert len(project(load, 4, Outlook())[2]) == 28 * 24


def test_growth_compounds_and_a_season_multiplies() -> None:
    load = week(10, 10)
    season = tuple(Fraction(2 if month == 7 else 1) for month in range(1, 13))
    months = project(load, 25, Outlook(Fraction(7, 10), Fraction(21, 100), season))
    assert months[0][0] == 7 * NANO
    assert months[12][0] == 8_470_000_000
    assert months[24][0] == pytest.approx(10.2487 * NANO, abs=2)
    assert months[7][0] == pytest.approx(2 * 7 * NANO * 1.21 ** (7 / 12), rel=1e-8)  # July
    assert growth_factor(Fraction(-19, 100), 6) == Fraction(9, 10)


def test_what_is_settled_over_longer_intervals_is_summed() -> None:
    months = project(week(1, 2), 12, Outlook())
    whole = sum(sum(month) for month in months)
    for interval, count in (
        ("hour", 8760),
        ("day", 365),
        ("month", 12),
        ("quarter", 4),
        ("year", 1),
        ("term", 1),
    ):
        found = intervals(months, interval)
        assert (len(found), sum(volume for volume, _ in found)) == (count, whole)
    assert intervals(months, "day")[0] == (36 * NANO, 0)


def test_money_later_is_worth_less() -> None:
    rate = Fraction(1, 10)
    assert today(Fraction(0), 30) == NANO
    assert today(rate, 11) == today(rate, 0) == 953_462_589  # 1.1 to the power of -1/2
    assert today(rate, 12) == 866_784_172  # of -3/2
    assert today(rate, 12, at_start=True) == 909_090_909
    offer = Offer("o", "hour", 24, NANO, Fraction(100), "term")
    months = project(week(1, 1), 24, Outlook())
    assert hold_total(offer, months, rate) == 100  # at the start, undiscounted
    assert hold_total(offer, months + months, Fraction(0)) == 200
