"""A schedule that takes its time, so that a run can be stopped in its middle: ``word:call=tests.slow:author``."""

from __future__ import annotations

import time


def author(unit: int, agents: int, coin: float) -> int:
    time.sleep(0.001)
    return int(coin * agents)
