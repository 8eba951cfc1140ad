"""``python -m human.replay RUN [RUN2]``: stored episodes, gone through by keys."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from arena.command import fail, run_command


@dataclass
class ReplayConfig:
    """Go through the episodes of a run turn by turn, or compare those of two runs.

    Example: python -m human.replay runs/a runs/b
    """

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run's folder, or an episodes file."""
    other: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[RUN2]")] = None
    """A second run, to be compared: episodes are paired by problem, sample, condition and step."""
    theme: Literal["dark", "light"] = "dark"
    """To begin with; l changes it."""
    plain: bool = False
    """Not an app but lines: there are none here, and the error says who prints solutions."""


def main(config: ReplayConfig) -> int:
    """Runs the app. Raises UserError where there is no terminal, or no run."""
    from analysis.stored import episodes_file
    from arena.lines import StoreError

    runs = [config.run] if config.other is None else [config.run, config.other]
    try:
        for run in runs:
            episodes_file(run)
    except StoreError as error:
        fail(str(error))
    if config.plain or not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        view = shlex.join(["python", "-m", "analysis.read", str(config.run), "--view"])
        fail(f"replay needs a terminal for its keys; {view} PROBLEM#SAMPLE:CONDITION prints a solution without one")
    from human.marks import ascii_only
    from human.replay.app import ReplayApp

    try:
        app = ReplayApp(runs, dark=config.theme == "dark", ascii_only=ascii_only())
    except StoreError as error:
        fail(str(error))
    app.run()
    return app.return_code or 0


if __name__ == "__main__":
    run_command(main, ReplayConfig, prog="python -m human.replay")
