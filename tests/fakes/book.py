"""What the fake saw and what it produced: the count that a test sets against the gateway's books."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

import msgspec

RECORDS_KEPT = 100_000


class Seen(msgspec.Struct):
    """One request as it came over the wire."""

    method: str
    target: str
    raw_headers: list[tuple[bytes, bytes]]
    raw: bytes
    keep_alive: bool

    @property
    def headers(self) -> dict[str, str]:
        """Lower-case names; of a repeated header the last."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.raw_headers}

    @property
    def body(self) -> Any:
        """The parsed body; None when there is none."""
        return msgspec.json.decode(self.raw) if self.raw else None


class Record(msgspec.Struct, gc=False):
    """One accepted call. Its numbers are what was made, whatever the answer claimed."""

    id: str | None  # the x-request-id header that came with the call
    answer_id: str  # the id inside the answer
    route: str
    model: str
    streamed: bool
    prompt_tokens: int
    completion_tokens: int = 0
    finished: bool = False
    client_gone: bool = False
    whole: bool = False  # finished, and it was a good answer
    claimed: int | None = None  # completion tokens as the answer reports them; None: it reports nothing
    search_units: int = 0  # of a rerank
    fault: str = ""  # what chaos drew for it


class Totals(msgspec.Struct):
    """Sums since the start or the last reset. open = accepted - finished - client_gone - broken."""

    requests: int = 0
    accepted: int = 0
    refused: int = 0
    finished: int = 0
    client_gone: int = 0
    broken: int = 0  # cut or closed by the fake itself
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Book:
    """Totals for ever, the last records and requests only."""

    def __init__(self, keep_requests: int) -> None:
        self.totals = Totals()
        self.records: deque[Record] = deque(maxlen=RECORDS_KEPT)
        self.requests: deque[Seen] = deque(maxlen=keep_requests)
        self.faults: Counter[str] = Counter()  # what chaos drew; "none" too

    def accept(self, record: Record) -> None:
        self.records.append(record)
        self.totals.accepted += 1
        self.totals.prompt_tokens += record.prompt_tokens

    def produce(self, record: Record, tokens: int) -> None:
        record.completion_tokens += tokens
        self.totals.completion_tokens += tokens

    def finish(self, record: Record, *, whole: bool = True) -> None:
        record.finished = True
        record.whole = whole
        self.totals.finished += 1

    def leave(self, record: Record) -> None:
        record.client_gone = True
        self.totals.client_gone += 1

    def find(self, some_id: str) -> Record:
        """The newest record with this x-request-id or answer id."""
        for record in reversed(tuple(self.records)):  # a copy: another thread may ask
            if some_id in {record.id, record.answer_id}:
                return record
        raise KeyError(some_id)

    def whole_answers(self) -> Counter[str]:
        """x-request-id -> good answers that were finished for it: two are one too many."""
        return Counter(record.id for record in tuple(self.records) if record.whole and record.id is not None)
