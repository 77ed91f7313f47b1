"""An idle event loop that looks how late it is: ``python -m bench.idle SECONDS``; prints its counts."""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop

from rechenwerk.gateway.lag import LoopLag


async def main(seconds: float) -> None:
    lag = LoopLag()
    lag.start()
    await asyncio.sleep(seconds)
    lag.stop()
    print(json.dumps(lag.counts))


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1])))
