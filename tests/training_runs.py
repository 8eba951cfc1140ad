"""What the tests of training share: small runs of the embedded pair, and what they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from arena.lines import read_lines
from tests.running import plain
from training.run import cli

SMALL = [
    *("--set", "rollouts.problems=16"),
    *("--set", "rollouts.limit=128"),
    *("--set", "evaluation.problems=8"),
    *("--set", "evaluation.every=2"),
    *("--set", "evaluation.test=0"),
    *("--set", "checkpoints.every=1"),
]


def train(out: Path, *flags: str, steps: int = 2) -> int:
    """Runs a small training into a folder; its exit code."""
    return cli(["--steps", str(steps), *SMALL, *flags, "--out", str(out)])


def metrics(folder: Path) -> list[dict[str, Any]]:
    """A run's lines, without the time that they took."""
    return [{**line, "seconds": None} for _, line in read_lines(folder / "metrics.jsonl")]


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_bytes())
    return found


def everything(folder: Path) -> dict[str, Any]:
    """All that a run leaves and that must not depend on how often it was stopped."""
    last = folder / "checkpoints" / "last"
    return {
        "episodes": plain(folder),
        "validation": plain(folder / "validation"),
        "metrics": metrics(folder),
        "weights": (last / "model.safetensors").read_bytes() if (last / "model.safetensors").exists() else None,
        "trainer": (last / "trainer.safetensors").read_bytes(),
        "summary": {**summary(folder), "seconds": None, "tokens_per_second": None},
        "checkpoints": sorted(path.name for path in (folder / "checkpoints").iterdir()),
    }
