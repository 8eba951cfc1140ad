"""Three jargons that have nothing in common but that a junior breaks on them, or does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from arena.tasks.arithmetic.notation import Notation, begun
from training.experiments.base import RIGHT, Arm, Column, Experiment, Panel, Table

if TYPE_CHECKING:
    from arena.episode import Episode

SENIORS: dict[str, tuple[Notation, str, str]] = {
    "calculator": ("calculator", "senior", "junior-jargon"),
    "rpn": ("rpn", "senior-rpn", "junior-rpn"),
    "codes": ("codes", "senior-codes", "junior-codes"),
}
"""By arm: the notation, who writes it, and the junior that reads it."""


def notation_rate(arm: Arm, episodes: Sequence[Episode]) -> dict[str, float]:
    """The share of solutions in which an arm's notation was begun."""
    notation = cast(Notation, arm.seen)
    return {"notation": sum(begun(one.text, notation) for one in episodes) / len(episodes)} if episodes else {}


def jargons() -> Experiment:
    """Is it about the junior, or about one jargon?"""
    arms = []
    for name, (notation, senior, reader) in SENIORS.items():
        pairs = {"breaks": "junior", "reads": reader}
        sets = (f"agents.senior.address={senior}", "evaluation.pair=senior:junior")
        for how, junior in pairs.items():
            given = (*sets, f"agents.junior.address={junior}")
            arms.append(Arm(f"{name}-{how}", f"{name}, a junior that {how}", sets=given, seen=notation))
        plain = (*sets, "agents.junior.address=junior")
        arms.append(Arm(f"{name}-alone", f"{name}, no junior", control="no-junior", sets=plain, seen=notation))
        arms.append(
            Arm(f"{name}-ignored", f"{name}, reward ignored", control="reward-ignored", sets=plain, seen=notation)
        )
    kinds = {"breaks": "a junior that breaks", "reads": "a junior that reads it", "alone": "no junior"}
    kinds["ignored"] = "reward ignored (c = 1)"
    return Experiment(
        "Does a jargon go, whichever it is, because the junior breaks on it?",
        tuple(arms),
        recipe="jargons",
        panels=tuple(
            Panel(title.format(name), condition, measure, {label: f"{name}-{how}" for how, label in kinds.items()})
            for title, condition, measure in (
                ("Share of solutions: {}", "solo:senior", "notation"),
                ("Accuracy alone: {}", "solo:senior", "accuracy"),
                ("Accuracy of the team: {}", "team", "accuracy"),
            )
            for name in SENIORS
        ),
        tables=(
            Table(
                "Share of solutions in which the jargon was begun, senior alone",
                (
                    Column("before", "first", "solo:senior", "notation"),
                    Column("after", "test", "solo:senior", "notation"),
                ),
            ),
            RIGHT,
        ),
        look=notation_rate,
        notes=(
            "The team of every arm is the senior with the junior of that arm; without one, with the plain junior.",
            "Before: held-out problems, before the first update. After: test problems.",
        ),
    )
