"""Loading a Hugging Face causal model, with an adapter or in 4 bits if asked for, from a folder or by a hub id."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from agents.contract import AgentError
from agents.distribution import Sampling
from agents.hush import HUB_LIBRARY, hushed
from agents.language_model import LanguageModel
from agents.prompting import Prompting
from agents.registry import DEVICE, DTYPES

ADAPTERS = ("IA3", "LOHA", "LOKR", "LORA", "OFT", "VERA")
"""PEFT types that change nothing but layers, and with which an episode's factors are tested to be the model's own."""
_NOT_LORA = ("alora_invocation_tokens", "arrow_config", "megatron_config", "monteclora_config")
"""What makes of a LoRA one that depends on the whole prompt, routes, imports a module by its name, or draws."""


def load_language_model(
    path: str,
    *,
    prompt: str | Prompting = "{question}\n",
    sampling: Sampling | None = None,
    marker: str | None = None,
    adapter: str = "",
    four_bit: bool = False,
    dtype: str = "auto",
    device: str = "auto",
    revision: str = "",
    trust_remote_code: bool = False,
) -> LanguageModel:
    """Loads ``path`` (a folder, or a hub id) from safetensors. Raises AgentError in one line.

    Nothing is fetched for a folder, and code that comes with a model is run only with ``trust_remote_code``. ``dtype``
    auto is fp32 on CPUs, where bf16 products are slow and their roundings would move factors by more than 1e-4, and
    the checkpoint's own on a GPU. ``adapter`` (a folder, or a hub id) is a PEFT adapter; it is not merged, and its own
    weights are left trainable. ``four_bit`` quantises to nf4 with double quantisation while loading.
    """
    said = f"hf:{path}"
    if dtype not in DTYPES:
        raise AgentError(f"{said}: dtype must be one of {', '.join(DTYPES)}, not {dtype!r}")
    where = _folder_or_id(path, said)
    place = _device(device, said)
    known: dict[str, Any] = {"local_files_only": Path(where).is_dir(), "trust_remote_code": trust_remote_code}
    if revision:
        known["revision"] = revision
    with quiet(), _one_line(said):
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(where, **known)
        wanted = {"dtype": _dtype(dtype, place), **(_four_bits(where, known, dtype, place, said) if four_bit else {})}
        auto: Any = AutoModelForCausalLM
        model, loading = auto.from_pretrained(where, use_safetensors=True, output_loading_info=True, **known, **wanted)
        if getattr(model, "_hf_peft_config_loaded", False):
            raise AgentError(f'{said}: is an adapter; write the model as the address, and adapter = "{path}"')
        if missing := loading["missing_keys"]:
            first = sorted(missing)[0]
            raise AgentError(f"{said}: not a causal language model: {len(missing)} weights are missing, as {first}")
        if model.device != place:
            model = model.to(place)
        if adapter:
            model = _adapted(model, adapter, f"{said}: adapter {adapter}")
    try:
        agent = LanguageModel(model, tokenizer, prompt=prompt, sampling=sampling, marker=marker)
    except ValueError as error:
        raise AgentError(f"{said}: {error}") from None
    if not agent.encode("a")[0]:
        raise AgentError(f"{said}: its tokeniser gives no tokens; is there a tokenizer.json in the folder?")
    return agent


@contextmanager
def quiet() -> Iterator[None]:
    """What is wrong with a model is said once, in the error; a bar for loading it would be most of what a log shows."""
    from transformers.utils import logging as library_log

    log: Any = library_log
    bars, level = log.is_progress_bar_enabled(), log.get_verbosity()
    log.disable_progress_bar()
    log.set_verbosity_error()
    try:
        with warnings.catch_warnings(), hushed("bitsandbytes", HUB_LIBRARY):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


@contextmanager
def _one_line(said: str) -> Iterator[None]:
    """Whatever the libraries raise becomes an AgentError: a spoilt file, or a model's own code, may raise anything."""
    try:
        yield
    except AgentError:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        # PyTorch says what does not fit only in its second line.
        why = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
        raise AgentError(f"{said}: {why}") from None


