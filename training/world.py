"""The processes of a run: one, or those that ``accelerate launch`` started. Each plays and differentiates its share.

Nothing is wrapped: an update sums the gradients of all processes once, so each may cut its share into other
micro-batches, and one process computes what several do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class World:
    """This process among the others. Without ``accelerate launch`` it is alone."""

    def __init__(self) -> None:
        self.rank, self.size = 0, 1
        self.device = ""
        """Where this process computes; "" leaves it open."""
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import PartialState

            # Gradients on CPUs travel by gloo; accelerate decides by its own flags what there is.
            state = PartialState(cpu=not torch.cuda.is_available())
            self.rank, self.size = state.process_index, state.num_processes
            self.device = "cpu" if state.device.type == "cpu" else str(state.device)

    @property
    def main(self) -> bool:
        """It writes the files and the screen."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> list[T]:
        """Every so-manieth of the items."""
        return list(items[self.rank :: self.size])

    def gathered(self, items: Iterable[T]) -> list[T]:
        """The items of all processes, those of the first one first: the same list everywhere."""
        mine = list(items)
        if self.size == 1:
            return mine
        from accelerate.utils import gather_object

        found: list[T] = gather_object(mine)
        return found

    def from_main(self, value: T) -> T:
        """What the first process has."""
        if self.size == 1:
            return value
        from accelerate.utils import broadcast_object_list

        box: list[Any] = [value]
        broadcast_object_list(box)
        found: T = box[0]
        return found

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Adds up the gradients of all processes. Who had none has zeros, also alone: momentum goes on."""
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            if self.size > 1:
                torch.distributed.all_reduce(parameter.grad)

    def wait(self) -> None:
        """Until everybody is here."""
        if self.size > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    def close(self) -> None:
        if self.size > 1:
            from accelerate import PartialState

            PartialState().destroy_process_group()
