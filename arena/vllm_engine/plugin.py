"""vLLM's plug-in entry point: makes the agents' common model known by its name, in every process of vLLM.

Nothing is imported but what vLLM has imported already, and nothing happens where the model is not asked for.
"""

from __future__ import annotations

ARCHITECTURE = "TandemForCausalLM"


def register() -> None:
    """Called by vLLM (entry point ``vllm.general_plugins``)."""
    from vllm import ModelRegistry

    if ARCHITECTURE not in ModelRegistry.get_supported_archs():
        ModelRegistry.register_model(ARCHITECTURE, "arena.vllm_engine.model:TandemForCausalLM")
