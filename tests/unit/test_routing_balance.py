"""Who takes the next call, and where a conversation stays."""

from __future__ import annotations

import heapq
import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rechenwerk.routing.balance import BOUND, order, prefix_of
from rechenwerk.routing.health import Health

CHANCE = random.Random(0)


def server(name: str, outstanding: int = 0, pace: float = 0.0, *, own: bool = False) -> Health:
    health = Health(name, CHANCE, own=own)
    if pace:
        health.ended(0, health.started(0), ok=True, seconds=pace * 100, tokens=100)
    for _ in range(outstanding):
        health.started(0)
    return health


def servers(text: str) -> list[Health]:
    """Of ``outstanding x pace`` words; ``?`` is an unknown pace, ``-`` behind it one that takes no calls."""
    found = []
    for at, word in enumerate(text.split()):
        outstanding, pace = word.rstrip("-").split("x")
        found.append(server(f"s{at}", int(outstanding), 0.0 if pace == "?" else float(pace)))
        if word.endswith("-"):
            found[-1].breaker.rest(100.0 - at)
    return found


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ("0x1", [0]),
        ("0x1-", [0]),
        ("1x1 0x1", [1, 0]),
        ("0x1 0x2 0x0.5", [2, 0, 1]),
        ("3x1 0x3", [1, 0]),  # 4 against 3
        ("1x1 0x3", [0, 1]),  # 2 against 3
        ("0x1 0x?", [1, 0]),  # unknown is tried early,
        ("9x1 1x?", [0, 1]),  # but not flooded
        ("2x? 1x?", [1, 0]),
        ("0x1- 5x1 0x1-", [1, 2, 0]),  # last, by when they take calls again
        ("0x1- 0x1-", [1, 0]),
    ],
)
def test_order(candidates: str, expected: list[int]) -> None:
    assert order(servers(candidates), 0) == expected


def test_nobody() -> None:
    assert order([], 0) == []
    assert order([], 0, affinity=7) == []


def test_equals_take_turns_and_the_others_keep_their_places() -> None:
    found = servers("0x1 0x9 0x1.05 0x1.1 0x5")
    assert [order(found, 0, turn=turn) for turn in range(4)] == [
        [0, 2, 3, 4, 1],
        [2, 3, 0, 4, 1],
        [3, 0, 2, 4, 1],
        [0, 2, 3, 4, 1],
    ]


CANDIDATES = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from([0.0, 0.5, 1.0, 1.01, 7.0]),
        st.booleans(),
        st.sampled_from([0, 0, 9]),
    ),
    max_size=8,
)


@given(CANDIDATES, st.integers(0, 2**32 - 1), st.integers(0, 2**40))
def test_an_order_is_a_permutation(
    candidates: list[tuple[int, float, bool, int]], affinity: int, turn: int
) -> None:
    found = []
    for at, (outstanding, pace, own, rest) in enumerate(candidates):
        found.append(server(f"s{at}", outstanding, pace, own=own))
        found[-1].breaker.rest(rest)
    chosen = order(found, 1, affinity, turn)
    assert sorted(chosen) == list(range(len(found)))
    able = [found[at].breaker.allows(1) for at in chosen]
    assert able == sorted(able, reverse=True)


def simulate(speeds: list[float], load: float, calls: int, *, noise: float = 0.5) -> list[float]:
    """Shares of the calls when servers of eight places each get `load` of what they can do together."""
    chance = random.Random(1)
    healths = [Health(f"s{at}", chance) for at in range(len(speeds))]
    free = [[0.0] * 8 for _ in speeds]
    running: list[tuple[float, int, int, float, int]] = []
    served: Counter[int] = Counter()
    now = 0.0
    rate = load * sum(speeds) * 8 / 100  # of calls with 100 tokens each on average
    for turn in range(calls):
        now += chance.expovariate(rate)
        while running and running[0][0] <= now:
            ended, at, ticket, began, tokens = heapq.heappop(running)
            healths[at].ended(ended, ticket, ok=True, seconds=ended - began, tokens=tokens)
        at = order(healths, now, turn=turn)[0]
        served[at] += 1
        tokens = chance.randint(20, 180)
        place = heapq.heappop(free[at])
        ends = max(now, place) + tokens / speeds[at] * chance.uniform(1 - noise, 1 + noise)
        heapq.heappush(free[at], ends)
        heapq.heappush(running, (ends, at, healths[at].started(now), now, tokens))
    return [served[at] / calls for at in range(len(speeds))]


@pytest.mark.parametrize("load", [0.02, 0.3, 0.95])
def test_equals_share_evenly(load: float) -> None:
    for share in simulate([50.0] * 4, load, 8000):
        assert share == pytest.approx(0.25, rel=0.1)


def test_twice_as_fast_gets_about_twice_the_calls() -> None:
    slow, fast = simulate([50.0, 100.0], 0.95, 8000)
    assert 1.7 <= fast / slow <= 2.4


def test_a_newcomer_is_tried_with_one_call() -> None:
    found = servers("3x1 3x1 0x?")
    assert order(found, 0)[0] == 2
    found[2].started(0)
    assert {order(found, 0, turn=turn)[0] for turn in range(4)} == {0, 1}


# -- where a conversation stays -----------------------------------------------------------------------


