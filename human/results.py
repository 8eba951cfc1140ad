"""A run's figures, as they are told to whoever played it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def results(conditions: Mapping[str, Mapping[str, Any]], folder: Path) -> Iterator[str]:
    """A line for each thing to know."""
    for name, one in conditions.items():
        right = round(one["accuracy"] * one["episodes"])
        who = "together" if name == "team" else f"{name.partition(':')[2]} alone"
        unreadable = f", {one['unreadable']} unreadable" if one["unreadable"] else ""
        yield f"{who}: {right} of {one['episodes']} right{unreadable}"
        if len(one["author_share"]) > 1:
            shares = ", ".join(f"{author} {share:.0%}" for author, share in one["author_share"].items())
            yield f"words by {shares}; {one['handoffs_per_episode']:.1f} handoffs a solution"
    yield f"stored in {folder}; python -m human.replay {folder} goes through it again"
