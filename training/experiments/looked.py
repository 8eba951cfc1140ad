"""What an experiment's look finds in the stored episodes of its runs: over updates, on test, and in its trials."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from arena.lines import read_episodes
from training.experiments.base import Arm, Look


class Found(NamedTuple):
    """Figures of the episodes of one condition."""

    figures: Mapping[str, float]
    episodes: int


@lru_cache(maxsize=4096)
def looked(folder: Path, arm: Arm, look: Look) -> dict[tuple[int, str], Found]:
    """By step and condition, of a folder of episodes; of one that is not there nothing. Read once."""
    groups: dict[tuple[int, str], list] = {}  # type: ignore[type-arg]
    if (folder / "episodes.jsonl").is_file():
        for episode in read_episodes(folder):
            groups.setdefault((episode.step or 0, episode.condition), []).append(episode)
    return {key: Found(look(arm, episodes), len(episodes)) for key, episodes in groups.items()}
