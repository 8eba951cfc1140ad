"""Agents in a vLLM each, against a vLLM that is made up: who asks is always answered."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from arena.vllm_engine.turns import HostedModel


class MadeUp:
    """Says of each row, a step after it came, which it is."""

    def __init__(self) -> None:
        self.agents = {"senior": None}
        self.rows: list[str] = []
        self.aborted: list[str] = []
        self.threads: set[int] = set()
        self.check_length = lambda tokens: None
        self.breaks = 0
        """How many steps break."""

    def add(self, ids: Sequence[int], plan: Any) -> str:
        if not ids:
            raise ValueError("nothing to go on from")
        self.rows.append(f"row {ids[0]}")
        return self.rows[-1]

    def step(self) -> list[tuple[str, str]]:
        self.threads.add(threading.get_ident())
        if self.breaks:
            self.breaks -= 1
            raise RuntimeError("out of memory")
        over, self.rows = self.rows, []
        return [(name, f"said by {name}") for name in over]

    def abort(self, names: Sequence[str]) -> None:
        self.threads.add(threading.get_ident())
        self.aborted += names
        self.rows = [row for row in self.rows if row not in names]


async def all_of(model: HostedModel, *asked: list[int]) -> list[Any]:
    async with asyncio.timeout(5):
        return await asyncio.gather(*(model.play(ids, None) for ids in asked), return_exceptions=True)  # type: ignore[arg-type]


def test_who_asks_together_is_answered_together() -> None:
    host = MadeUp()
    with ThreadPoolExecutor(1) as thread:
        assert asyncio.run(all_of(HostedModel(host, thread), [1], [2])) == ["said by row 1", "said by row 2"]  # type: ignore[arg-type]


def test_who_leaves_leaves_nothing_in_vllm() -> None:
    """The caller left while rows were played: they are taken out, before other weights come."""
    host = MadeUp()

    async def leaves(model: HostedModel) -> None:
        host.step = lambda: []  # type: ignore[method-assign]
        asked = asyncio.gather(*(model.play([n], None) for n in (1, 2)), return_exceptions=True)  # type: ignore[arg-type]
        while len(host.rows) < 2:
            await asyncio.sleep(0)
        asked.cancel()

    with ThreadPoolExecutor(1) as thread:
        model = HostedModel(host, thread)  # type: ignore[arg-type]
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(leaves(model))
        thread.submit(model.leave).result()
    assert sorted(host.aborted) == ["row 1", "row 2"]


@pytest.mark.parametrize("asked", [[[]], [[], [1]], [[1], [], [2]]])
def test_a_request_that_is_not_taken_leaves_nobody_waiting(asked: list[list[int]]) -> None:
    host = MadeUp()

    async def go() -> None:
        model = HostedModel(host, thread)  # type: ignore[arg-type]
        assert [str(one) for one in await all_of(model, *asked)] == ["nothing to go on from"] * len(asked)
        assert await all_of(model, [7]) == ["said by row 7"]

    with ThreadPoolExecutor(1) as thread:
        asyncio.run(go())
    assert host.rows == []


def test_a_step_that_breaks_is_an_error_of_all_and_later_ones_are_played() -> None:
    host = MadeUp()
    host.breaks = 1

    async def go() -> None:
        model = HostedModel(host, thread)  # type: ignore[arg-type]
        assert [str(one) for one in await all_of(model, [1], [2])] == ["out of memory"] * 2
        assert await all_of(model, [3]) == ["said by row 3"]

    with ThreadPoolExecutor(1) as thread:
        asyncio.run(go())
    assert sorted(host.aborted) == ["row 1", "row 2"]
    assert len(host.threads) == 1, "only one thread touches vLLM"
