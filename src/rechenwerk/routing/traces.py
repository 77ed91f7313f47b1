"""What was asked for, and when: request logs and clients' statistics, read from text.

Four forms, told apart by their first line:

    time,tenant,model,data_class,service,refusal,input,...   our own; time and one column of usage must be
    TIMESTAMP,ContextTokens,GeneratedTokens                  Azure's (Azure/AzurePublicDataset)
    {"timestamp": ..., "input_length": ..., ...}             Mooncake's (kvcache-ai/Mooncake), JSON lines
    category,model,client,t_s,rate_rps,cv,...                ServeGen's rates (alibaba/ServeGen)

The first three are calls; Mooncake's prefixes are not read: what a provider has cached is its own business.
ServeGen's are statistics, with lengths in a file beside: a stream is sampled from them, driven by real
clients but no replay of their calls.
"""

from __future__ import annotations

import csv
import difflib
import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from rechenwerk.base.errors import RechenwerkError
from rechenwerk.base.usage import BUCKETS
from rechenwerk.routing.ports import DEFAULT_CLASSES
from rechenwerk.routing.supply import CLASSES

Array = NDArray[np.float64]

INPUT, OUTPUT, REQUESTS = (BUCKETS.index(name) for name in ("input", "output", "requests"))
_WORDS = ("tenant", "model", "data_class", "service")
COLUMNS = ("time", *_WORDS, "refusal", *BUCKETS)
"""Columns of our own form."""
_AZURE = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
_RATES = ("client", "t_s", "rate_rps", "cv")
_LENGTHS = ("client", "window_start_s", "field", "mean", "p50")
_FIELDS: Mapping[str, int] = MappingProxyType({"input_tokens": 0, "output_tokens": 1})
_KNOWN = (
    "begin it with a header such as time,tenant,input,output; Azure's, Mooncake's and ServeGen's forms are"
    " known by theirs"
)


class TraceError(RechenwerkError):
    """A trace cannot be read.

    Args:
        line: 1-based; 0 where the whole file is meant.
        message: what is wrong.
        fix: what to do.
    """

    def __init__(self, line: int, message: str, fix: str) -> None:
        super().__init__(f"line {line}: {message}; {fix}")
        self.line, self.message, self.fix = line, message, fix


class Group(msgspec.Struct, frozen=True):
    """Calls that a trace does not tell apart but by their time and size; empty: it does not say.

    Attributes:
        refusal: currency per million weighted tokens that are refused; nan: it does not say.
    """

    tenant: str = ""
    model: str = ""
    data_class: str = ""
    service: str = ""
    refusal: float = math.nan


class Calls(msgspec.Struct, frozen=True):
    """Requests in order of time.

    Attributes:
        at: epoch seconds; counted from 0 where the trace knows no date.
        group: of each call, by position in `groups`.
        usage: call x bucket of `base.usage.BUCKETS`.
    """

    at: Array
    group: NDArray[np.int64]
    usage: Array
    groups: tuple[Group, ...]


class Clients(msgspec.Struct, frozen=True):
    """Statistics of clients.

    Attributes:
        names: as the file calls them.
        window: seconds in which a client's rate is constant.
        span: seconds in which its lengths are; a whole number of windows.
        rates: client x window: requests per second.
        spread: client x window: coefficient of variation of the gaps between requests, 0 where unknown.
        lengths: client x span x (input, output): mean tokens; nan where unknown.
        sigmas: the same: sigma of a lognormal of single lengths.
    """

    names: tuple[str, ...]
    window: float
    span: float
    rates: Array
    spread: Array
    lengths: Array
    sigmas: Array


