"""Loading a Hugging Face causal model from a folder or by a hub id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from agents.contract import AgentError
from agents.distribution import Sampling
from agents.language_model import LanguageModel


def load_language_model(path: str, *, prompt: str = "{question}\n", sampling: Sampling | None = None) -> LanguageModel:
    """Loads ``path`` (a folder, or a hub id) in fp32 from safetensors. Raises AgentError in one line.

    Nothing is fetched for a folder; remote code stays off. bf16 weights are computed in fp32, because bf16 products
    are slow on CPUs and their roundings would move factors by more than 1e-4.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as library_log

    logging: Any = library_log
    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # a bar for loading a few tensors would be most of what a log shows
    logging.set_verbosity_error()  # what is wrong with a model is said once, in the error
    local = Path(path).expanduser()
    if path.startswith((".", "/", "~")) and not local.is_dir():
        raise AgentError(f"hf:{path}: there is no such folder")
    if local.is_dir() and not (local / "config.json").is_file():
        raise AgentError(f"hf:{path}: there is no config.json in this folder, so there is no model in it")
    try:
        where = str(local) if local.is_dir() else path
        here = local.is_dir()
        tokenizer = AutoTokenizer.from_pretrained(where, local_files_only=here, trust_remote_code=False)
        auto: Any = AutoModelForCausalLM
        model, loading = auto.from_pretrained(
            where,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=here,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise AgentError(f"hf:{path}: {why}") from None
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
    if missing := loading["missing_keys"]:
        first = sorted(missing)[0]
        raise AgentError(f"hf:{path}: not a causal language model: {len(missing)} weights are missing, as {first}")
    agent = LanguageModel(model, tokenizer, prompt=prompt, sampling=sampling)
    if not agent.encode("a")[0]:
        raise AgentError(f"hf:{path}: its tokeniser gives no tokens; is there a tokenizer.json in the folder?")
    return agent