def own(count: int) -> list[Health]:
    return [server(f"gpu-{at}", own=True, pace=1.0) for at in range(count)]


def prefixes(count: int) -> list[int]:
    return [prefix_of(b'{"messages":[{"role":"user","content":"%d"}]}' % at) for at in range(count)]


def test_a_conversation_stays_whatever_the_turn_and_however_many_servers_are_listed_before() -> None:
    found = own(5)
    for prefix in prefixes(50):
        home = found[order(found, 0, prefix)[0]]
        assert {found[order(found, 0, prefix, turn)[0]] for turn in range(5)} == {home}
        backwards = found[::-1]
        assert backwards[order(backwards, 0, prefix)[0]] is home


def test_every_process_and_every_release_agrees() -> None:
    found = own(4)
    assert prefixes(1) == [3304204689]
    assert [order(found, 0, prefix)[0] for prefix in prefixes(8)] == [3, 1, 1, 1, 2, 3, 3, 2]


def test_conversations_spread_evenly() -> None:
    found = own(4)
    homes = Counter(order(found, 0, prefix)[0] for prefix in prefixes(8000))
    for at in range(4):
        assert homes[at] / 8000 == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize("count", [1, 2, 4, 9])
def test_a_new_server_takes_its_share_and_moves_nothing_else(count: int) -> None:
    before, after = own(count), own(count + 1)
    moved = 0
    for prefix in prefixes(4000):
        first, then = order(before, 0, prefix)[0], order(after, 0, prefix)[0]
        assert then in {first, count}
        moved += then != first
    assert moved / 4000 == pytest.approx(1 / (count + 1), rel=0.15)


def test_a_broken_server_is_left_and_only_its_conversations_move() -> None:
    found = own(4)
    before = {prefix: order(found, 0, prefix)[0] for prefix in prefixes(400)}
    found[2].breaker.rest(10)
    for prefix, home in before.items():
        then = order(found, 0, prefix)[0]
        assert then != 2
        assert then == home or home == 2
    assert {prefix: order(found, 10, prefix)[0] for prefix in before} == before


def test_an_overloaded_server_is_passed_over() -> None:
    found = own(4)
    prefix = prefixes(1)[0]
    home = order(found, 0, prefix)[0]
    for health in found:
        for _ in range(8):
            health.started(0)
    while found[home].outstanding < BOUND * sum(one.outstanding for one in found) / 4 + 1:
        assert order(found, 0, prefix)[0] == home
        found[home].started(0)
    assert found[home].outstanding > 8
    assert order(found, 0, prefix)[0] != home


def test_what_takes_no_calls_is_no_part_of_the_mean() -> None:
    found = own(3)
    prefix = prefixes(1)[0]
    home = order(found, 0, prefix)[0]
    away = (home + 1) % 3
    found[away].breaker.rest(10)
    for _ in range(3):
        found[home].started(0)
    assert order(found, 0, prefix)[0] != home  # 3 of a mean of 1.5
    for _ in range(9):
        found[away].started(0)
    assert order(found, 0, prefix)[0] != home


def test_only_own_servers_keep_a_conversation_and_not_at_any_load() -> None:
    found = [server("cloud", pace=1.0), server("gpu", pace=5.0, own=True), server("other", pace=2.0)]
    assert order(found, 0, prefixes(1)[0]) == [1, 0, 2]
    assert order(found, 0) == [0, 2, 1]
    for _ in range(6):
        found[1].started(0)
    assert order(found, 0, prefixes(1)[0]) == [0, 2, 1]


# -- what tells a conversation ------------------------------------------------------------------------

TEXT = st.text(st.sampled_from('ab{}"\\ü ,:[]') | st.characters(exclude_categories=["Cs"]), max_size=40)
SAID = st.one_of(TEXT, st.sampled_from(['"user"', '{"role":"user"}', "x" * 3000]))
PARTS = SAID | SAID.map(lambda text: [{"type": "text", "text": text}])


def body(messages: list[dict[str, Any]], field: str = "messages", **more: Any) -> bytes:
    return json.dumps({"model": "m", **more, field: messages, "stream": True, "n": 1}).encode()


@given(SAID, PARTS, st.lists(PARTS, min_size=1, max_size=5), st.sampled_from(["messages", "input"]))
def test_a_conversation_keeps_its_prefix_while_it_grows(
    system: str, first: Any, later: list[Any], field: str
) -> None:
    talk = [{"role": "system", "content": system}, {"role": "user", "content": first}]
    prefix = prefix_of(body(talk, field))
    for at, said in enumerate(later):
        talk.append({"role": "user" if at % 2 else "assistant", "content": said})
        assert prefix_of(body(talk, field, temperature=at)) == prefix


def test_conversations_differ_by_their_system_and_by_their_first_words() -> None:
    found = {
        prefix_of(body([{"role": "system", "content": system}, {"role": "user", "content": user}]))
        for system in ("You are kind.", "You are blunt.", "long " * 1000)
        for user in ("Hello", "Hello!", "a" * 900, "a" * 899)
    }
    assert len(found) == 12


@given(st.binary(max_size=300) | st.sampled_from([b'{"prompt":"x"}', b'"user"', b'{"messages":"user"', b""]))
def test_any_bytes_have_a_prefix(some: bytes) -> None:
    assert 0 <= prefix_of(some) < 2**32
