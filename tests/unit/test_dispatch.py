"""Where a call goes and what is counted of it, before, while and after it runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from rechenwerk.gateway.call import NOTHING
from rechenwerk.gateway.speech import decision_line
from rechenwerk.routing.plan import Plan as Route
from tests.unit.switchyard import EACH, INPUT, World, Yard, limit, table, used, yard

THREE = """
    bought provisioned 0.00
    cheap  on-demand   1.00
    dear   on-demand   3.00
    """
SPENT = used(100, 40)


def scene(text: str | World, play: Callable[[Yard], Any]) -> None:
    """Play something that needs a loop."""

    async def go() -> None:
        with yard(text if isinstance(text, World) else table(text)) as here:
            found = play(here)
            if found is not None:
                await found

    asyncio.run(go())


def test_without_a_plan_the_list_decides() -> None:
    def play(here: Yard) -> None:
        call = here.call()
        here.dispatch.arrived(call)
        assert here.ids(call) == [1, 2, 3]
        assert here.dispatch.frees_in(call)[:2] == (1.0, 1.0)

    scene(THREE, play)


def test_a_plan_decides_and_its_amounts_are_followed_in_proportion() -> None:
    async def play(here: Yard) -> None:
        await here.follow(here.route({2: 3e9, 3: 1e9}, prices={1: 9.0, 2: 1.0, 3: 2.0}))
        went = []
        for _ in range(40):
            call = here.send()
            assert call.placed is not None
            went.append(call.placed.deployment.id)
            here.dispatch.ended(call, SPENT)
        assert (went.count(2), went.count(3), went.count(1)) == (30, 10, 0)
        assert all(4 - went[at : at + 4].count(2) == 1 for at in range(0, 40, 4)), "spread, not in lumps"

    scene(THREE, play)


def test_twins_are_balanced_by_health_wherever_the_plan_puts_them() -> None:
    async def play(here: Yard) -> None:
        await here.follow(here.route(prices={1: 1.0, 3: 2.0}))
        for _ in range(5):
            health = here.plan().steps[0].health
            health.ended(here.clock.at, health.started(here.clock.at), ok=False, seconds=0.1)
        running = [here.send() for _ in range(3)]
        assert [call.placed.deployment.id for call in running if call.placed is not None] == [2, 2, 2]
        here.dispatch.arrived(call := here.call())
        assert here.ids(call)[0] == 2
        assert here.ids(call)[-1] == 3, "the dear one is the last"

    scene("one on-demand 1.00\ntwo on-demand 1.00\ndear on-demand 3.00", play)


def test_estimates_are_corrected_at_the_end() -> None:
    async def play(here: Yard) -> None:
        await here.follow(here.route(limits=[limit("bought", [1], 250, here.clock)]))
        first, second = here.send(), here.send()
        assert here.used(1)[0] == 200
        third = here.send()
        assert third.placed is not None, "50 are left: one call may go a little over"
        assert here.send().placed.deployment.id == 2  # type: ignore[union-attr]
        here.dispatch.ended(first, used(10, 1))
        assert here.used(1)[0] == 210
        assert here.send().placed.deployment.id == 1  # type: ignore[union-attr]
        here.dispatch.ended(second, used(500, 1))
        assert here.send().placed.deployment.id == 2  # type: ignore[union-attr]

    scene(THREE, play)


def test_what_came_to_nothing_gives_back_what_was_counted() -> None:
    async def play(here: Yard) -> None:
        await here.follow(here.route(limits=[limit("bought", [1], 250, here.clock)]))
        call = here.send()
        mean = call.stream.mean
        steps = here.plan().steps
        here.dispatch.ended(call, NOTHING, last=False)
        assert here.used(1) == (0.0,) * 8
        here.dispatch.left(call, steps[0])  # the same once more
        here.dispatch.left(call, steps[0])
        assert here.used(1)[0] == 100
        here.dispatch.left(call, steps[1])
        assert (here.used(1)[0], here.used(2)[0]) == (0, 100)
        here.dispatch.ended(call, NOTHING)
        assert here.used(2) == (0.0,) * 8
        assert call.placed is None
        assert call.stream.mean == mean, "a failure says nothing about the next call"
        assert here.dispatch._desk is not None
        assert here.dispatch._desk._rooms[0].everybody == 250

    scene(THREE, play)


def test_where_nobody_knows_what_was_used_the_estimate_stands() -> None:
    async def play(here: Yard) -> None:
        await here.follow(here.route(limits=[limit("bought", [1], 250, here.clock)]))
        call = here.send()
        here.dispatch.ended(call, None)
        assert here.used(1)[0] == 100
        assert call.placed is None

    scene(THREE, play)


def test_a_plan_of_another_configuration_does_no_harm() -> None:
    async def play(here: Yard) -> None:
        await here.follow(here.route(prices={1: 1.0, 2: 2.0, 3: 3.0}))
        world = World(after=10)
        for rate in ("5.00", "4.00"):
            world.deployment(world.contract(f"new at {rate}", "provisioned"), rate)
        here.use(world)
        call = here.send()
        assert here.ids(call) == [12, 11], "served by list, and not kept waiting for the next plan"
        assert json.loads(call.decision)["reason"] == "the plan does not know it yet; by its list price"
        here.dispatch.ended(call, SPENT)
        await here.follow(here.route(prices={11: 1.0, 12: 2.0}))
        assert here.ids(call) == [11, 12]

    scene(THREE, play)


def test_what_a_plan_does_not_know_yet_comes_after_what_it_knows() -> None:
    async def play(here: Yard) -> None:
        await here.follow(
            here.route(prices={1: 1.0, 2: 2.0, 3: 3.0}, limits=[limit("c", [1], 150, here.clock)])
        )
        world = table(THREE + "new provisioned 0.00")
        here.use(world)
        call = here.send()
        assert here.ids(call) == [1, 2, 3, 4]
        here.dispatch.left(call, here.plan().steps[3])
        kept = json.loads("{" + call.weighed + "}")
        assert kept["reason"] == "the plan does not know it yet; by its list price"

    scene(THREE, play)


def test_a_closed_contract_is_not_one_that_the_plan_does_not_know() -> None:
    async def play(here: Yard) -> None:
        route = here.route(names={2: "cheap", 3: "dear"}, closed=(1,))
        await here.follow(route)
        call = here.send()
        assert call.placed is not None
        assert here.ids(call) == [2, 3]
        stranger = here.call(organisation=6)
        here.dispatch.arrived(stranger)
        assert here.ids(stranger) == [2, 3], "a class without a plan does not go there either"
        await here.follow(here.route(names={}, closed=(1, 2, 3), services=()))
        assert here.send().placed is None
        assert here.dispatch.frees_in(call) == (60.0, 60.0, float("inf"))

    scene(THREE, play)


def test_a_class_without_a_plan_sees_the_limits_and_is_counted_in_them() -> None:
    async def play(here: Yard) -> None:
        full = limit("bought", [1], 250, here.clock)
        await here.follow(here.route(limits=[full], services=()))
        went = [here.send().placed for _ in range(5)]
        assert [one.deployment.id for one in went if one is not None] == [1, 1, 1, 2, 2]

    scene(THREE, play)


def test_what_a_plan_cannot_know_yet_is_not_there_twice() -> None:
    async def play(here: Yard) -> None:
        def plan(left: float) -> Route:
            return here.route(limits=[limit("bought", [1], left, here.clock, amount=1000)])

        await here.follow(plan(1000))
        for _ in range(10):
            here.send()
        assert here.send().placed.deployment.id == 2  # type: ignore[union-attr]
        here.clock.at += 1
        await here.follow(plan(1000))  # made before anything of it was reported
        assert here.send().placed.deployment.id == 2, "it is all used up"  # type: ignore[union-attr]
        here.clock.at += 5
        await here.follow(plan(400))  # knows the thousand; and 400 came back elsewhere
        went = [here.send().placed for _ in range(5)]
        assert [one.deployment.id for one in went if one is not None] == [1, 1, 1, 1, 2]

    scene(THREE, play)


def test_what_was_used_in_the_last_window_is_no_matter_in_the_next() -> None:
    async def play(here: Yard) -> None:
        here.clock.at = here.clock.at // 60 * 60 + 58
        await here.follow(here.route(limits=[limit("bought", [1], 300, here.clock)]))
        went = [here.send() for _ in range(4)]
        assert [one.placed.deployment.id for one in went if one.placed] == [1, 1, 1, 2]
        here.clock.at += 2.5
        await here.follow(here.route(limits=[limit("bought", [1], 300, here.clock)]))
        later = [here.send() for _ in range(4)]
        assert [one.placed.deployment.id for one in later if one.placed] == [1, 1, 1, 2]

    scene(THREE, play)


def test_the_first_calls_of_a_minute_are_counted_in_it() -> None:
    async def play(here: Yard) -> None:
        here.clock.at = here.clock.at // 60 * 60 + 59
        await here.dispatch.exchange()
        here.clock.at += 1.25  # no report in between
        here.send()
        await here.dispatch.exchange()
        (one,) = [one for one in here.board.reports[-1].uses if one.usage[0]]
        assert one.starts == int(here.clock.at) // 60 * 60

    scene(THREE, play)


def test_two_processes_have_half_each() -> None:
    async def play(here: Yard) -> None:
        here.board.gateways = 2
        await here.follow(here.route(limits=[limit("bought", [1], 400, here.clock)]))
        went = [here.send().placed for _ in range(4)]
        assert [one.deployment.id for one in went if one is not None] == [1, 1, 2, 2]

    scene(THREE, play)


def test_reports_that_do_not_arrive_stop_nothing() -> None:
    async def play(here: Yard) -> None:
        here.board.failing = True
        with pytest.raises(OSError, match="no database"):
            await here.dispatch.exchange()
        first = here.send()
        here.dispatch.ended(first, SPENT)
        here.board.failing = False
        await here.dispatch.exchange()
        report = here.board.reports[-1]
        assert [(one.calls, one.usage[0]) for one in report.loads] == [(1.0, 100.0)]
        here.dispatch.refused(here.send())
        await here.dispatch.exchange()
        assert [(one.calls, one.refused) for one in here.board.reports[-1].loads] == [(2.0, 1.0)]

    scene(THREE, play)


def test_counting_tokens_draws_nothing_and_is_never_kept_waiting() -> None:
    async def play(here: Yard) -> None:
        await here.follow(here.route(limits=[limit("bought", [1, 2, 3], 0, here.clock)]))
        assert here.send().placed is None
        call = here.send(here.call(endpoint="count_tokens"))
        assert call.placed is not None
        assert call.estimate == (0.0,) * 8
        assert here.used(call.placed.supply) == (0.0,) * 8
        here.dispatch.ended(call, NOTHING)
        (chats,) = here.dispatch._tally.report().loads
        assert chats.calls == 1, "it is no chat, and says nothing of chats"

    scene(THREE, play)


def test_an_estimate_is_never_more_than_the_client_permits() -> None:
    world = World()
    world.deployment(world.contract("bought", "provisioned"), "0", endpoints=("chat", "embeddings", "rerank"))

    def play(here: Yard) -> None:
        for endpoint, most, written in (
            ("chat", 7, 7),
            ("chat", 400, 250),
            ("embeddings", 0, 0),
            ("rerank", 0, 0),
        ):
            call = here.call(endpoint=endpoint, most=most)  # type: ignore[arg-type]
            here.dispatch.arrived(call)
            assert (call.estimate[0], call.estimate[3], call.estimate[7]) == (100, written, 1)

    scene(world, play)


def test_when_room_comes_again() -> None:
    async def play(here: Yard) -> None:
        here.clock.at = here.clock.at // 60 * 60 + 15
        minute = limit("bought", [1], 0, here.clock, amount=500, kept=200)
        await here.follow(here.route(limits=[minute, limit("credit", [2], 0, here.clock, seconds=0.0)]))
        here.dispatch.arrived(call := here.call())
        assert here.dispatch.frees_in(call) == (45.0, 60.0, 3.0)
        here.dispatch.arrived(call := here.call("critical"))
        assert here.dispatch.frees_in(call) == (45.0, 60.0, 5.0)
        here.clock.at += 60 * 7
        assert here.dispatch.frees_in(call) == (45.0, 60.0, 5.0), "by an old plan, too"
        await here.follow(here.route(limits=[limit("credit", [1], 0, here.clock, seconds=0.0)]))
        assert here.dispatch.frees_in(call)[0] == 60, "nobody knows, so not in a second"

    scene(THREE, play)


def test_reasons_are_made_once_and_again_when_there_is_a_new_plan() -> None:
    async def play(here: Yard) -> None:
        await here.follow(here.route(limits=[limit("bought", [1], 250, here.clock)]))
        first, second = here.send(), here.send()
        assert first.weighed is second.weighed
        kept = json.loads("{" + first.weighed + "}")
        assert (kept["plan"], kept["reason"]) == (1, "its next unit is the cheapest")
        assert kept["price"] == {
            "list": "1e+06",
            "contract_effect": "0",
            "congestion": "0",
            "next_unit": "1e+06",
        }
        here.send()
        full = json.loads("{" + here.send().weighed + "}")
        whys = {one["deployment"]: one["why"] for one in full["alternatives"]}
        assert whys.keys() == {"supply 1", "supply 3"}
        assert whys["supply 1"] == "the cap of bought is reached"
        await here.follow(here.route(limits=[limit("bought", [1], 250, here.clock, weights=EACH)]))
        assert json.loads("{" + here.send().weighed + "}")["plan"] == 2

    scene(THREE, play)


def test_reasons_do_not_pile_up_when_no_plan_comes_for_long() -> None:
    lines = "\n".join(f"c{at} provisioned {at}.00" for at in range(1, 9))

    async def play(here: Yard) -> None:
        amounts = {at: float(2**at) for at in range(1, 9)}
        await here.follow(here.route(amounts))
        sizes = []
        for at in range(20_000):
            call = here.call(asked=b"x" * (at * 7919 % 997 + 1))
            here.send(call)
            sizes.append(len(here.dispatch._words))
        assert max(sizes) <= 4096
        assert any(later < sooner for sooner, later in pairwise(sizes)) or max(sizes) < 4096

    scene(lines, play)


ODD = ('a "quoted" name', "back\\slash", "Größe €", "new\nline", "%2F", "é" * 300)


@pytest.mark.parametrize("name", ODD)
def test_a_decision_is_json_and_one_header_line_whatever_things_are_called(name: str) -> None:
    world = World()
    for number, rate in enumerate(("1.00", "2.00")):
        world.deployment(world.contract(f"{name} {number}", "provisioned"), rate)

    async def play(here: Yard) -> None:
        await here.follow(here.route(names={1: name, 2: f"other {name}"}))
        call = here.send()
        call.tried.append({"deployment": name, "reason": "it broke", "seconds": 0.5})
        kept = json.loads(call.decision)
        assert kept["contract"] == f"{name} 0"
        assert kept["alternatives"][0]["deployment"] == f"other {name}"
        assert kept["tried"][0]["deployment"] == name
        for priced in (True, False):
            line = decision_line(call.attempt, priced=priced)
            assert line.isascii()
            assert line.endswith(b"\r\n")
            assert line.count(b"\n") == line.count(b"\r") == 1
            assert (b"price-" in line) is priced
            assert line.count(b'"') == 2 * line.count(b'="'), "no quote inside a value"
            assert b"\\" not in line

    scene(world, play)


def test_a_limit_that_counts_input_lets_output_pass() -> None:
    async def play(here: Yard) -> None:
        await here.follow(here.route(limits=[limit("bought", [1], 150, here.clock, weights=INPUT)]))
        first = here.send()
        here.dispatch.ended(first, used(100, 100_000))
        assert here.send().placed.deployment.id == 1  # type: ignore[union-attr]

    scene(THREE, play)
