"""AdamW on the trainable weights, its learning rate, clipping, and fp32 copies of weights that are kept in less."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from training.config import OptimiserConfig


class Optimiser:
    """Updates the weights of a model that need a gradient.

    Weights in bf16 or fp16 would swallow small updates, so they have an fp32 copy that is updated and rounded.
    """

    def __init__(self, model: Any, config: OptimiserConfig, updates: int):
        """``updates`` is how many there will be in all. Raises ValueError if nothing can be trained."""
        self.config, self.updates, self.done = config, max(1, updates), 0
        self.names = [name for name, weight in model.named_parameters() if weight.requires_grad]
        self.weights: list[Tensor] = [weight for _, weight in model.named_parameters() if weight.requires_grad]
        if not self.weights:
            raise ValueError("the senior has no weights to train")
        self.masters = [w if w.dtype == torch.float32 else w.detach().float().clone() for w in self.weights]
        betas = (config.betas[0], config.betas[1])
        # One kernel for all tensors where there is one, on a CPU, too.
        self._adam = torch.optim.AdamW(
            self.masters, lr=config.learning_rate, betas=betas, eps=config.eps, weight_decay=config.weight_decay
        )

    def rate(self) -> float:
        """The learning rate of the next update."""
        config, done = self.config, self.done
        rising = min(config.warmup_steps, self.updates // 2)
        warm = min(1.0, (done + 1) / (rising + 1)) if done < rising else 1.0
        left = min(1.0, max(0, done - rising) / max(1, self.updates - rising))
        fall = {"constant": 1.0, "linear": 1 - left, "cosine": 0.5 * (1 + math.cos(math.pi * left))}
        return config.learning_rate * warm * fall[config.schedule]

    def norm(self) -> float:
        """The norm of all gradients, in fp32 or better: 16 bits are off by a part in 400, and fp16 overflows."""
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        wide = [torch.promote_types(gradient.dtype, torch.float32) for gradient in gradients]
        norms = [torch.linalg.vector_norm(g, dtype=dtype) for g, dtype in zip(gradients, wide, strict=True)]
        return float(torch.linalg.vector_norm(torch.stack([n.to(norms[0]) for n in norms]))) if norms else 0.0

    def step(self, norm: float) -> None:
        """One update from the gradients, whose norm this is; they are gone afterwards."""
        scale = 1.0
        if self.config.max_grad_norm and norm > self.config.max_grad_norm:
            scale = self.config.max_grad_norm / (norm + 1e-6)
        for weight, master in zip(self.weights, self.masters, strict=True):
            if weight.grad is not None:
                gradient = weight.grad if master is weight else weight.grad.float()
                master.grad = gradient.mul_(scale) if scale != 1.0 else gradient
        for group in self._adam.param_groups:
            group["lr"] = self.rate()
        self._adam.step()
        with torch.no_grad():
            for weight, master in zip(self.weights, self.masters, strict=True):
                if master is not weight:
                    weight.copy_(master)
                    master.grad = None
        self.forget()
        self.done += 1

    def forget(self) -> None:
        """Drops all gradients."""
        for weight in self.weights:
            weight.grad = None

    def state(self) -> dict[str, Tensor]:
        """All that the next update depends on, by name; `load_state` takes it back."""
        out = {"done": torch.tensor(self.done)}
        for name, weight, master in zip(self.names, self.weights, self.masters, strict=True):
            if master is not weight:
                out[f"master.{name}"] = master.detach()
            for key, value in self._adam.state.get(master, {}).items():
                out[f"{key}.{name}"] = value
        return out

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Raises KeyError if it is of another model."""
        strangers = {key.partition(".")[2] for key in state if key != "done"} - set(self.names)
        if strangers:
            raise KeyError(sorted(strangers)[0])
        self.done = int(state["done"])
        for name, weight, master in zip(self.names, self.weights, self.masters, strict=True):
            if master is not weight:
                with torch.no_grad():
                    master.copy_(state[f"master.{name}"])
            if f"step.{name}" in state:
                self._adam.state[master] = dict(self._kept(state, name, master))

    @staticmethod
    def _kept(state: dict[str, Tensor], name: str, master: Tensor) -> Iterator[tuple[str, Tensor]]:
        for key in ("step", "exp_avg", "exp_avg_sq"):
            value = state[f"{key}.{name}"].clone()
            yield key, value if key == "step" else value.to(master.device)