def read(lines: Iterable[str], lengths: Iterable[str] | None = None) -> Calls | Clients:
    """Read a trace.

    Args:
        lines: of the trace.
        lengths: of the file that lies beside ServeGen's rates.

    Raises:
        TraceError: with the first line that is wrong.
    """
    rest = iter(lines)
    number, head = next(((at, line.strip()) for at, line in enumerate(rest, 1) if line.strip()), (1, ""))
    if not head:
        raise TraceError(1, "the trace is empty", _KNOWN)
    if head.startswith("{"):
        return _mooncake(_chain(head, rest), number)
    columns = [one.strip() for one in next(csv.reader([head]))]
    if set(_RATES) <= set(columns):
        if lengths is None:
            fix = "name the file with the token lengths beside it: --lengths FILE"
            raise TraceError(number, "these are rates without lengths of requests", fix)
        return _clients(_rows(rest, columns, number), columns, lengths)
    if set(_AZURE) <= set(columns):
        names = {"TIMESTAMP": "time", "ContextTokens": "input", "GeneratedTokens": "output"}
        return _calls(rest, [names.get(one, "") for one in columns], number)
    _check_columns(columns, number)
    return _calls(rest, columns, number)


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _check_columns(columns: Sequence[str], line: int) -> None:
    """Our own form: every column is known, stands once, and those that must be there are."""
    if "time" not in columns and not set(columns) & set(COLUMNS):
        raise TraceError(line, "this is no trace that is known", _KNOWN)
    for column in columns:
        if column not in COLUMNS:
            near = difflib.get_close_matches(column, COLUMNS, 1)
            fix = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(COLUMNS)}"
            raise TraceError(line, f"unknown column {column!r}", fix)
        if columns.count(column) > 1:
            raise TraceError(line, f"column {column!r} stands here twice", "remove one of them")
    if "time" not in columns:
        raise TraceError(
            line, "there is no column time", "add one: seconds, or ISO 8601 such as 2026-12-01T08:00:00Z"
        )
    if not set(columns) & set(BUCKETS):
        raise TraceError(line, "there is no column of usage", "add input and output: tokens of the call")


def _rows(rest: Iterator[str], columns: Sequence[str], number: int) -> Iterator[tuple[int, list[str]]]:
    """Rows with their lines; each has as many cells as the header."""
    reader = csv.reader(rest)
    for row in reader:
        if not row:
            continue
        line = number + reader.line_num
        if len(row) != len(columns):
            fix = f"write {len(columns)} cells, as the header has"
            raise TraceError(line, f"this row has {len(row)} cells", fix)
        yield line, row


def _number(text: str, column: str, line: int) -> float:
    """A cell that is a number, at least 0; an empty one is 0."""
    try:
        value = float(text) if text.strip() else 0.0
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise TraceError(line, f"{column} is {text[:40]!r}", "write a number that is not below 0")
    return value


def _moment(text: str, line: int) -> float:
    """Seconds, or ISO 8601; without a zone it is UTC."""
    try:
        return _finite(float(text))
    except ValueError:
        pass
    try:
        # Azure writes seven digits of a second, ISO's reader takes six.
        whole, dot, part = text.strip().partition(".")
        digits = len(part) - len(part.lstrip("0123456789"))
        read_ = datetime.fromisoformat(f"{whole}{dot}{part[: min(digits, 6)]}{part[digits:]}")
    except ValueError:
        fix = "write seconds, or ISO 8601 such as 2026-12-01T08:00:00Z"
        raise TraceError(line, f"{text[:40]!r} is no time", fix) from None
    return (read_ if read_.tzinfo else read_.replace(tzinfo=UTC)).timestamp()


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(value)
    return value


def _calls(rest: Iterator[str], columns: Sequence[str], number: int) -> Calls:
    """Our own form, and Azure's under our names; an unnamed column is not read."""
    place = {column: at for at, column in enumerate(columns) if column}
    at, group, usage = array("d"), array("q"), array("d")
    groups: dict[tuple[str, ...], int] = {}
    kinds: list[Group] = []
    words = [place[one] for one in (*_WORDS, "refusal") if one in place]
    buckets = [place.get(bucket, -1) for bucket in BUCKETS]
    for line, row in _rows(rest, columns, number):
        at.append(_moment(row[place["time"]], line))
        key = tuple(row[one].strip() for one in words)
        if key not in groups:
            groups[key] = len(kinds)
            kinds.append(_group({columns[one]: row[one].strip() for one in words}, line))
        group.append(groups[key])
        counts = [_number(row[one], columns[one], line) if one >= 0 else 0.0 for one in buckets]
        if "requests" not in place:
            counts[REQUESTS] = 1.0
        usage.extend(counts)
    return _sorted(at, group, usage, kinds)


def _group(cells: Mapping[str, str], line: int) -> Group:
    """What a row says about its call, checked."""
    for column, known in (("data_class", tuple(DEFAULT_CLASSES)), ("service", CLASSES)):
        if cells.get(column) and cells[column] not in known:
            fix = f"choose from {', '.join(known)}, or leave it empty"
            raise TraceError(line, f"unknown {column} {cells[column][:40]!r}", fix)
    refusal = cells.get("refusal", "")
    return Group(
        **{column: cells.get(column, "") for column in _WORDS},
        refusal=_number(refusal, "refusal", line) if refusal else math.nan,
    )


def _sorted(at: Sequence[float], group: Sequence[int], usage: Sequence[float], groups: list[Group]) -> Calls:
    if not len(at):
        raise TraceError(1, "the trace has a header and no call", "add rows below it")
    times = np.array(at)
    order = np.argsort(times, kind="stable")
    table = np.array(usage).reshape(len(times), len(BUCKETS))
    return Calls(times[order], np.array(group)[order], table[order], tuple(groups))