def _folder_or_id(path: str, said: str, holds: str = "config.json") -> str:
    """The folder, if there is one, else the hub id. Raises AgentError for a folder that cannot be."""
    local = Path(path).expanduser()
    if not local.is_dir():
        if path.startswith((".", "/", "~")):
            raise AgentError(f"{said}: there is no such folder")
        return path
    if holds == "config.json" and (local / "adapter_config.json").is_file():
        raise AgentError(f'{said}: holds an adapter; write its model as the address, and adapter = "{path}"')
    if not (local / holds).is_file():
        what = "model" if holds == "config.json" else "adapter"
        raise AgentError(f"{said}: there is no {holds} in this folder, so there is no {what} in it")
    return str(local)


def _device(device: str, said: str) -> torch.device:
    """Raises AgentError for a device that is not there."""
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        device = "cuda" if there else "cpu"
    if not DEVICE.fullmatch(device):
        raise AgentError(f"{said}: device must be auto, cpu, cuda or cuda:N, not {device!r}")
    place = torch.device(device)
    if place.type == "cpu":
        return torch.device("cpu")
    place = torch.device("cuda", place.index or 0)
    if place.index >= there:
        raise AgentError(f"{said}: device {device}: there are {there} CUDA devices here; leave device out, or say cpu")
    return place


def _dtype(dtype: str, place: torch.device) -> Any:
    """What transformers is told: a dtype, or "auto" for the checkpoint's own."""
    if dtype == "auto":
        return torch.float32 if place.type == "cpu" else "auto"
    return getattr(torch, dtype)


def _library(name: str, said: str, extra: str) -> Any:
    """A library that not everybody needs. Raises AgentError naming the extra that brings it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if error.name not in (None, name):  # it is there, but something that it needs is not
            raise AgentError(f"{said}: {name} cannot be imported: {error}") from None
        raise AgentError(f"{said} needs {name}: pip install 'tandem-arena[{extra}]'") from None


def _four_bits(where: str, known: dict[str, Any], dtype: str, place: torch.device, said: str) -> dict[str, Any]:
    """What transformers is told for 4 bits; products are computed in the model's dtype. Raises AgentError."""
    _library("accelerate", f"{said}: four_bit", "4bit")  # places the weights while they are quantised
    _library("bitsandbytes", f"{said}: four_bit", "4bit")
    import transformers

    computed = _dtype(dtype, place)
    if computed == "auto":
        computed = getattr(transformers.AutoConfig.from_pretrained(where, **known), "dtype", None) or torch.bfloat16
    config: Any = transformers.BitsAndBytesConfig
    bits = config(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=computed,
    )
    return {"quantization_config": bits, "device_map": {"": str(place)}, "dtype": computed}


def _adapted(model: Any, adapter: str, said: str) -> Any:
    """The model with its adapter, as a PeftModel. Raises AgentError if the adapter is for another model."""
    peft = _library("peft", said, "peft")
    with _one_line(said):
        folder = _folder_or_id(adapter, said, "adapter_config.json")
        if not Path(folder).is_dir():
            from huggingface_hub import snapshot_download

            # Only what is read: an adapter's repository may hold pickled weights and training states, too.
            folder = snapshot_download(adapter, allow_patterns=["adapter_config.json", "adapter_model.safetensors"])
        if not (Path(folder) / "adapter_model.safetensors").is_file():
            raise AgentError(f"{said}: there is no adapter_model.safetensors in it; only safetensors are read")
        given = json.loads((Path(folder) / "adapter_config.json").read_text(encoding="utf-8"))
        kind, task = given.get("peft_type"), given.get("task_type")
        if kind not in ADAPTERS:
            raise AgentError(f"{said}: cannot be used: it is of type {kind}, known are {', '.join(ADAPTERS)}")
        if unknown := next((name for name in _NOT_LORA if given.get(name)), None):
            raise AgentError(f"{said}: cannot be used: its {unknown} is set")
        if task not in (None, "CAUSAL_LM"):
            raise AgentError(f"{said}: is for the task {task}, not for CAUSAL_LM")
        config = peft.PeftConfig.from_pretrained(folder)
        options: dict[str, Any] = {"is_trainable": True, "torch_device": str(model.device)}
        adapted = peft.PeftModel.from_pretrained(model, folder, config=config, **options)
        # Once more, for the sake of what it answers: which weights found no place, and which places no weights.
        renamed = getattr(model, "_checkpoint_conversion_mapping", None)
        fit = adapted.load_adapter(folder, "default", key_mapping=renamed, **options)
        if wrong := [*fit.unexpected_keys, *fit.missing_keys]:
            raise AgentError(f"{said}: is for another model: {len(wrong)} weights do not fit, as {wrong[0]}")
        return adapted
