"""One's own task. From the folder above: ``python -m arena.run --task python:examples.own_task:Capitals --episodes 6``.

``python -m examples.own_task`` gives it a name of its own, and lets a script solve it.
"""

from __future__ import annotations

from collections.abc import Sequence

from agents import Turn, View
from agents.scripted import Scripted
from arena import Arena
from arena.tasks import Problem, Split, TaskError, register
from arena.tasks.marks import last_boxed

CAPITALS = {"France": "Paris", "Italy": "Rome", "Japan": "Tokyo", "Kenya": "Nairobi", "Norway": "Oslo", "Peru": "Lima"}


class Capitals:
    """Six problems, all of them for the test."""

    name = "capitals"

    def problems(self, split: Split) -> Sequence[Problem]:
        if split != "test":
            raise TaskError(f"capitals has no split {split!r}; it has test")
        return [Problem(f"capitals/{land}", f"What is the capital of {land}?", city) for land, city in CAPITALS.items()]

    def extract(self, text: str) -> str | None:
        return last_boxed(text)


def recall(view: View, so_far: str, turn: Turn) -> str:
    """What the script writes: of the capitals it remembers the first half."""
    land = view.question.split()[-1].rstrip("?")
    return rf"I think it is \boxed{{{CAPITALS[land] if land < 'K' else 'unknown'}}}." + "{end}"


if __name__ == "__main__":
    register("capitals", lambda options: Capitals())
    with Arena({"script": Scripted(recall)}, "capitals") as arena:
        for episode in arena.episodes(6):
            print(episode.question, episode.text, "=>", (episode.grade or {})["verdict"])
