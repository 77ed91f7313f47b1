"""Four providers of different dialects that fail by chance, and a count of what became of every call.

`run` is a test's and a bench's: it starts the fakes and a gateway process, makes the calls, and compares
three accounts of the day: what clients saw, what the fakes recorded, and what stands in the books.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import asyncpg

from rechenwerk.base.ids import decode_call
from tests.caller import Line, Reply
from tests.fakes.provider import FakeProvider, Knobs, Record
from tests.flows.cloud import tokens_of
from tests.flows.several import KEYS, Place, configuration
from tests.installation import Town, gateway_process, town
from tests.proving import broken
from tests.spoken import PATHS, SPOKEN, Spoken, body_of, how, said, words

SHARES = MappingProxyType(
    {
        "refuse": 0.02,
        "reset": 0.02,
        "cut": 0.03,
        "storm": 0.004,
        "error": 0.02,
        "overloaded": 0.02,
        "hang": 0.01,
        "stall": 0.01,
        "malformed": 0.02,
        "wrong_usage": 0.03,
        "no_usage": 0.03,
    }
)
"""Of every provider's calls; a storm is five refusals in a row. About one call in six fails at each."""

SETTINGS = MappingProxyType(
    {
        "FIRST_BYTE_TIMEOUT": "1",
        "BETWEEN_BYTES_TIMEOUT": "1",
        "CONNECT_TIMEOUT": "2",
        "TOTAL_TIMEOUT": "20",
        "ATTEMPTS": "4",
        "SILENCE": "30",
        "GRACE": "5",
    }
)
"""Short deadlines, so that hangs end soon; all else as it is by default, breakers included."""

PLACES = (
    Place("openai", "openai-compatible", cost="1.00", out_cost="2.00"),
    Place("anthropic", "anthropic", cost="3.00", out_cost="5.00"),
    Place("gemini", "gemini", cost="0.50", out_cost="4.00"),
    Place("bedrock", "bedrock", cost="2.00", out_cost="3.00"),
)
_ANSWER = 8
_CAP = 24
_PROMPT = "internationalisation of telecommunication"
"""Of long words: where nobody reports usage, a quarter of the bytes is more than the fakes count."""
_OUTAGES = 8
Made = dict[tuple[int, str], list[Record]]
"""Call and provider -> what the provider made for it."""
Booked = dict[tuple[int, str], list[asyncpg.Record]]
"""The same -> what stands in the books on the provider's contract."""


@dataclass
class Asked:
    """A call as its client saw it; times are the loop's."""

    spoken: Spoken
    began: float
    ended: float
    reply: Reply

    @property
    def call(self) -> str | None:
        """The call's name, which the providers were told as well."""
        return self.reply.headers.get("x-request-id")

    @property
    def heard(self) -> int:
        """How many words of an answer the client has seen."""
        return len((said(self.spoken, self.reply) or "").split())

    @property
    def end(self) -> str:
        """``whole``, ``error`` after the first byte, ``cut`` without one, or ``refused``."""
        if self.reply.status != 200:
            return "refused"
        found = how(self.spoken, self.reply)
        if found == "whole" and said(self.spoken, self.reply) != words(_ANSWER):
            return "cut"
        return found


@dataclass
class Tally:
    """What became of all calls. The last four must be empty."""

    calls: int = 0
    seconds: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    outages: int = 0
    failovers: int = 0
    attempts: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unbooked: list[str] = field(default_factory=list)
    wrong_proofs: list[str] = field(default_factory=list)
    on_the_wire: int = 0
    """Tokens that went under with a connection which their provider reset: nobody has ever seen them."""

    def line(self) -> str:
        """One line for a person or a bench."""
        faults = " ".join(f"{name}={number}" for name, number in sorted(self.faults.items()))
        ends = " ".join(f"{name}={number}" for name, number in sorted(self.ends.items()))
        return (
            f"chaos: calls={self.calls} seconds={self.seconds:.1f} lost={len(self.lost)}"
            f" doubled={len(self.doubled)} unbooked={len(self.unbooked)} failovers={self.failovers}"
            f" attempts={self.attempts} outages={self.outages} on_the_wire={self.on_the_wire}"
            f" ends: {ends} faults: {faults}"
        )


