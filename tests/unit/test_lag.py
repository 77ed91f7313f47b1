"""How late the loop is, is counted by how late it is."""

from __future__ import annotations

import asyncio
import time

from rechenwerk.gateway.lag import BOUNDS, LoopLag


def test_a_loop_that_was_held_up_says_so() -> None:
    async def scene() -> None:
        lag = LoopLag()
        lag.start()
        began = time.perf_counter()
        await asyncio.sleep(0.03)
        while time.perf_counter() - began < 0.08:  # nobody else gets a turn
            pass
        await asyncio.sleep(0.03)
        lag.stop()
        looks = sum(lag.counts)
        await asyncio.sleep(0.03)
        assert looks == sum(lag.counts), "it stopped"
        late = sum(count for bound, count in zip(BOUNDS, lag.counts, strict=False) if bound >= 0.02)
        assert late >= 1
        assert lag.seconds >= 0.02
        rows = lag.cumulative()
        assert rows[-1][1] == looks
        assert [count for _, count in rows] == sorted(count for _, count in rows)

    asyncio.run(scene())
