"""All agents as one model of vLLM: every layer of each has its own paged key-value cache under the same block table.

Registered with vLLM by its plug-in entry point (`arena.vllm_engine.plugin`), never built into it. A step runs every
agent on the same tokens; the logits processor decides whose distribution counts (`arena.vllm_engine.processor`).
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterable
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig
from vllm.compilation.backends import set_model_tag
from vllm.config import VllmConfig
from vllm.model_executor.models.utils import init_vllm_registered_model, maybe_prefix

from arena.vllm_engine.members import letter, read_members

LOADED: weakref.WeakValueDictionary[str, TandemForCausalLM] = weakref.WeakValueDictionary()
"""This process's models by the engine that they belong to: how the logits processor finds the logits of the others."""


class TandemForCausalLM(nn.Module):
    """The agents of one engine. Its hidden states are theirs side by side, its logits those of the first."""

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = ""):
        super().__init__()
        self.config = vllm_config.model_config.hf_config
        folder = self.config.tandem_folder
        members = read_members(folder)
        self._agents: list[Any] = []
        self._widths: list[int] = []
        for number, member in enumerate(members):
            # Read again for each: what the engine was started with names this class as the architecture.
            config = copy.deepcopy(AutoConfig.from_pretrained(member.folder, local_files_only=True))
            name = letter(number)
            with set_model_tag(name):
                agent = init_vllm_registered_model(
                    vllm_config=vllm_config,
                    hf_config=config,
                    prefix=maybe_prefix(prefix, name),
                    architectures=config.architectures,
                )
            setattr(self, name, agent)
            self._agents.append(agent)
            self._widths.append(config.get_text_config().hidden_size)
        self.make_empty_intermediate_tensors = self._agents[0].make_empty_intermediate_tensors
        self.logits: list[Tensor] = []
        """Of the last step: [rows, V] of each member."""
        LOADED[folder] = self

    def embed_input_ids(self, input_ids: Tensor) -> Tensor:
        embedded: Tensor = self._agents[0].embed_input_ids(input_ids)
        return embedded

    def forward(
        self, input_ids: Tensor, positions: Tensor, intermediate_tensors: Any = None, inputs_embeds: Any = None
    ) -> Tensor:
        """Hidden states [tokens, sum of the members' widths]."""
        found = [agent(input_ids, positions, intermediate_tensors, inputs_embeds) for agent in self._agents]
        return torch.cat(found, dim=-1)

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Logits [rows, V] of the first member; those of all stay in ``logits``."""
        parts = torch.split(hidden_states, self._widths, dim=-1)
        pairs = zip(self._agents, parts, strict=True)
        self.logits = [agent.compute_logits(part.contiguous()) for agent, part in pairs]
        return self.logits[0]

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """Loads weights by their checkpoints' names, each after its member's name and a dot."""
        loaded = set()
        # A member's weights come one after the other; none is held longer than its loader does.
        for member, pairs in groupby(weights, key=lambda pair: pair[0].partition(".")[0]):
            own = ((name.removeprefix(f"{member}."), tensor) for name, tensor in pairs)
            loaded |= {f"{member}.{name}" for name in getattr(self, member).load_weights(own)}
        return loaded
