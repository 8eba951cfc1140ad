"""The senior as something to train: all of its weights, or an adapter on them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from agents.contract import Agent
from agents.language_model import LanguageModel, weights_digest
from agents.loading import quiet
from agents.registry import AgentConfig
from arena.command import fail
from training.config import TrainConfig

Base = Callable[[], AbstractContextManager[LanguageModel]]


def make_trainable(agent: Agent, name: str, given: AgentConfig, config: TrainConfig) -> LanguageModel:
    """Lets the gradient at the senior's weights: of its LoRA, or all. Raises UserError for what cannot be trained."""
    where = f"[agents.{name}]"
    if not isinstance(agent, LanguageModel):
        fail(f"--pair {config.pair}: {name} is trained, so it must be a model: senior, or --agent {name}=hf:PATH")
    if agent.sampling.truncates or agent.sampling.greedy:
        fail(f"{where}: training needs the whole distribution; leave out top_k, top_p and temperature 0")
    torch.manual_seed(config.seed)  # an adapter begins at random, and dropout draws
    if config.lora.rank:
        if given.adapter:
            fail(f"{where}: has an adapter already, which is trained on; leave out --set lora.rank, or the adapter")
        _add_lora(agent, config, given.four_bit)
    elif not given.adapter and (given.four_bit or getattr(agent.model, "is_quantized", False)):
        fail(f"{where}: weights of 4 bits cannot be trained themselves; give --set lora.rank=16")
    elif not given.adapter:
        agent.model.requires_grad_(True)
    if config.optimiser.gradient_checkpointing:
        _compute_again(agent.model)
    refresh(agent)
    return agent


def _add_lora(agent: LanguageModel, config: TrainConfig, four_bit: bool) -> None:
    try:
        import peft
    except ImportError:
        fail("--set lora.rank needs peft: pip install 'tandem-arena[peft]'")
    targets: Any = config.lora.targets
    settings: Any = peft.LoraConfig(
        r=config.lora.rank,
        lora_alpha=config.lora.alpha,  # type: ignore[arg-type]
        lora_dropout=config.lora.dropout,
        target_modules=targets[0] if targets == ["all-linear"] else targets,
        task_type="CAUSAL_LM",
    )
    if four_bit:
        # Of what peft's preparation for k-bit training does, this is what the engine can stay exact with.
        agent.model.requires_grad_(False)
    try:
        with quiet():
            agent.model = peft.get_peft_model(agent.model, settings).eval()
    except ValueError as error:
        fail(f"--set lora.targets={config.lora.targets}: {str(error).splitlines()[0]}")


def _compute_again(model: Any) -> None:
    """Gradient checkpointing, which transformers does in training mode only: so nothing may drop out in it."""
    model.gradient_checkpointing_enable({"use_reentrant": False})
    for name, module in model.named_modules():
        for attribute in ("p", "attention_dropout", "dropout"):
            value = getattr(module, attribute, None)
            if isinstance(value, float) and "lora_dropout" not in name:
                setattr(module, attribute, 0.0)


@contextmanager
def training_mode(agent: LanguageModel, config: TrainConfig) -> Iterator[None]:
    """For gradients: the modes in which LoRA drops out, and activations are computed again; else nothing changes.

    The loss differentiates the probabilities that were acted on, so whatever drops out is off unless it was asked for.
    """
    if not (config.optimiser.gradient_checkpointing or config.lora.dropout):
        yield
        return
    if config.optimiser.gradient_checkpointing:
        agent.model.train()
    else:
        for name, module in agent.model.named_modules():
            if "lora_dropout" in name:
                module.train()
    try:
        yield
    finally:
        agent.model.eval()


def refresh(agent: LanguageModel) -> None:
    """After an update: episodes record which weights wrote them."""
    agent.weights = weights_digest(agent.model)


def base_of(agent: LanguageModel, config: TrainConfig) -> Base | None:
    """The senior as it is before training, for the KL to it: the model without its adapter, or a copy."""
    if not config.loss.kl_base:
        return None
    if config.lora.rank:

        @contextmanager
        def without() -> Iterator[LanguageModel]:
            with agent.model.disable_adapter():
                yield agent

        return without
    frozen = copy.copy(agent)
    frozen.model = copy.deepcopy(agent.model).requires_grad_(False)

    @contextmanager
    def before() -> Iterator[LanguageModel]:
        yield frozen

    return before
