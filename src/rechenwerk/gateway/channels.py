"""Channels: what a stream says, for the client and for the books, one for each way that it may take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rechenwerk.base.errors import Refusal
from rechenwerk.wire.openai import add_choice, error_event, read_frame
from rechenwerk.wire.sse import DONE, EventCutter, event_data
from rechenwerk.wire.talk import (
    Arguments,
    Began,
    Called,
    Ended,
    Failed,
    Inbound,
    Kept,
    Piece,
    Reader,
    Refused,
    Reported,
    Said,
    Thought,
    Used,
    Writer,
)

_FAILED = Refusal(502, "server_error", "provider_failed", "The provider ended the stream with an error.")


_MAX_TEXT = 16_000_000
"""Bytes of words that are kept for counting: some ten times what the longest answers of models have."""


class Channel(Protocol):
    """Takes a provider's stream in and gives the client's stream out.

    Attributes:
        text: all that the model produced, UTF-8, for counting.
        events: how many events carried text.
        usage: as the provider reported it; `usage_is_final` when no more of it can come.
        failed: the provider said that it cannot go on.
        done: the stream's own last word came.
        ended: a reason why the model stopped came; some providers leave out the last word after it.
        started: something that matters was seen; comments do not.
        kept: the whole answer as the next turn needs it, where it is kept.
    """

    text: bytearray
    events: int
    usage: Reported | None
    usage_is_final: bool
    failed: Refusal | None
    done: bool
    ended: bool
    started: bool

    @property
    def kept(self) -> Kept | None:
        """See above; None before the end."""
        ...

    def feed(self, chunk: bytes) -> bytes:
        """What the client gets for a chunk of the provider's bytes.

        Raises:
            ValueError: this is no stream of the provider's dialect.
        """
        ...

    def end(self) -> bytes:
        """What the client gets when the provider's stream is over."""
        ...

    def error(self, refusal: Refusal) -> bytes:
        """What the client gets when the stream cannot go on."""
        ...


class _Tally:
    """What every channel keeps for the books."""

    def __init__(self) -> None:
        self.text = bytearray()
        self.events = 0
        self.usage: Reported | None = None
        self.usage_is_final = False
        self.failed: Refusal | None = None
        self.done = False
        self.ended = False
        self.started = False
        self.kept: Kept | None = None

    def _heard(self, said: str) -> None:
        self.events += 1
        if len(self.text) < _MAX_TEXT:
            self.text += said.encode("utf-8", "replace")


class OpenAIChannel(_Tally):
    """OpenAI's dialect at both ends: events pass byte for byte.

    Args:
        wants_usage: the client asked for the usage frame; else it is taken out, since we asked for it.
        usages: how many usage objects make up the usage of the call, where each answer has its own.
        same_prompt: all of them name the same prompt.
    """

    def __init__(self, *, wants_usage: bool, usages: int = 1, same_prompt: bool = True) -> None:
        super().__init__()
        self._cutter = EventCutter()
        self._wants_usage = wants_usage
        self._usages = usages
        self._usages_seen = 0
        self._same_prompt = same_prompt
        self._added: Reported | None = None

    def feed(self, chunk: bytes) -> bytes:
        """See `Channel`."""
        return b"".join([event for event in self._cutter.feed(chunk) if self._passes(event)])

    def _passes(self, event: bytes) -> bool:
        data = event_data(event)
        if data == DONE:
            self.done = self.started = True
            return True
        frame = read_frame(data)
        if frame is None:
            return True
        self.started = True
        if frame.text:
            self._heard(frame.text)
        if frame.usage is not None and self._usages == 1:
            self.usage = frame.usage
        elif frame.usage is not None:
            self._added = add_choice(self._added, frame.usage, same_prompt=self._same_prompt)
            self._usages_seen += 1
            if self._usages_seen == self._usages:  # with fewer it is not the usage of the call
                self.usage = self._added
        if frame.error:
            self.failed = _FAILED
        self.ended = self.ended or frame.finished
        final = frame.only_usage or (frame.error and self.usage is not None)
        self.usage_is_final = self.usage_is_final or final
        return self._wants_usage or not frame.only_usage

    def end(self) -> bytes:
        """See `Channel`: a last event may lack its empty line, but one that was cut off is dropped."""
        event = self._cutter.rest
        data = event_data(event)
        if data != DONE and read_frame(data) is None:
            return b""
        if not self._passes(event):
            return b""
        return event if self.done else event.rstrip(b"\r\n") + b"\n\n"  # an error event may follow

    def error(self, refusal: Refusal) -> bytes:
        """See `Channel`."""
        return error_event(refusal)


class PieceChannel(_Tally):
    """Any dialect: the provider's stream is read into pieces, and written anew or passed as it came.

    Args:
        reader: of the provider's dialect.
        inbound: the client's dialect, for its errors.
        writer: of the client's dialect; None when both ends speak the same and bytes pass unchanged.
        keep: makes of all pieces what is kept of the answer.
    """

    def __init__(
        self,
        reader: Reader,
        inbound: Inbound,
        writer: Writer | None = None,
        keep: Callable[[list[Piece]], Kept | None] | None = None,
    ) -> None:
        super().__init__()
        self._reader = reader
        self._inbound = inbound
        self._writer = writer
        self._keep = keep
        self._pieces: list[Piece] = []
        self._rest = b""

    def feed(self, chunk: bytes) -> bytes:
        """See `Channel`."""
        pieces = self._reader.feed(chunk)
        for piece in pieces:
            self._note(piece)
        self.started = self.started or any(_matters(piece) for piece in pieces)
        self.done = self._reader.done
        if self._keep is not None:
            self._pieces += pieces
            if self.done:
                self.kept = self._keep(self._pieces)
        if self._writer is None:
            return self._whole_events(chunk)
        return b"".join([self._writer.piece(piece) for piece in pieces])

    def _whole_events(self, chunk: bytes) -> bytes:
        """What may pass: an event that is cut off would spoil the error event after it."""
        data = self._rest + chunk
        last = max(data.rfind(b"\n\n"), data.rfind(b"\n\r\n"))
        end = data.index(b"\n", last + 1) + 1 if last >= 0 else 0
        self._rest = data[end:]
        return data[:end]

    def _note(self, piece: Piece) -> None:
        match piece:
            case Said(said) | Thought(said) | Refused(said) | Arguments(_, said) | Called(name=said):
                if said:
                    self._heard(said)
            case Used(reported, final):
                self.usage = reported
                self.usage_is_final = final
            case Failed(refusal):
                self.failed = refusal
            case Ended():
                self.ended = True

    def end(self) -> bytes:
        """See `Channel`."""
        if self._writer is None:
            return self._rest if self.done else b""
        if self.failed is not None or not (self.done or self.ended):
            return b""
        if self._keep is not None and not self.done:
            self.kept = self._keep(self._pieces)
        self.done = True
        return self._writer.end()

    def error(self, refusal: Refusal) -> bytes:
        """See `Channel`."""
        if self._writer is None:
            return self._inbound.error_event(refusal)
        return self._writer.piece(Failed(refusal))


def _matters(piece: Piece) -> bool:
    """Whether a client could miss it: before that, another provider may still take over."""
    return not isinstance(piece, Began) and not (isinstance(piece, Used) and not piece.final)