@dataclass
class Day:
    """The stage of a run."""

    town: Town
    fakes: dict[str, FakeProvider]
    down: dict[str, list[tuple[float, float]]]
    asked: list[Asked] = field(default_factory=list)


def run(url: str, calls: int, seed: int, lines: int = 32) -> Tally:
    """Make the calls and compare.

    Args:
        url: of a fresh database.
        calls: how many.
        seed: of all chance; only the order in which calls meet faults depends on the machine.
        lines: connections that call at the same time.
    """
    return asyncio.run(_run(url, calls, seed, lines))


async def _run(url: str, calls: int, seed: int, lines: int) -> Tally:
    async with AsyncExitStack() as stack:
        fakes = {
            place.name: await stack.enter_async_context(
                FakeProvider(_knobs(seed + number), keep_requests=4 * calls)
            )
            for number, place in enumerate(PLACES)
        }
        there = await stack.enter_async_context(town(url))
        await there.configure(configuration(PLACES, list(fakes.values())))
        tenant = await there.tenant()
        day = Day(there, fakes, {name: [] for name in fakes})
        with gateway_process(url, **SETTINGS, **KEYS) as process:
            loop = asyncio.get_running_loop()
            began = loop.time()
            chance = random.Random(seed)
            plan = iter([(SPOKEN[chance.randrange(3)], chance.random() < 0.5) for _ in range(calls)])
            news = asyncio.Event()
            outages = asyncio.create_task(_outages(day, calls, news))
            await asyncio.gather(
                *[_caller(day, process.address, tenant.key, plan, news) for _ in range(lines)]
            )
            await outages
            seconds = loop.time() - began
            for fake in fakes.values():
                await fake.until(partial(_at_rest, fake))
        rows = await there.settled(0, timeout=30)
        tally = _compare(day, rows, await _providers(there))
        tally.seconds = seconds
        tally.wrong_proofs = [str(check) for check in await broken(there.desk, tenant.organisation)]
        return tally


def _knobs(seed: int) -> Knobs:
    return Knobs(answer_tokens=_ANSWER, chaos_seed=seed, chaos=dict(SHARES))


def _at_rest(fake: FakeProvider) -> bool:
    return bool(fake.stats()["open"] == 0)


async def _caller(
    day: Day, address: str, key: str, plan: Iterator[tuple[Spoken, bool]], news: asyncio.Event
) -> None:
    now = asyncio.get_running_loop().time
    async with Line(address) as line:
        for spoken, stream in plan:
            began = now()
            body = body_of(spoken, _PROMPT, _CAP, stream=stream)
            reply = await line.ask(key, body, PATHS[spoken])
            day.asked.append(Asked(spoken, began, now(), reply))
            news.set()


