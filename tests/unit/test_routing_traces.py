"""Traces: the four forms, and every mistake in them with its line."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rechenwerk.base.usage import BUCKETS
from rechenwerk.routing.traces import Calls, Clients, Group, TraceError, read

RATES = "category,model,client,t_s,rate_rps,cv,dist,arg1,arg2\n"
LENGTHS = "category,model,client,window_start_s,field,mean,p50,p95,p99\n"


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def calls(text: str) -> Calls:
    found = read(lines(text))
    assert isinstance(found, Calls)
    return found


def test_our_own_form() -> None:
    found = calls(
        "time,tenant,model,data_class,service,refusal,input,cached_input,output\n"
        "60,b,m,confidential,critical,7.5,100,20,3\n"
        "0,a,m,,,,10,,1\n"
        "90,b,m,confidential,critical,7.5,1,0,1\n"
    )
    assert found.at.tolist() == [0, 60, 90]
    assert found.groups[int(found.group[1])] == Group("b", "m", "confidential", "critical", 7.5)
    assert found.group[1] == found.group[2] != found.group[0]
    assert math.isnan(found.groups[int(found.group[0])].refusal)
    assert found.usage[1].tolist() == [100, 20, 0, 3, 0, 0, 0, 1], BUCKETS


def test_times_are_seconds_or_dates() -> None:
    found = calls("time,input\n2026-12-01T00:00:00Z,1\n2026-12-01T01:00:00+01:00,1\n2026-12-01 00:00:01,1\n")
    assert found.at.tolist() == [1796083200, 1796083200, 1796083201]


def test_azure() -> None:
    found = calls("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n")
    assert found.at[0] == pytest.approx(1700158546.680590)
    assert found.usage[0].tolist() == [374, 0, 0, 44, 0, 0, 0, 1]


def test_mooncake() -> None:
    found = calls(
        '{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}\n\n'
        '{"timestamp": 27482, "input_length": 7322, "output_length": 490, "hash_ids": [0, 2]}\n'
    )
    assert found.at.tolist() == [0, 27.482]
    assert found.usage[:, 0].tolist() == [6758, 7322]


def test_servegen() -> None:
    rates = RATES + "l,m,7,0,2.0,1.5,G,1,1\nl,m,7,600,1.0,0.5,G,1,1\nl,m,11,600,3.0,1,G,1,1\n"
    lengths = (
        LENGTHS
        + "l,m,7,0,input_tokens,200,100,1,1\nl,m,7,0,output_tokens,50,50,1,1\n"
        + "l,m,99,0,input_tokens,1,1,1,1\nl,m,7,0,reason_tokens,1,1,1,1\n"
    )
    found = read(lines(rates), lines(lengths))
    assert isinstance(found, Clients)
    assert found.names == ("7", "11")
    assert found.rates.tolist() == [[2, 1], [0, 3]]
    assert found.lengths[0, 0].tolist() == [200, 50]
    assert found.sigmas[0, 0].tolist() == [pytest.approx(math.sqrt(2 * math.log(2))), 0]
    assert np.isnan(found.lengths[1]).all()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "the trace is empty"),
        ("a,b\n1,2\n", 1, "this is no trace that is known"),
        ("time,inptu\n", 1, "unknown column 'inptu'; did you mean 'input'?"),
        ("time,input,input\n", 1, "column 'input' stands here twice"),
        ("input,output\n1,2\n", 1, "there is no column time"),
        ("time,tenant\n1,a\n", 1, "there is no column of usage"),
        ("time,input\n", 1, "the trace has a header and no call"),
        ("time,input\n1\n", 2, "this row has 1 cells; write 2 cells"),
        ("time,input\n1,2\nsoon,2\n", 3, "'soon' is no time"),
        ("time,input\nnan,2\n", 2, "'nan' is no time"),
        ("time,input\n1,-2\n", 2, "input is '-2'; write a number that is not below 0"),
        ("time,input\n1,many\n", 2, "input is 'many'"),
        ("time,input,service\n1,2,urgent\n", 2, "unknown service 'urgent'; choose from critical"),
        ("time,input,data_class\n1,2,secret\n", 2, "unknown data_class 'secret'; choose from public"),
        ("time,input,refusal\n1,2,inf\n", 2, "refusal is 'inf'"),
        ('{"timestamp": 0}\n', 1, "this is no request"),
        ('{"timestamp": 0, "input_length": 1, "output_length": 1}\n{"timestamp": ', 2, "this is no request"),
        ('{"timestamp": 0, "input_length": -1, "output_length": 1}\n', 1, "this is no request"),
        (RATES + "l,m,7,0,2.0,1.5,G,1,1\n", 1, "these are rates without lengths of requests"),
    ],
)
def test_mistakes(text: str, line: int, message: str) -> None:
    with pytest.raises(TraceError) as found:
        read(lines(text))
    assert found.value.line == line
    assert str(found.value).startswith(f"line {line}: {message}")
    assert "; " in str(found.value)


@pytest.mark.parametrize(
    ("rates", "lengths", "message"),
    [
        ("l,m,7,0,2,1,G,1,1\n", "l,m,7,0,input_tokens,2,1,1,1\n", "all rates are for one moment"),
        ("", "", "the trace has a header and no row"),
        (
            "l,m,7,0,2,1,G,1,1\nl,m,7,600,2,1,G,1,1\n",
            "l,m,8,0,input_tokens,2,1,1,1\n",
            "no client of the rates has a length",
        ),
        (
            "l,m,7,0,2,1,G,1,1\nl,m,7,600,2,1,G,1,1\n",
            "l,m,7,0,input_tokens,2,1,1,1\n",
            "there are no lengths of inputs, or none of outputs",
        ),
    ],
)
def test_mistakes_in_statistics(rates: str, lengths: str, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        read(lines(RATES + rates), lines(LENGTHS + lengths))


def test_lengths_of_another_form() -> None:
    with pytest.raises(TraceError, match="the file of lengths is none of ServeGen's"):
        read(lines(RATES + "l,m,7,0,2,1,G,1,1\nl,m,7,600,2,1,G,1,1\n"), ["a,b\n"])
