"""The step scheduler: seats of one model, whoever they play with, share its forwards.

Every seat decides for itself, with the code of `agents.seat`; only its question "what are the logits of my next token"
goes here. The questions that are asked at the same time are answered by one forward, in a thread of its own, so that
people and endpoints are not kept waiting by it. A seat has a slot while it is needed; where there are more seats than
slots, the seat that was idle longest gives its up, and its view is taken in again when it writes next.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch

from agents.contract import View
from agents.seat import LanguageModelSeat
from arena.torch_engine.forward import Forward

if TYPE_CHECKING:
    from torch import Tensor

    from agents.language_model import LanguageModel
    from agents.vocabulary import Vocabulary


class SharedModel:
    """A language model whose seats share its forwards. An `Agent`, in place of the model itself."""

    gives_logprobs = True
    conditions_on_opening = True
    deterministic = True

    def __init__(self, agent: LanguageModel, slots: int, thread: ThreadPoolExecutor):
        """``slots`` seats are answered at once. Raises AgentError for a model that slots cannot hold."""
        self.agent = agent
        self.forward = Forward(agent, slots)
        self._thread = thread
        self._free = list(range(slots))
        self._held: OrderedDict[SharedSeat, int] = OrderedDict()
        """Slots by seat, the one that was idle longest first."""
        self._waiting: list[tuple[SharedSeat, asyncio.Future[Tensor]]] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def vocabulary(self) -> Vocabulary:
        return self.agent.vocabulary

    def sit(self, view: View) -> SharedSeat:
        return SharedSeat(self, view)

    async def logits(self, seat: SharedSeat) -> Tensor:
        """Logits [V] of the seat's next token, fp32, on the CPU."""
        future: asyncio.Future[Tensor] = asyncio.get_running_loop().create_future()
        self._waiting.append((seat, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve())
        return await future

    async def _serve(self) -> None:
        """Answers questions until nobody asks."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0)  # whoever was answered together may ask again together
            self._waiting = [(seat, future) for seat, future in self._waiting if not future.done()]
            if not self._waiting:
                return
            batch, self._waiting = self._waiting[: self.forward.slots], self._waiting[self.forward.slots :]
            slots = self._seated([seat for seat, _ in batch])
            try:
                logits = await loop.run_in_executor(self._thread, self._run, slots)
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), row in zip(batch, logits, strict=True):
                if not future.done():
                    future.set_result(row)

    def _run(self, slots: np.ndarray) -> Tensor:
        with torch.inference_mode():
            return self.forward.logits(slots).float().cpu()

    def _seated(self, seats: list[SharedSeat]) -> np.ndarray:
        """A slot for each seat, and in it what the seat's view holds by now."""
        for seat in seats:
            if seat in self._held:
                self._held.move_to_end(seat)
        for seat in seats:
            if seat not in self._held:
                slot = self._free.pop() if self._free else self._held.popitem(last=False)[1]
                self._held[seat] = slot
                self.forward.open(slot, [])
        for seat in seats:
            slot = self._held[seat]
            self.forward.extend(slot, seat.ids[int(self.forward.length[slot]) :])
        return np.array([self._held[seat] for seat in seats])

    def forget(self, seat: SharedSeat, length: int) -> None:
        """The seat's view was cut back to ``length`` ids."""
        if seat in self._held and self.forward.length[self._held[seat]] > length:
            self.forward.crop(self._held[seat], length)

    def leave(self, seat: SharedSeat) -> None:
        """The seat's slot is free again."""
        if seat in self._held:
            self._free.append(self._held.pop(seat))


class SharedSeat(LanguageModelSeat):
    """A seat of a `SharedModel`: decides for itself, asks the model together with others."""

    def __init__(self, shared: SharedModel, view: View):
        super().__init__(shared.agent, view)
        self._shared = shared

    async def next_logits(self) -> Tensor:
        return await self._shared.logits(self)

    def forget(self, length: int) -> None:
        self._shared.forget(self, length)

    def leave(self) -> None:
        self._shared.leave(self)
        super().leave()
