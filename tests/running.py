"""What the tests of the run command share: subprocesses, and runs read back."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from arena.lines import read_episodes
from arena.proof import problems_of

ROOT = Path(__file__).parents[1]
PYTHON = [sys.executable, "-m", "arena.run"]
# A command that the program prints begins with `python`; subprocesses find this one, and our packages, everywhere.
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    "PYTHONPATH": str(ROOT),
}


def plain(folder: Path) -> list[dict[str, Any]]:
    """A run's episodes, proven, without their timings."""
    out = []
    for episode in read_episodes(folder):
        assert problems_of(episode) == []
        out.append({**asdict(episode), "timings": None})
    return out


def ids(folder: Path) -> list[str]:
    return [episode.id for episode in read_episodes(folder)]


def only_line(text: str) -> str:
    assert text.count("\n") == 1, text
    return text
