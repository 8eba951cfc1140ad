"""Checkpoints: a folder that is whole or not there, and the last good one until the next is.

``RUN/checkpoints/step-000070`` holds the weights as transformers or peft save them (so that everybody can load them),
the tokeniser, and ``trainer.safetensors`` and ``trainer.json``: all that the next step depends on. ``last`` and
``best`` are links to two of them.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from agents.language_model import LanguageModel
from agents.loading import quiet
from training.optimiser import Optimiser


class CheckpointError(ValueError):
    """A checkpoint cannot be read; one line that names it."""


def name_of(step: int) -> str:
    return f"step-{step:06d}"


def saved_steps(folder: Path) -> list[Path]:
    """Whole checkpoints, oldest first."""
    return sorted(path for path in folder.glob("step-*") if (path / "trainer.json").is_file())


def last_of(folder: Path) -> Path | None:
    """The newest whole checkpoint."""
    return next(reversed(saved_steps(folder)), None)


def best_of(folder: Path) -> Path | None:
    link = folder / "best"
    return folder / os.readlink(link) if link.is_symlink() else None


def write(folder: Path, step: int, agent: LanguageModel, optimiser: Optimiser, state: dict[str, Any]) -> Path:
    """Writes a checkpoint beside the others and points ``last`` to it. Raises OSError and leaves nothing half-written.

    ``state`` is what else the next step depends on; it must be JSON.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    clear_leftovers(folder)
    place, half = folder / name_of(step), folder / f".{name_of(step)}.half"
    half.mkdir()
    try:
        save_weights(agent, half)
        # Dropout draws from torch's generator.
        tensors = {**optimiser.state(), "random": torch.get_rng_state()}
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, half / "trainer.safetensors")
        (half / "trainer.json").write_text(json.dumps({"step": step, **state}, indent=1) + "\n", encoding="utf-8")
        for path in [*half.rglob("*"), half]:
            _sync(path)
    except BaseException as error:
        shutil.rmtree(half, ignore_errors=True)
        if isinstance(error, OSError | KeyboardInterrupt):
            raise
        # safetensors has an error of its own for a full disk.
        raise OSError(getattr(error, "errno", None), str(error)) from error
    if place.exists():  # of a run that was killed between this and its lines: it is the same
        shutil.rmtree(place)
    os.rename(half, place)
    _sync(folder)
    point(folder, "last", place)
    return place


def save_weights(agent: LanguageModel, place: Path) -> None:
    """The weights and the tokeniser in the libraries' own form: an adapter alone, where that is what is trained."""
    with quiet():
        agent.model.save_pretrained(place)
        agent.tokenizer.save_pretrained(place)
    card = place / "README.md"  # peft writes one that says nothing
    card.unlink(missing_ok=True)


def point(folder: Path, name: str, place: Path) -> None:
    """Makes the link ``name`` point to a checkpoint; it always points to one."""
    link = folder / f".{name}.link"
    link.unlink(missing_ok=True)
    link.symlink_to(place.name)
    os.replace(link, folder / name)
    _sync(folder)


def mend_links(folder: Path, best: int | None) -> None:
    """After a kill between a checkpoint and its links: ``last`` is the newest, ``best`` what that one knows as best."""
    last = last_of(folder)
    if last is None:
        return
    if not (folder / "last").is_symlink() or os.readlink(folder / "last") != last.name:
        point(folder, "last", last)
    if best is not None and (folder / name_of(best)).is_dir():
        there = best_of(folder)
        if there is None or there.name != name_of(best):
            point(folder, "best", folder / name_of(best))


def prune(folder: Path, keep: int) -> None:
    """Removes all but the newest checkpoints and the best."""
    best = best_of(folder)
    for place in saved_steps(folder)[:-keep]:
        if best is None or place.name != best.name:
            # Renamed first: a kill in the middle must not leave what looks like a checkpoint.
            gone = folder / f".{place.name}.gone"
            os.rename(place, gone)
            shutil.rmtree(gone)


def clear_leftovers(folder: Path) -> None:
    """What a kill left half-written or half-removed."""
    for path in folder.glob(".step-*"):
        shutil.rmtree(path, ignore_errors=True)


def read(place: Path, agent: LanguageModel, optimiser: Optimiser) -> dict[str, Any]:
    """Puts a checkpoint's weights and optimiser back; returns its state. Raises CheckpointError."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        load_weights(place, agent)
        tensors = load_file(place / "trainer.safetensors")
        torch.set_rng_state(tensors.pop("random"))
        optimiser.load_state(tensors)
        state: dict[str, Any] = json.loads((place / "trainer.json").read_text(encoding="utf-8"))
        return state
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{place}: cannot be gone on with: {str(error).splitlines()[0]}") from None


def sizes_of(place: Path) -> dict[str, int]:
    """How long the run's files were when a checkpoint was written. Raises CheckpointError."""
    try:
        sizes: dict[str, int] = json.loads((place / "trainer.json").read_text(encoding="utf-8"))["sizes"]
        return sizes
    except (OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"{place}: cannot be gone on with: {error}") from None


def load_weights(place: Path, agent: LanguageModel) -> None:
    """The weights of a checkpoint into the model that wrote it, or one of its kind."""
    from safetensors.torch import load_file

    if (place / "adapter_model.safetensors").is_file():
        from peft import set_peft_model_state_dict

        found: Any = set_peft_model_state_dict(agent.model, load_file(place / "adapter_model.safetensors"))
        if found.unexpected_keys:
            raise ValueError(f"its adapter does not fit: {found.unexpected_keys[0]}")
        return
    files = sorted(place.glob("model*.safetensors"))
    tensors = {name: tensor for file in files for name, tensor in load_file(file).items()}
    own = agent.model.state_dict()
    for name, tensor in tensors.items():
        if name not in own or own[name].shape != tensor.shape:
            raise ValueError(f"its weights do not fit: {name}")
    missing = agent.model.load_state_dict(tensors, strict=False).missing_keys
    given = {own[name].data_ptr() for name in tensors}  # a tied weight is stored under one of its names
    if lost := [name for name in missing if own[name].data_ptr() not in given]:
        raise ValueError(f"its weights lack {lost[0]}")


def _sync(path: Path) -> None:
    with suppress(OSError):  # some file systems cannot for folders
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
