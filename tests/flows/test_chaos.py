"""Ten thousand calls over four providers that fail by chance: none lost, none doubled, nothing unbooked.

A call is lost if a provider could have served it and its client has no answer. Whether one could have is
taken from the providers' own records: it could not if it failed this very call (refused it, broke off, was
silent, sent what cannot be read), or refused connections at some time while the call ran. After the first
byte has left nobody else can serve: such a stream may only end with its dialect's error event, and only where
the provider's record says that it never finished. An answer is doubled if it was delivered or posted more
than once for one call id; one that was made whole by a provider and never reached the gateway is booked as an
attempt. Tokens are unbooked if a provider made them for a call and no booking on its contract, each counted
once, costs as much; what was still on its way when its provider reset the connection went under unseen, and
stands as unresolved at what had arrived.
"""

from __future__ import annotations

import os
import sys

import pytest

from tests.chaos import SHARES, run

CALLS = int(os.environ.get("RW_CHAOS_CALLS") or 10_000)
SEED = 20261122


@pytest.mark.timeout(max(300, CALLS // 10))
def test_nothing_is_lost_when_providers_fail(database_url: str) -> None:
    tally = run(database_url, CALLS, SEED)
    sys.stdout.write(tally.line() + "\n")
    assert tally.lost == []
    assert tally.doubled == []
    assert tally.unbooked == []
    assert tally.wrong_proofs == []
    assert tally.calls == tally.ends.total() == CALLS
    # It was a day of faults, and most of it was hidden from the clients.
    assert set(tally.faults) == {*SHARES, "none"}
    assert tally.failovers > CALLS // 20
    assert tally.attempts > CALLS // 50
    assert tally.ends["whole"] > 0.9 * CALLS