async def _outages(day: Day, calls: int, news: asyncio.Event) -> None:
    """One provider after the other refuses connections for a while."""
    now = asyncio.get_running_loop().time
    names = list(day.fakes)
    for turn in range(_OUTAGES):
        name = names[turn % len(names)]
        await _until(day, news, calls * (2 * turn + 1) // (2 * _OUTAGES + 1))
        began = now()
        await day.fakes[name].refuse()
        await _until(day, news, calls * (2 * turn + 2) // (2 * _OUTAGES + 1))
        await day.fakes[name].accept()
        day.down[name].append((began, now()))


async def _until(day: Day, news: asyncio.Event, number: int) -> None:
    while len(day.asked) < number:
        news.clear()
        await news.wait()


async def _providers(there: Town) -> dict[int, str]:
    """Contract -> provider; both have the same name."""
    return {row["id"]: row["name"] for row in await there.pool.fetch("select id, name from contract")}


# -- three accounts of one day -------------------------------------------------------------------------


def _compare(day: Day, rows: list[asyncpg.Record], providers: dict[int, str]) -> Tally:
    tally = Tally(calls=len(day.asked), outages=_OUTAGES)
    made = _made(day)
    seen = {
        name: {one.headers.get("x-request-id", "") for one in fake.requests if one.method == "POST"}
        for name, fake in day.fakes.items()
    }
    for fake in day.fakes.values():
        tally.faults += fake.produced.faults
    for asked in day.asked:
        tally.ends[asked.end] += 1
        reason = _lost(asked, day, seen, made)
        if reason:
            tally.lost.append(f"{asked.call}: {reason}: {asked.reply}")
    booked: Booked = {}
    for row in rows:
        tally.outcomes[row["outcome"]] += 1
        tally.attempts += row["attempt_of"] is not None
        served = row["attempt_of"] is None and '"tried"' in (row["decision"] or "")
        tally.failovers += served and row["outcome"] == "posted"
        name = row["attempt_of"] or row["id"]
        booked.setdefault((name, providers[row["contract_id"]]), []).append(row)
    tally.doubled = _doubled(day, rows)
    heard = {one.call: one.heard for one in day.asked}
    _book_what_arrived(tally, made, booked, heard)
    tally.unbooked = list(_unbooked(made, booked))
    return tally


def _made(day: Day) -> Made:
    made: Made = {}
    for name, fake in day.fakes.items():
        for record in fake.produced.records:
            assert record.id is not None
            made.setdefault((decode_call(record.id), name), []).append(record)
    return made


def _lost(asked: Asked, day: Day, seen: dict[str, set[str]], made: Made) -> str | None:
    """Why a call is lost that a provider could have served; None when it is not lost.

    An answer may be missing only if every provider failed this call by its own record, or refused
    connections at some time while the call ran. It may be broken off only by a provider whose record says
    that it never finished, and then it ends with an error event.
    """
    if asked.end == "whole":
        return None
    if asked.end == "cut" or asked.call is None:
        return "neither an answer nor an error"
    for name in day.fakes:
        if any(record.whole for record in made.get((decode_call(asked.call), name), ())):
            return f"{name} answered it whole"
        away = any(began <= asked.ended and asked.began <= ended for began, ended in day.down[name])
        if asked.end == "refused" and not away and asked.call not in seen[name]:
            return f"{name} was never asked"
    return None


def _doubled(day: Day, rows: list[asyncpg.Record]) -> list[str]:
    """Calls that were delivered or posted more than once, or delivered and not posted."""
    delivered = Counter(decode_call(str(one.call)) for one in day.asked if one.end == "whole")
    served = Counter(row["attempt_of"] or row["id"] for row in rows if row["outcome"] == "posted")
    calls = {row["id"] for row in rows if row["attempt_of"] is None and row["outcome"] != "void"}
    twice = [
        f"{call}: {number} times" for call, number in (*delivered.items(), *served.items()) if number > 1
    ]
    return twice + [f"{call}: delivered, not booked" for call in delivered if call not in calls]


def _book_what_arrived(tally: Tally, made: Made, booked: Booked, heard: dict[str | None, int]) -> None:
    """What was still on its way when its provider reset the connection was discarded by the kernel.

    The gateway cannot know of it; its booking stands as unresolved until the provider's bill. It must cover
    every word that the client has seen. The records are cut down to that.
    """
    for key, rows in booked.items():
        for record in made.get(key, ()):
            told = [row for row in rows if row["attempt_of"] is None and row["outcome"] == "unresolved"]
            if record.fault == "cut" and told and told[0]["usage_source"] == "estimated":
                arrived = max(told[0]["output"], heard[record.id])
                tally.on_the_wire += max(record.completion_tokens - arrived, 0)
                record.completion_tokens = min(record.completion_tokens, arrived)


def _unbooked(made: Made, booked: Booked) -> Iterator[str]:
    """What a provider made and no booking on its contract covers; each booking covers one thing only."""
    rates = {place.name: place.rates for place in PLACES}
    for (call, name), records in made.items():
        into, out = rates[name]
        rows = booked.get((call, name), [])
        worth = sorted(
            (one.prompt_tokens * into + one.completion_tokens * out for one in records), reverse=True
        )
        costs = sorted((int(row["cost"]) for row in rows), reverse=True)
        costs += [0] * (len(worth) - len(costs))
        for needed, cost in zip(worth, costs, strict=False):
            if cost < needed:
                yield f"{call} at {name}: {needed} made, {cost} booked: {records} {list(map(dict, rows))}"
        claimed = {(one.prompt_tokens, one.claimed) for one in records}
        for row in rows:
            if row["outcome"] == "posted" and tokens_of(row) not in claimed:
                yield f"{call} at {name}: posted {tokens_of(row)} and not {claimed}"
