"""What vLLM's workers can do beyond vLLM: take an agent's weights (its ``worker_extension_cls``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from safetensors import safe_open
from torch import Tensor


class TandemWorker:
    """Mixed into vLLM's worker class."""

    reload_weights: Any

    def tandem_take(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Takes weights over in place, in the same process. The caller empties the prefix cache."""
        self.reload_weights(weights_iterator=iter(weights))

    def tandem_read(self, path: str) -> None:
        """Takes the weights of a safetensors file over in place. The caller empties the prefix cache."""
        self.tandem_take(_tensors(path))


def _tensors(path: str) -> Iterator[tuple[str, Tensor]]:
    opened: Any = safe_open
    with opened(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118  (it is no dictionary)
            yield name, file.get_tensor(name)
