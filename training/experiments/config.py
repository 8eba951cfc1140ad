"""What ``python -m training.experiments`` is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass
class ExperimentConfig:
    """Run an experiment: arms times seeds. Give the same command again to go on where it stopped.

    Example: python -m training.experiments sanity --seeds 5 --out runs/sanity
    """

    name: Annotated[
        Literal["sanity", "granularity", "schedules", "sweep", "transfer", "jargons", "languages"], tyro.conf.Positional
    ]
    """sanity: does the jargon go, against all controls; granularity: which unit; schedules: who writes how much;
    sweep: c and j; transfer: partners that were never met; jargons: three that have nothing in common; languages:
    senior and junior write different ones."""
    out: Path
    """Folder of the experiment; ARM/seed-N in it are training runs."""
    seeds: int = 5
    """How many seeds of every arm."""
    first: int = 0
    """The first of them; the others follow."""
    join: list[Path] = field(default_factory=list)
    """Folders of the same experiment with other seeds: their figures are counted in (results.csv, curves.csv)."""
    recipe: str = ""
    """Another recipe than the experiment's own (tiny)."""
    arms: list[str] = field(default_factory=list)
    """Only these arms."""
    steps: int = 0
    """Steps of every run; 0 leaves them as the recipe has them."""
    jobs: int = 1
    """How many runs at once."""
    test: int = 1000
    """Test problems for what is tested after the training: a sweep's chosen arm, strangers, other languages."""
    set: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """FIELD=VALUE for every run, as for training.run."""
    json: bool = False
    """Print the rows as JSON."""
