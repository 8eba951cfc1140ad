"""Starting vLLM, and the parameters of its requests. vLLM is imported here when it is used, after its settings."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from agents.contract import AgentError
from arena.vllm_engine.members import ADDITIONAL
from arena.vllm_engine.plan import EXTRA
from arena.vllm_engine.plugin import ARCHITECTURE, register

if TYPE_CHECKING:
    from arena.vllm_engine.plan import RowPlan


def start(folder: str, model: str, dtype: str, options: dict[str, Any]) -> Any:
    """Starts vLLM with empty weights. ``folder`` is that of `members`. Raises AgentError in one line."""
    threads = torch.set_num_threads
    try:
        with _hushed(), _numbers_kept():
            from vllm import EngineArgs, LLMEngine

            register()  # vLLM does it too, in all its processes, where this package's entry points are installed
            arguments = EngineArgs(
                model=model,
                skip_tokenizer_init=True,
                load_format="dummy",
                dtype=dtype.removeprefix("torch."),
                hf_overrides={"architectures": [ARCHITECTURE], "tandem_folder": folder},
                logits_processors=["arena.vllm_engine.processor:TandemProcessor"],
                worker_extension_cls="arena.vllm_engine.worker.TandemWorker",
                additional_config={ADDITIONAL: folder},
                logprobs_mode="processed_logits",
                disable_log_stats=True,
                seed=0,
                **options,
            )
            return LLMEngine.from_engine_args(arguments)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        why = next((line for line in lines if "error," in line), lines[0])
        raise AgentError(
            f"--engine vllm: it does not start: {why[:400]} (VLLM_LOGGING_LEVEL=INFO shows more)"
        ) from None
    finally:
        torch.set_num_threads = threads  # vLLM's CPU worker takes it away from the whole process


def defaults(cache: int) -> dict[str, Any]:
    """Options that are not vLLM's own defaults. ``cache``: bytes of key-value cache that all rows could fill."""
    with _hushed():
        from vllm.platforms import current_platform

    # Compiled graphs and asynchronous scheduling have to be asked for: docs/VLLM.md says what has been seen with them.
    ours: dict[str, Any] = {"enforce_eager": True, "async_scheduling": False}
    if current_platform.is_cpu():
        ours["kv_cache_memory_bytes"] = cache  # by default it is a large part of the machine's memory
    return ours


def parameters(plan: RowPlan, end: int) -> Any:
    """vLLM's parameters of a row: the processor leaves one token, and the logits carry the factors."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=0.0,
        max_tokens=plan.limit - plan.start,
        stop_token_ids=[end],
        ignore_eos=True,
        logprobs=2,
        flat_logprobs=True,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
        extra_args={EXTRA: plan.plain()},
    )


def version() -> dict[str, str]:
    """What is stored with an episode."""
    import vllm

    return {"vllm": str(vllm.__version__)}


def in_process() -> bool:
    """Does vLLM run in this process, so that weights pass by reference?"""
    return os.environ.get("VLLM_ENABLE_V1_MULTIPROCESSING") == "0"


def cache_bytes(model: Any) -> int:
    """Of one token in every layer's key-value cache."""
    heads, size = heads_of(model)
    return int(2 * model.config.get_text_config().num_hidden_layers * heads * size * model.dtype.itemsize)


def heads_of(model: Any) -> tuple[int, int]:
    """(number, size) of the heads of keys and values."""
    config = model.config.get_text_config()
    number = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    return number, getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


@contextmanager
def _numbers_kept() -> Iterator[None]:
    """vLLM seeds the random numbers of the whole process; they go on here as if it had not."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if gpus:
            torch.cuda.set_rng_state_all(gpus)


@contextmanager
def _hushed() -> Iterator[None]:
    """Drops what vLLM's libraries write to stderr about this machine, unless its log was asked for."""
    if os.environ.get("VLLM_LOGGING_LEVEL") != "ERROR":
        yield
        return
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
