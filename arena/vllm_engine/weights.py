"""An agent's weights under the names of its checkpoint, adapters merged: what vLLM's own loaders take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from agents.contract import AgentError
from arena.vllm_engine.members import base_of, letter

if TYPE_CHECKING:
    from torch import Tensor

    from agents.language_model import LanguageModel


def check_weights(name: str, agent: LanguageModel) -> None:
    """Raises AgentError for weights that cannot be handed over."""
    base = base_of(agent.model)
    if getattr(base.config, "quantization_config", None) is not None:
        raise AgentError(f"--engine vllm: {name} is quantised; use --engine torch, or give it whole")
    for place, module in agent.model.named_modules():
        if why := _unmerged(module, base):
            raise AgentError(
                f"--engine vllm: {name}: {why} at {place}: only plain LoRA of linear layers is merged on the "
                "way; merge it into the model, or use --engine torch"
            )


def _unmerged(module: Any, base: Any) -> str:
    """What of an adapter `weights_of` would not hand over; empty if it hands over all of it."""
    kinds = [kind.__name__ for kind in type(module).__mro__]
    if "AuxiliaryTrainingWrapper" in kinds:
        return "weights trained beside an adapter (modules_to_save, trainable tokens)"
    if not _is_adapted(module):
        return ""
    from peft.tuners.lora import Linear

    if type(module) is not Linear:
        return f"an adapter of the kind {kinds[0]}"
    for one in module.active_adapters:
        if getattr(module, "lora_variant", {}).get(one) is not None:
            return "a variant of LoRA (as DoRA)"
        if getattr(module, "lora_bias", {}).get(one):
            return "LoRA with a bias"
    if module.merged or module.disable_adapters:
        return "an adapter that is merged already, or switched off"
    layer: Any = module.get_base_layer()
    shared = layer.weight.data_ptr()
    if sum(one.data_ptr() == shared for one in base.state_dict().values()) > 1:
        return "LoRA of tied weights"
    return ""


@torch.no_grad()
def weights_of(agent: LanguageModel, number: int) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of member ``number``. A layer with LoRA gives its own weight plus the adapter's, in its dtype."""
    base = base_of(agent.model)
    adapted = {name: module for name, module in base.named_modules() if _is_adapted(module)}
    for name, tensor in base.state_dict().items():
        holder, _, last = name.rpartition(".")
        outside = holder.removesuffix(".base_layer")
        if outside in adapted and outside != holder:
            if last == "weight":
                layer: Any = adapted[outside]
                deltas = [layer.get_delta_weight(one) for one in layer.active_adapters if one in layer.lora_A]
                tensor = sum(deltas, tensor.float()).to(tensor.dtype) if deltas else tensor
            name = f"{outside}.{last}"
        elif any(name.startswith(f"{one}.") for one in adapted):
            continue  # the adapter itself
        yield f"{letter(number)}.{name}", tensor


def _is_adapted(module: Any) -> bool:
    return hasattr(module, "base_layer") and hasattr(module, "active_adapters")
