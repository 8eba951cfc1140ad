"""Runs for tests of analysis: real episodes whose grades are made, in folders as commands leave them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w

from arena import Arena
from arena.episode import Episode

CONFIG = {
    "pair": "senior:junior",
    "task": "arithmetic",
    "handoff": "word:p=0.5",
    "limit": 64,
    "seed": 0,
    "split": "test",
    "episodes": 6,
    "agents": {"senior": {"address": "senior", "prompt": "{question}\n"}, "junior": {"address": "junior"}},
}


def six() -> list[Episode]:
    """Episodes of six problems."""
    with Arena({"senior": "senior", "junior": "junior"}, seed=3, limit=64) as arena:
        return sorted(arena.episodes(6), key=lambda episode: episode.problem_id)


def made(episode: Episode, **changes: Any) -> Episode:
    """The episode with other fields: a record for statistics, no proof of anything."""
    right = changes.pop("right", None)
    grade = dict(episode.grade or {})
    if right is not None:
        grade |= {"verdict": "correct" if right else "wrong", "reason": "made"}
    return dataclasses.replace(episode, **{"grade": grade, "digest": "", **changes})


def write(folder: Path, episodes: Sequence[Episode], config: dict[str, Any] | None = None, **more: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(tomli_w.dumps({**(config or CONFIG), **more}))
    (folder / "episodes.jsonl").write_bytes(b"".join(episode.line() for episode in episodes))
    (folder / "summary.json").write_text("{}")
    return folder


def alone(episode: Episode, name: str, right: bool) -> Episode:
    return made(episode, right=right, condition=f"solo:{name}", id=f"{episode.id}:solo:{name}", authors=[name])


def run_of(folder: Path, played: Sequence[Episode], team: str, senior: str = "111111", **more: Any) -> Path:
    """A run whose episodes are right as the strings say: one digit a problem."""
    episodes = [made(one, right=mark == "1") for one, mark in zip(played, team, strict=True)]
    episodes += [alone(one, "senior", mark == "1") for one, mark in zip(played, senior, strict=True)]
    return write(folder, episodes, **more)


def training(folder: Path, played: Sequence[Episode], team: str, seed: int, **more: Any) -> Path:
    config = {**CONFIG, "seed": seed, "optimiser": {"learning_rate": 0.1}, "control": "", **more}
    write(folder, [], config)
    for name, mark in (("validation", "000000"), ("test", team)):
        step = 0 if name == "validation" else 2
        run_of(folder / name, [made(one, step=step, id=f"{one.id}@{step}") for one in played], mark, config=config)
    held_out = {"team": {"accuracy": 0.5}, "solo:senior": {"accuracy": 1.0, "jargon_rate": 0.5}}
    lines = [{"step": step, "held_out": held_out} for step in range(3)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder
