"""What a translated stream costs: a client of Anthropic's Messages before a provider of OpenAI's chat."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from bench import client, stack
from bench.lab import Target
from bench.machine import BenchError
from bench.results import Metric, metric
from bench.stream import PACE, STREAMS, Series

if TYPE_CHECKING:
    from bench.lab import Lab, Road
    from bench.peers import Crew, Peer

NAME = "dialect"
TRANSLATED = "Anthropic over OpenAI"
SAME = "OpenAI over OpenAI"
SHORT = 5


@dataclass(frozen=True)
class Messages(Target):
    """A target that is asked in Anthropic's dialect, with the header lines of its SDK."""

    def body(self, tokens: int, *, stream: bool = False) -> bytes:
        """The same question as in OpenAI's dialect; the system's words have a place of their own here."""
        values = json.loads(super().body(tokens, stream=stream))
        values.pop("stream_options", None)
        system, *values["messages"] = values["messages"]
        return json.dumps({**values, "system": system["content"]}, separators=(",", ":")).encode()

    def request(self, body: bytes) -> bytes:
        """The bytes of a whole HTTP request."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: application/json\r\nx-api-key: {self.key}\r\n"
            f"anthropic-version: 2023-06-01\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class MessageStream(client.Stream):
    """One streamed call in Anthropic's dialect."""

    LAST: ClassVar[bytes] = b"event: message_stop"
    USED: ClassVar[re.Pattern[bytes]] = re.compile(rb'"output_tokens"\s*:\s*(\d+)')


def as_messages(target: Target, name: str) -> Messages:
    """The same target, asked in the other dialect."""
    return Messages(name, target.port, "/v1/messages", target.model, target.key, target.root)


def turn(series: tuple[Series, Series], target: Target, events: int) -> None:
    """All streams begun together, then spread evenly. Per event means: of those that the upstream sent."""
    kind = MessageStream if isinstance(target, Messages) else client.Stream
    together, spread = series
    together.turn(target, events, 0, kind)
    spread.turn(target, events, PACE / STREAMS, kind)


def translating(lab: Lab, peer: Peer | None, road: Road) -> Messages | None:
    """The peer, asked as a client of Anthropic's would; None, and a remark, where it cannot answer that."""
    if peer is None:
        return None
    target = as_messages(peer.target(road), peer.name)
    try:
        with peer.awake():
            Series().turn(target, SHORT, 0, MessageStream)
    except BenchError as wrong:
        lab.remark(f"{peer.name} does not translate as asked: {wrong}")
        return None
    return target


def run(lab: Lab, crew: Crew) -> list[Metric]:
    """Turns of the translated stream, the one that passes, and LiteLLM's translated one."""
    road = lab.roads()[1]
    peer = crew.litellm()
    other = translating(lab, peer, road)
    before = lab.provided()
    gateway = stack.configured(lab)
    passing = replace(gateway.target(road), name=SAME)
    client.probe(passing)
    targets = as_messages(passing, TRANSLATED), passing
    for target in targets:
        turn((Series(), Series()), target, SHORT)
    both = Series(), Series()
    rounds, events, fewer = (2, 150, 50) if lab.quick else (4, 300, 100)
    for number in range(rounds):
        for target in targets:
            lab.say(f"round {number + 1} of {rounds}: {target.name}")
            turn(both, target, events)
        if peer and other:
            lab.say(f"round {number + 1} of {rounds}: {other.name}")
            with peer.awake():
                turn(both, other, fewer)
    found = []
    for label, series in zip(("begun together", "spread evenly"), both, strict=True):
        cpu, first = series.cpu_us, series.first_ms
        cpu_name = f"gateway CPU per event, {TRANSLATED}, {label}"
        first_name = f"first event p50, {TRANSLATED}, {label}"
        found += [
            metric(NAME, cpu_name, "us", cpu.pop(TRANSLATED), cpu),
            metric(NAME, first_name, "ms", first.pop(TRANSLATED), first),
        ]
    return [*found, *stack.agreement(lab, gateway, NAME, before)]
