"""Reads providers' bills.

Formats:
    OpenAI Costs and Usage API, as answered or as pages in a list
        (https://platform.openai.com/docs/api-reference/usage).
    Anthropic Cost and Usage Report, likewise
        (https://platform.claude.com/docs/en/api/admin/cost_report): amounts are in cents there.
    FOCUS 1.0 to 1.4 Cost and Usage, CSV (https://focus.finops.org).
    CSV with columns of one's own: date (or from and to), model, amount, currency, and counts: input, ...

Of FOCUS, use that a commitment covers has a BilledCost of zero and an EffectiveCost, and what is not used a
row of its own with the CommitmentDiscountStatus Unused (https://focus.finops.org/focus-specification/v1-2/).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.money import parse_decimal
from rechenwerk.base.usage import BUCKETS, Usage
from rechenwerk.contracts.bills import Bill, BillLine, LineKind

_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "date": (
            "date",
            "day",
            "usage_date",
            "usage_date_utc",
            "start_time",
            "timestamp",
            "from",
            "start_date",
            "period_start",
            "first_day",
        ),
        "until": ("to", "until", "end_date", "period_end", "last_day", "end_time"),
        "model": ("model", "model_name", "model_version", "sku"),
        "amount": ("amount", "cost", "cost_usd", "cost_eur", "total", "net", "amount_value"),
        "currency": ("currency", "billing_currency", "amount_currency"),
        "kind": ("kind",),
        "description": ("description", "line_item"),
        "input": (
            "input",
            "input_tokens",
            "uncached_input_tokens",
            "prompt_tokens",
            "usage_input_tokens_no_cache",
        ),
        "cached_input": (
            "cached_input",
            "cached_input_tokens",
            "input_cached_tokens",
            "cache_read_input_tokens",
        ),
        "cache_write": ("cache_write", "cache_creation_input_tokens", "cache_write_tokens"),
        "output": ("output", "output_tokens", "completion_tokens"),
        "reasoning": ("reasoning", "reasoning_tokens"),
        "images": ("images",),
        "seconds": ("seconds",),
        "requests": ("requests", "num_model_requests", "num_requests"),
    }
)
"""Column of a CSV -> the names it goes by, lower case, blanks as underscores."""

_FOCUS_MODEL = ("x_Model", "x_ModelName", "SkuMeter", "ResourceName", "SkuId", "ChargeDescription")
_FOCUS_KINDS: Mapping[str, LineKind] = MappingProxyType(
    {"Usage": "usage", "Purchase": "fee", "Tax": "tax", "Credit": "fee", "Adjustment": "fee"}
)
_CENTS = 100


def read_bill(text: str) -> Bill:
    """A bill from the text of its file; the format is seen from what stands in it.

    Raises:
        RechenwerkError: no format that is known, or a line that cannot be read; says which and why.
    """
    text = text.removeprefix("\ufeff")
    head = text.lstrip()[:1]
    if head in ("{", "["):
        return _read_json(text)
    if not head:
        raise RechenwerkError("the file is empty; export the bill again")
    delimiter = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns = reader.fieldnames or ()
    if "BilledCost" in columns and "ChargePeriodStart" in columns:
        return _bill("FOCUS", _focus(reader))
    return _bill("CSV", _own(reader, columns))


def _bill(name: str, lines: Iterator[tuple[str, BillLine]]) -> Bill:
    """Puts lines with their currencies together; all in one currency."""
    kept: list[BillLine] = []
    currency, first = "", ""
    for said, line in lines:
        if line.amount is not None:
            if not said:
                raise RechenwerkError(
                    f"{line.place}: an amount without a currency; add the column 'currency'"
                )
            if currency and said != currency:
                raise RechenwerkError(
                    f"{line.place}: {said} beside {currency} ({first}); split the bill by currency"
                )
            currency, first = said, first or line.place
        kept.append(line)
    if not kept:
        raise RechenwerkError("the file has no line; export the bill again for a period with use")
    return Bill(name, currency, tuple(kept))


# CSV


def _focus(reader: csv.DictReader[str]) -> Iterator[tuple[str, BillLine]]:
    """Use that a commitment covers costs nothing when it is used: it is read at what it costs effectively.

    What was bought and not used, or paid for later, is the commitment's fee then: the sum is what is billed.
    """
    rests: dict[str, _Rest] = {}
    for row in reader:
        place = f"line {reader.line_num}"
        category = row.get("ChargeCategory") or "Usage"
        kind = _FOCUS_KINDS.get(category)
        if kind is None:
            known = ", ".join(_FOCUS_KINDS)
            raise RechenwerkError(f"{place}: ChargeCategory {category!r} is none of {known}")
        model = next((row[name] for name in _FOCUS_MODEL if row.get(name)), "")
        currency = (row.get("BillingCurrency") or "").strip().upper()
        amount = _number(row["BilledCost"], place, "BilledCost")
        day = _day(row["ChargePeriodStart"], place, "ChargePeriodStart")
        commitment = row.get("CommitmentDiscountId") or ""
        if commitment and category in ("Usage", "Purchase"):
            said = row.get("ChargeDescription") or f"commitment {commitment}"
            rest = rests.setdefault(commitment, _Rest(place, currency, day, said))
            used = category == "Usage" and row.get("CommitmentDiscountStatus") != "Unused"
            effective = _number(row.get("EffectiveCost") or row["BilledCost"], place, "EffectiveCost")
            rest.amount += amount - (effective if used else 0)
            rest.tells = rest.tells or category == "Usage"
            if not used:
                continue
            amount = effective
        yield (
            currency,
            BillLine(
                place,
                day,
                model if kind == "usage" else "",
                amount,
                None,
                kind,
                row.get("ChargeDescription") or "",
                _until(day, row.get("ChargePeriodEnd") or "", place, "ChargePeriodEnd"),
            ),
        )
    for name, rest in rests.items():
        if rest.amount:
            text = f"commitment {name}: not used, or paid for later" if rest.tells else rest.said
            yield (
                rest.currency,
                BillLine(rest.place, rest.day, "", rest.amount, None, "fee", text),
            )


class _Rest:
    """What a commitment is billed beyond the use that it covers."""

    def __init__(self, place: str, currency: str, day: date, said: str) -> None:
        self.place, self.currency, self.day, self.said = place, currency, day, said
        self.amount = Fraction(0)
        self.tells = False


def _own(reader: csv.DictReader[str], columns: Sequence[str]) -> Iterator[tuple[str, BillLine]]:
    found = _columns(columns)
    buckets = [bucket for bucket in BUCKETS if bucket in found]
    if "date" not in found or "model" not in found or not (buckets or "amount" in found):
        raise RechenwerkError(
            "line 1: this is no bill that is known. A CSV needs the columns 'date', 'model' and 'amount' with"
            " 'currency', or counts ('input', 'output', ...); FOCUS has BilledCost and ChargePeriodStart"
        )
    for row in reader:
        place = f"line {reader.line_num}"
        if None in row or None in row.values():
            raise RechenwerkError(
                f"{place}: {len(columns)} columns are named above, and not so many stand here"
            )
        if not any(row.values()):
            continue
        text = {name: (row[column] or "").strip() for name, column in found.items()}
        kind: LineKind = (
            "fee" if text.get("kind") == "fee" else "tax" if text.get("kind") == "tax" else "usage"
        )
        counts = {bucket: _count(text[bucket], place, bucket) for bucket in buckets}
        amount = _number(text["amount"], place, found["amount"]) if text.get("amount") else None
        if amount is None and not buckets:
            raise RechenwerkError(
                f"{place}: {found['amount']} is empty; write the amount, 0 where nothing is owed"
            )
        day = _day(text["date"], place, found["date"])
        yield (
            text.get("currency", "").upper() or _currency_of(found.get("amount", "")),
            BillLine(
                place,
                day,
                text["model"] if kind == "usage" else "",
                amount,
                Usage(**({"requests": 0} | counts)) if buckets else None,
                kind,
                text.get("description", ""),
                _until(day, text.get("until", ""), place, found.get("until", ""), days=True),
            ),
        )


def _columns(columns: Sequence[str]) -> dict[str, str]:
    """Our name of a column -> the file's."""
    plain = {column.strip().casefold().replace(" ", "_"): column for column in columns if column}
    found = {}
    for ours, names in _NAMES.items():
        theirs = next((plain[name] for name in names if name in plain), None)
        if theirs is not None:
            found[ours] = theirs
    return found


