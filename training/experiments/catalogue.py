"""The experiments by name: what question each asks, and which arms answer it."""

from __future__ import annotations

from collections.abc import Callable

from training.experiments.base import Arm, Experiment
from training.experiments.jargons import jargons
from training.experiments.languages import languages


def sanity() -> Experiment:
    """Paper 1's main figure against all its controls."""
    return Experiment(
        "Does the senior's jargon go, because the junior breaks on it?",
        (
            Arm("tandem", "tandem"),
            Arm("no-junior", "no junior", control="no-junior"),
            Arm("jargon-junior", "a junior that reads the jargon", control="jargon-junior"),
            Arm("reward-ignored", "reward ignored (c = 1)", control="reward-ignored"),
        ),
        notes=("The team of every arm is the senior with the plain junior, but where the junior reads the jargon.",),
    )


def granularity() -> Experiment:
    """At which unit the pen changes hands."""
    units = ("token", "word", "spaced-token", "sentence", "line")
    return Experiment(
        "Which unit should be handed over?",
        tuple(Arm(unit, unit, sets=(f"--handoff={unit}:p=0.5", "evaluation.handoff=word:p=0.5")) for unit in units),
        notes=("Every arm is evaluated under word:p=0.5, so that the arms can be compared.",),
    )


def schedules() -> Experiment:
    """How much the senior writes, and whether that changes over the steps."""
    arms = {
        "p25": ("p = .25", "word:p=0.25"),
        "p50": ("p = .5", "word:p=0.5"),
        "p75": ("p = .75", "word:p=0.75"),
        "falling": ("p from .9 to .5", "word:curriculum=0.9..0.5@30"),
        "rising": ("p from .1 to .5", "word:curriculum=0.1..0.5@30"),
        "once": ("once, in the middle", "word:once=0.5"),
    }
    return Experiment(
        "Who should write how much, and when?",
        tuple(
            Arm(name, title, sets=(f"--handoff={handoff}", "evaluation.handoff=word:p=0.5"))
            for name, (title, handoff) in arms.items()
        ),
        notes=("Every arm is evaluated under word:p=0.5, so that the arms can be compared.",),
    )


def sweep() -> Experiment:
    """Paper 1's two knobs, chosen as it chose them."""
    cs, js = (0.0, -0.3, -0.5), (0.0, 0.2, 0.35, 1.0)
    return Experiment(
        "How should failures (c) and the junior's words (j) count?",
        tuple(
            Arm(f"c{c:g}-j{j:g}", f"c = {c:g}, j = {j:g}", sets=(f"objective.c={c}", f"objective.j={j}"))
            for c in cs
            for j in js
        ),
        chosen_by="team.accuracy",
        notes=("Chosen by the team's held-out accuracy, mean over the seeds; only the chosen arm is tested.",),
    )


def transfer() -> Experiment:
    """Partners that the senior never met."""
    strangers = ("junior", "junior-other", "junior-jargon")
    return Experiment(
        "Is the trained senior easier to follow for a junior that it never met?",
        (
            Arm("junior", "trained with the junior", partners=strangers),
            Arm(
                "both",
                "with the junior or another, drawn per episode",
                sets=("--pair=senior:junior,senior:junior-other",),
                partners=strangers,
            ),
            Arm("no-junior", "trained alone", control="no-junior", partners=strangers),
            Arm("untrained", "not trained", partners=strangers, trained=False),
        ),
        notes=("Test: the senior with each partner, under the policy of the evaluations, and each alone.",),
    )


EXPERIMENTS: dict[str, Callable[[], Experiment]] = {
    make.__name__: make for make in (sanity, granularity, schedules, sweep, transfer, jargons, languages)
}
