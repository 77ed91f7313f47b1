"""The adviser's answer as it is shown: text for every number, and the recommendation in words. Pure."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from rechenwerk.base.money import NANO, divide_half_even
from rechenwerk.contracts.adviser import Advice, Combination, OfferAdvice
from rechenwerk.contracts.demand import Load
from rechenwerk.contracts.ladder import Ladder
from rechenwerk.contracts.offers import Offer, Sheet


def decimal(value: Fraction, places: int) -> str:
    """A number to some places, rounded half-even: ``1234.50``."""
    scaled = divide_half_even(value.numerator * 10**places, value.denominator)
    sign, digits = "-" if scaled < 0 else "", str(abs(scaled)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def amount(nano: Fraction) -> str:
    """Nano-units as whole units with cents."""
    return decimal(nano / NANO, 2)


def volume(billionths: int) -> str:
    """A volume as people write it: at most three decimals."""
    text = decimal(Fraction(billionths, NANO), 3)
    return text.rstrip("0").rstrip(".")


def percent(share: Fraction | str | None) -> str:
    """A share, or its decimal text, as ``84.2 %``; nothing for None."""
    return "" if share is None else f"{decimal(Fraction(share) * 100, 1)} %"


def grouped(text: str) -> str:
    """``1234567.50`` as ``1,234,567.50``."""
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}{point}{rest}" if not whole.startswith("-0") else text


def view(sheet: Sheet, load: Load, advice: Advice) -> dict[str, Any]:
    """Everything that was found, for JSON; amounts of money and volumes are text."""
    year, month = advice.starts
    together = advice.combination
    return {
        "currency": sheet.currency,
        "unit": sheet.unit,
        "history_hours": len(load.volumes),
        "missing_hours": load.missing,
        "rows_by_day": load.by_day,
        "starts": f"{year:04d}-{month:02d}",
        "horizon_months": advice.horizon,
        "on_demand": amount(advice.on_demand),
        "offers": [_offer(one) for one in advice.offers],
        "combination": together
        and {
            "parts": [
                {"offer": part.offer, "pieces": part.pieces, "level": volume(part.level)}
                for part in together.parts
            ],
            "cost": amount(together.cost),
            "on_demand": amount(together.on_demand),
            "saving": amount(together.on_demand - together.cost),
            "regret_if_30_percent_lower": amount(together.regret_lower),
            "regret_if_30_percent_higher": amount(together.regret_higher),
            "worst_case": amount(together.sunk),
            "gap_to_bound": None if together.gap is None else amount(together.gap),
            "expected": amount(together.expected),
        },
        "recommended": advice.recommended or None,
        "ladders": [_ladder(one) for one in advice.ladders],
        "words": words(sheet, load, advice),
    }


def _offer(one: OfferAdvice) -> dict[str, Any]:
    return {
        "offer": one.offer.name,
        "interval": one.offer.interval,
        "term_months": one.offer.term_months,
        "pieces": one.pieces,
        "level": volume(one.level),
        "break_even": None if one.break_even is None else decimal(one.break_even, 4),
        "used": None if one.used is None else decimal(one.used, 4),
        "on_demand": amount(one.on_demand),
        "cost": amount(one.cost),
        "saving": amount(one.saving),
        "cost_if_30_percent_lower": amount(one.lower),
        "cost_if_30_percent_higher": amount(one.higher),
        "regret_if_30_percent_lower": amount(one.regret_lower),
        "regret_if_30_percent_higher": amount(one.regret_higher),
        "pieces_if_30_percent_lower": one.pieces_lower,
        "worst_case": amount(one.sunk),
        "cautious_pieces": one.cautious,
        "expected": amount(one.expected),
    }


def _ladder(ladder: Ladder) -> dict[str, Any]:
    return {
        "offer": ladder.offer,
        "every_months": ladder.every,
        "rungs": [
            {"buy_in_month": rung.buy, "expires_in_month": rung.expires, "pieces": rung.pieces}
            for rung in ladder.rungs
        ],
        "if_demand_falls": [
            {"month": one.month, "wanted": one.wanted, "committed": one.committed, "over": one.over}
            for one in ladder.renewals
        ],
        "follows": ladder.follows,
        "bridge": ladder.costs and ladder.costs.bridge,
        "pays": ladder.costs and ladder.costs.pays,
        "building": ladder.costs and amount(ladder.costs.building),
        "regret": ladder.costs and amount(ladder.costs.regret),
        "block_regret": ladder.costs and amount(ladder.costs.block_regret),
    }


def pieces(offer: Offer, count: int) -> str:
    """``15 pieces of 'PTU, one year'``."""
    return f"{count} {'piece' if count == 1 else 'pieces'} of {offer.name!r}"


def words(sheet: Sheet, load: Load, advice: Advice) -> list[str]:
    """The recommendation, and the numbers behind it, a sentence or two each."""
    said = _recommended(sheet, advice)
    for ladder in advice.ladders:
        said += _staggered(sheet, ladder)
    said += _warnings(load, advice)
    return said


def _money(sheet: Sheet, nano: Fraction) -> str:
    return f"{grouped(amount(nano))} {sheet.currency}"


def _recommended(sheet: Sheet, advice: Advice) -> list[str]:
    chosen = advice.offer(advice.recommended)
    if chosen is not None:
        return _one(sheet, chosen)
    if advice.recommended and advice.combination is not None:
        return _several(sheet, advice.combination, advice.horizon)
    return ["Buy nothing: at this demand every offer costs as much as on demand, or more."]


def _several(sheet: Sheet, together: Combination, months: int) -> list[str]:
    parts = " and ".join(f"{part.pieces} of {part.offer!r}" for part in together.parts)
    saving, on_demand = _money(sheet, together.on_demand - together.cost), _money(sheet, together.on_demand)
    lower, sunk = _money(sheet, together.regret_lower), _money(sheet, together.sunk)
    higher = _money(sheet, together.regret_higher)
    return [
        f"Buy together {parts}. Over {months} months they save {saving} of {on_demand} on demand.",
        f"If demand is 30 % lower, they cost {lower} more than what would have been best then.",
        f"If it is 30 % higher, {higher} more could have been saved. If nothing is used, {sunk} are lost.",
    ]


def _one(sheet: Sheet, chosen: OfferAdvice) -> list[str]:
    offer = chosen.offer
    term = f"{offer.term_months} month" + ("s" if offer.term_months > 1 else "")
    level = f"{grouped(volume(chosen.level))} {sheet.unit} per {offer.interval}"
    saving, on_demand = _money(sheet, chosen.saving), _money(sheet, chosen.on_demand)
    lower, sunk = _money(sheet, chosen.regret_lower), _money(sheet, chosen.sunk)
    higher = _money(sheet, chosen.regret_higher)
    need, used = percent(chosen.break_even), percent(chosen.used)
    said = [
        f"Buy {pieces(offer, chosen.pieces)} for {term}: {level}.",
        f"Over the term it saves {saving} of {on_demand} on demand.",
        f"A piece pays if at least {need} of it is used; of all of them {used} will be.",
        f"If demand is 30 % lower, it costs {lower} more than {chosen.pieces_lower}, the best then.",
        f"If it is 30 % higher, {higher} more could have been saved. If nothing is used, {sunk} are lost.",
    ]
    if chosen.cautious != chosen.pieces:
        said.append(f"Who wants the least regret, whichever comes, buys {chosen.cautious}.")
    return said


def _staggered(sheet: Sheet, ladder: Ladder) -> list[str]:
    sizes = ", ".join(str(rung.pieces) for rung in ladder.rungs)
    months = "every month" if ladder.every == 1 else f"every {ladder.every} months"
    path = "so it can follow demand down even if that falls by 30 % in a year"
    if not ladder.follows:
        late = max(one.over for one in ladder.renewals)
        path = f"too slow for a fall of 30 % in a year: up to {late} pieces stay bound too long"
    said = [
        f"Stagger {ladder.offer!r}: {sizes} pieces, one part {months}, each for the whole term.",
        f"From then on one part ends {months}, {path}.",
    ]
    if ladder.costs is not None:
        regret, block = _money(sheet, ladder.costs.regret), _money(sheet, ladder.costs.block_regret)
        building = ladder.costs.building
        until = f", with {ladder.costs.bridge!r} until then" if ladder.costs.bridge else ""
        more = "more" if building >= 0 else "less"
        said += [
            f"On such a fall the ladder costs {regret} above the best at every moment, one block {block}.",
            f"Building it up costs {_money(sheet, abs(building))} {more} than to buy all at once{until}.",
        ]
        if not ladder.costs.pays:
            said.append("That is more than one such fall costs: buy now, and stagger when the term ends.")
    return said


def _warnings(load: Load, advice: Advice) -> list[str]:
    said = []
    hours = len(load.volumes)
    if hours < 28 * 24:
        said.append(f"{hours} hours of history are few: four weeks at least show weekends and month ends.")
    elif hours < 364 * 24 and advice.horizon >= 12:
        said.append(
            "The history is shorter than a year, so it shows no season: give [demand] season if there is one."
        )
    if load.missing:
        said.append(f"{load.missing} hours have no row; they count as nothing used.")
    if load.by_day:
        said.append(
            f"{load.by_day} rows speak of whole days, spread evenly here: hourly commitments look better than"
            " they are."
        )
    return said
