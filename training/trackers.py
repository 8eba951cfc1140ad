"""TensorBoard and trackio beside the run's own metrics, for who looks there."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from arena.command import fail
from training.config import TrainConfig, saved
from training.world import World


def numbers(line: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a line of metrics under its path, as held_out/team/accuracy."""
    for name, value in line.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{path}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and name != "step":
            yield f"{path}{name}", float(value)


class Tracked:
    """A display, and the trackers that the configuration asks for. Raises UserError if one is not installed."""

    def __init__(self, display: Any, config: TrainConfig, folder: Path, world: World):
        self._display, self._config, self._folder, self._main = display, config, folder, world.main
        self._opened = ExitStack()
        self._board: Any = None
        self._trackio: Any = None

    def began(self, step: int, steps: int) -> None:
        self._display.began(step, steps)
        if self._main and self._config.log.tensorboard:
            # What was written after the checkpoint that the run goes on from is written again.
            board = _library("torch.utils.tensorboard", "tensorboard", "tensorboard=true")
            self._board = board.SummaryWriter(str(self._folder / "tensorboard"), purge_step=step + 1 if step else None)
            self._opened.callback(self._board.close)

    def stepped(self, line: Mapping[str, Any]) -> None:
        self._display.stepped(line)
        for name, value in numbers(line) if self._board else ():
            self._board.add_scalar(name, value, line["step"])
        if self._trackio:
            self._trackio.log(dict(numbers(line)), step=line["step"])

    def __enter__(self) -> Tracked:
        if self._main and self._config.log.tensorboard:
            _library("torch.utils.tensorboard", "tensorboard", "tensorboard=true")
        if self._main and self._config.log.trackio:
            self._trackio = _library("trackio", "trackio", f"trackio={self._config.log.trackio}")
            self._trackio.init(project=self._config.log.trackio, name=self._folder.name, config=saved(self._config))
            self._opened.callback(self._trackio.finish)
        self._opened.enter_context(self._display)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._opened.__exit__(kind, error, at)


def _library(module: str, package: str, asked: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        fail(f"--set log.{asked}: {package} is not installed: pip install {package}")