def _mooncake(lines: Iterator[str], number: int) -> Calls:
    """Milliseconds since the start, and tokens; prefixes are not looked at."""
    decode: Callable[[str], _Request] = msgspec.json.Decoder(_Request).decode
    at, usage = array("d"), array("d")
    for line, text in enumerate(lines, number):
        if not text.strip():
            continue
        try:
            found = decode(text)
        except msgspec.MsgspecError as error:
            fix = 'write {"timestamp": 0, "input_length": 100, "output_length": 20}, one on each line'
            raise TraceError(line, f"this is no request: {error}", fix) from None
        at.append(found.timestamp / 1000)
        counts = [0.0] * len(BUCKETS)
        counts[INPUT], counts[OUTPUT], counts[REQUESTS] = found.input_length, found.output_length, 1.0
        usage.extend(counts)
    return _sorted(at, array("q", [0]) * len(at), usage, [Group()])


class _Request(msgspec.Struct, frozen=True):
    timestamp: float
    input_length: float
    output_length: float

    def __post_init__(self) -> None:
        if min(self.timestamp, self.input_length, self.output_length) < 0:
            raise ValueError("a number is below 0")


def _clients(
    rows: Iterator[tuple[int, list[str]]], columns: Sequence[str], lengths: Iterable[str]
) -> Clients:
    """ServeGen's rates, with windows as wide as the rows stand apart, and lengths."""
    place = {column: at for at, column in enumerate(columns)}
    found: dict[str, list[tuple[float, float, float]]] = {}
    for line, row in rows:
        moment, rate, spread = (_number(row[place[one]], one, line) for one in _RATES[1:])
        found.setdefault(row[place["client"]], []).append((moment, rate, spread))
    if not found:
        raise TraceError(1, "the trace has a header and no row", "add rows below it")
    moments = np.unique([one[0] for series in found.values() for one in series])
    if len(moments) < 2:
        raise TraceError(2, "all rates are for one moment", "name a file with a longer stretch of time")
    window = float(np.diff(moments).min())
    count = int(moments[-1] // window) + 1
    names = tuple(sorted(found, key=lambda name: (len(name), name)))
    rates, spreads = np.zeros((len(names), count)), np.zeros((len(names), count))
    for at, name in enumerate(names):
        for moment, rate, spread in found[name]:
            rates[at, int(moment // window)] = rate
            spreads[at, int(moment // window)] = spread
    span, means, sigmas = _lengths(lengths, names, window, count)
    return Clients(names, window, span, rates, spreads, means, sigmas)


def _lengths(
    lines: Iterable[str], names: Sequence[str], window: float, count: int
) -> tuple[float, Array, Array]:
    """Seconds of a span, means and sigmas: sigma from mean over median, as a lognormal has it."""
    rest = iter(lines)
    columns = next(csv.reader([next(rest, "")]), [])
    if not set(_LENGTHS) <= set(columns):
        fix = f"its header names {', '.join(_LENGTHS)}"
        raise TraceError(1, "the file of lengths is none of ServeGen's", fix)
    place = {column: at for at, column in enumerate(columns)}
    order = {name: at for at, name in enumerate(names)}
    found: list[tuple[int, float, int, float, float]] = []
    for line, row in _rows(rest, columns, 1):
        field = _FIELDS.get(row[place["field"]])
        if field is None:
            continue
        begins, mean, median = (
            _number(row[place[one]], one, line) for one in ("window_start_s", "mean", "p50")
        )
        if row[place["client"]] in order:
            found.append((order[row[place["client"]]], begins, field, mean, median))
    starts = np.unique([one[1] for one in found])
    if not len(starts):
        raise TraceError(1, "no client of the rates has a length", "name the file that belongs to them")
    span = float(np.diff(starts).min()) if len(starts) > 1 else window * count
    span = window * max(1, round(span / window))
    shape = (len(names), math.ceil(window * count / span), 2)
    means, sigmas = np.full(shape, np.nan), np.full(shape, np.nan)
    for client, begins, field, mean, median in found:
        at = int(begins // span)
        if at < shape[1]:
            means[client, at, field] = mean
            ratio = max(mean / median, 1.0) if median > 0 else 1.0
            sigmas[client, at, field] = math.sqrt(2 * math.log(ratio))
    if np.isnan(means).all(axis=(0, 1)).any():
        raise TraceError(1, "there are no lengths of inputs, or none of outputs", "name a file that has both")
    return span, means, sigmas
