"""Conversations that are kept here, so that a client may go on with ``previous_response_id``.

They are ours and not the provider's: the next turn may go to another one.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from rechenwerk.base.errors import RechenwerkError, Refusal, bad_request
from rechenwerk.gateway.call import Call
from rechenwerk.gateway.ports import KeyRow, Source
from rechenwerk.gateway.refusals import BOOKS_DOWN
from rechenwerk.identity.secrets import SecretBox, answer_context
from rechenwerk.wire.responses import ResponsesIn, read_state, with_history
from rechenwerk.wire.talk import Kept

_LOOKS = 5
_PAUSE = 0.05
_LARGEST = 8_000_000
"""Bytes of a conversation that is kept; a longer one has to be sent whole."""
_log = logging.getLogger("rechenwerk.turns")
_items = msgspec.json.Decoder(list[msgspec.Raw])


class Turns:
    """Keeps the turns of calls to ``/v1/responses``; others pass untouched.

    Args:
        source: where turns are kept.
        box: seals them; None where this installation has no key: then they are kept as they are.
    """

    def __init__(self, source: Source, box: SecretBox | None = None) -> None:
        self._source = source
        self._box = box

    async def recall(self, call: Call) -> Refusal | None:
        """Put what was said before into the call's body.

        Raises:
            UntranslatableError, TwiceError, msgspec.DecodeError, UnicodeDecodeError, RecursionError: the body
                cannot be read.
        """
        if call.endpoint != "responses":
            return None
        state = read_state(call.asked)
        call.keeps_answer = state.store
        call.inbound = ResponsesIn(state)
        if state.previous is None:
            return None
        before = None
        try:
            for _ in range(_LOOKS):
                before = await self._turn(call.tenant.row, state.previous)
                if before is not None:
                    break
                await asyncio.sleep(_PAUSE)  # a stream's last event may be faster than its turn is kept
        except (OSError, RechenwerkError):
            return BOOKS_DOWN
        if before is None:
            return bad_request(
                f"There is no kept response {state.previous!r} in this project; send the whole conversation.",
                "previous_response_id",
                "previous_response_not_found",
                400,
            )
        call.asked = with_history(call.asked, _items.decode(before))
        return None

    async def keep(self, call: Call, answer: Kept | None) -> None:
        """Keep what was asked and answered, if the client did not decline."""
        if not call.keeps_answer or answer is None:
            return
        said = [*read_state(call.asked).items, *answer.items]
        kept = msgspec.json.encode(said)
        try:
            if len(kept) <= _LARGEST:
                if self._box is not None:
                    kept = self._box.seal_bytes(kept, _context(call.tenant.row, answer.id))
                await self._source.keep_turn(call.tenant.row, answer.id, kept)
        except (OSError, RechenwerkError) as error:
            _log.warning("the turn of call %s was not kept: %s", call.name, error)

    async def _turn(self, row: KeyRow, name: str) -> bytes | None:
        """What is kept, opened. Raises RechenwerkError: this gateway does not have the key."""
        kept = await self._source.turn(row, name)
        if kept is None or not SecretBox.sealed(kept):
            return kept
        if self._box is None:
            raise RechenwerkError("a kept response is sealed, and this gateway has no RECHENWERK_SECRET_KEY")
        return self._box.open_bytes(kept, _context(row, name))


def _context(row: KeyRow, name: str) -> bytes:
    return answer_context(row.organisation, row.project, f"turn/{name}")