def _currency_of(column: str) -> str:
    """``cost_usd`` says it in its name."""
    tail = column.strip().rpartition("_")[2].upper()
    return tail if len(tail) == 3 and column.strip().casefold() in {"cost_usd", "cost_eur"} else ""


# JSON


def _read_json(text: str) -> Bill:
    try:
        found = json.loads(text, parse_float=_Exact, parse_constant=_Exact)
    except ValueError as error:
        raise RechenwerkError(f"this is no JSON: {error}") from None
    pages = found if isinstance(found, list) else [found]
    lines = []
    names: set[str] = set()
    for number, page in enumerate(pages):
        where = f"[{number}]." if isinstance(found, list) else ""
        for place, bucket, result in _results(page, where):
            name, line = _result(place, bucket, result)
            names.add(name)
            lines.append(line)
    if len(names) > 1:
        raise RechenwerkError(f"{' and '.join(sorted(names))} in one file; read them one by one")
    return _bill(names.pop() if names else "JSON", iter(lines))


class _Exact(str):
    """A number of a JSON file as it is written: a float would round it."""

    __slots__ = ()


def _results(page: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    buckets = page.get("data") if isinstance(page, dict) else None
    if not isinstance(buckets, list):
        raise RechenwerkError(f"{where}data: this is no bill that is known; it needs a list of days there")
    for number, bucket in enumerate(buckets):
        results = bucket.get("results", bucket.get("result")) if isinstance(bucket, dict) else None
        if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
            raise RechenwerkError(f"{where}data[{number}].results: a list is needed there")
        for at, result in enumerate(results):
            yield f"{where}data[{number}].results[{at}]", bucket, result


def _result(
    place: str, bucket: Mapping[str, Any], result: Mapping[str, Any]
) -> tuple[str, tuple[str, BillLine]]:
    if "starting_at" in bucket:
        day = _day(str(bucket["starting_at"]), place, "starting_at")
        if "amount" in result:
            return "Anthropic cost report", _anthropic_cost(place, day, result)
        return "Anthropic usage report", ("", _anthropic_usage(place, day, result))
    if isinstance(bucket.get("start_time"), int):
        day = datetime.fromtimestamp(bucket["start_time"], UTC).date()
        if "amount" in result:
            return "OpenAI costs", _openai_cost(place, day, result)
        return "OpenAI usage", ("", _openai_usage(place, day, result))
    raise RechenwerkError(f"{place}: neither starting_at nor start_time says which day this is of")


def _openai_cost(place: str, day: date, result: Mapping[str, Any]) -> tuple[str, BillLine]:
    amount = result["amount"]
    if not isinstance(amount, dict) or "value" not in amount:
        raise RechenwerkError(f"{place}.amount: value and currency are needed there")
    item = result.get("line_item") or ""
    if not item:
        raise RechenwerkError(f"{place}.line_item is empty; export the costs grouped by line_item")
    line = BillLine(
        place, day, str(item), _number(str(amount["value"]), place, "amount"), None, "usage", str(item)
    )
    return str(amount.get("currency") or "").upper(), line


def _openai_usage(place: str, day: date, result: Mapping[str, Any]) -> BillLine:
    """Its `input_tokens` contain the cached ones; ours do not."""
    cached = _whole(result, "input_cached_tokens", place)
    whole = _whole(result, "input_tokens", place)
    if cached > whole:
        raise RechenwerkError(f"{place}: more input_cached_tokens ({cached}) than input_tokens ({whole})")
    usage = Usage(
        input=whole - cached,
        cached_input=cached,
        output=_whole(result, "output_tokens", place),
        images=_whole(result, "images", place),
        seconds=_whole(result, "seconds", place),
        requests=_whole(result, "num_model_requests", place),
    )
    return BillLine(place, day, _model(result, place), None, usage)


def _anthropic_cost(place: str, day: date, result: Mapping[str, Any]) -> tuple[str, BillLine]:
    amount = _number(str(result["amount"]), place, "amount") / _CENTS
    said = str(result.get("model") or result.get("description") or "")
    if not said:
        raise RechenwerkError(f"{place}: neither model nor description; export it grouped by description")
    line = BillLine(place, day, said, amount, None, "usage", str(result.get("description") or ""))
    return str(result.get("currency") or "").upper(), line


def _anthropic_usage(place: str, day: date, result: Mapping[str, Any]) -> BillLine:
    written = result.get("cache_creation")
    writes = written if isinstance(written, dict) else {}
    usage = Usage(
        input=_whole(result, "uncached_input_tokens", place),
        cached_input=_whole(result, "cache_read_input_tokens", place),
        cache_write=sum(_whole(writes, name, place) for name in writes),
        output=_whole(result, "output_tokens", place),
        requests=0,
    )
    return BillLine(place, day, _model(result, place), None, usage)


def _model(result: Mapping[str, Any], place: str) -> str:
    if not result.get("model"):
        raise RechenwerkError(f"{place}.model is empty; export the usage grouped by model")
    return str(result["model"])


# values


def _day(text: str, place: str, column: str) -> date:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RechenwerkError(f"{place}: {column} {text!r} is no day; write 2026-03-31") from None
    return (at.astimezone(UTC) if at.tzinfo is not None else at).date()


def _until(day: date, text: str, place: str, column: str, *, days: bool = False) -> date | None:
    """The last day of several; None where it is one.

    The end of a charge period is the first moment after it; `days`: a day alone is the last one.
    """
    if not text.strip():
        return None
    last = _day(text, place, column)
    if not (days and len(text.strip()) <= len("2026-03-31")):
        at = datetime.fromisoformat(text.strip())
        at = (at.astimezone(UTC) if at.tzinfo is not None else at) - timedelta(microseconds=1)
        last = max(at.date(), day) if last >= day else at.date()
    if last < day:
        raise RechenwerkError(f"{place}: {column} {text!r} is before {day}; write the end of the period")
    return last if last > day else None


def _number(text: str, place: str, column: str) -> Fraction:
    try:
        return parse_decimal(text.strip())
    except RechenwerkError as error:
        raise RechenwerkError(f"{place}: {column}: {error}") from None


def _count(text: str, place: str, column: str) -> int:
    if not text:
        return 0
    value = _number(text, place, column)
    if value.denominator != 1 or value < 0:
        raise RechenwerkError(f"{place}: {column} {text!r} is no count; write a whole number")
    return value.numerator


def _whole(result: Mapping[str, Any], name: str, place: str) -> int:
    value = result.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RechenwerkError(f"{place}.{name} {value!r} is no count")
    return value
