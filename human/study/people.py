"""How simulated people behave: when they answer, how carefully, whether they stay. Data, for `simulate` and for bots.

The numbers are guesses about people who are paid by the hour on a recruiting site, made before any pilot; what hangs on
them is said by the share of each in [simulation] people.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agents.chance import Picks
from human.study.assignment import Trial
from human.study.config import Question

WORDS = 20
"""What a person writes in a trial, about: the rest of a solution."""


@dataclass(frozen=True)
class Behaviour:
    """One kind of person."""

    thinking: float
    """Seconds before the first word of a trial."""
    writing: float
    """Words a second, thinking along included."""
    tries: float = 1.0
    """Share of trials in which it tries; in the others it writes something to be done with them."""
    rushes: float = 2.0
    """Seconds of a trial in which it does not try."""
    attends: float = 0.98
    """Chance that it answers rightly what has a right answer: comprehension and attention checks, probes."""
    leaves: float = 0.002
    """Chance, at each trial, to leave for good before it."""
    follows: float = 0.8
    """Chance to go on from a prefix; else it begins again."""
    spread: float = 0.35
    """Standard deviation of the logarithm of its times."""
    writer: str = ""
    """Where a model sits in a person's place: the agent that writes for it."""

    def seconds(self, z: float, words: int = WORDS) -> float:
        """How long a trial takes in which it tries; ``z`` is standard normal."""
        return (self.thinking + words / self.writing) * math.exp(self.spread * z)


BEHAVIOURS: Mapping[str, Behaviour] = {
    "steady": Behaviour(6, 1.2),
    "fast": Behaviour(2, 3),
    "slow": Behaviour(15, 0.6),
    "careless": Behaviour(2, 3, tries=0.3, attends=0.5),
    "leaving": Behaviour(6, 1.2, leaves=0.15),
    "model": Behaviour(0, 30, attends=1.0, leaves=0.0, follows=1.0, spread=0.1, writer="senior"),
}


@dataclass(frozen=True)
class Act:
    """What a bot does in a trial."""

    leaves: bool
    """It leaves instead."""
    seconds: float
    """From its turn to its last word."""
    follows: bool
    text: str
    """What it writes, where no agent writes for it."""
    answers: Mapping[str, str]
    """By id of the question; of an optional one perhaps none."""


def act(behaviour: Behaviour, trial: Trial, right: bool, picks: Picks) -> Act:
    """What a bot does; ``right``: it would know the answer if it tried."""
    leaves, tries = picks.uniform() < behaviour.leaves, picks.uniform() < behaviour.tries
    # Box and Muller's normal number
    z = math.sqrt(-2 * math.log(1 - picks.uniform())) * math.cos(2 * math.pi * picks.uniform())
    follows = bool(trial.prefix) and tries and picks.uniform() < behaviour.follows
    answer = trial.problem.answer if right and tries else f"{trial.problem.answer}1"
    return Act(
        leaves,
        behaviour.seconds(z) if tries else behaviour.rushes,
        follows,
        f"So it is {answer}.\n#### {answer}",
        answers(behaviour, trial.questions, picks),
    )


def answers(behaviour: Behaviour, questions: Iterable[Question], picks: Picks) -> dict[str, str]:
    """What a bot answers: rightly by its attention where there is a right answer, else anything that is allowed."""
    return {one.id: _answer(behaviour, one, picks) for one in questions if not (one.optional and picks.between(0, 1))}


def _answer(behaviour: Behaviour, one: Question, picks: Picks) -> str:
    if one.right is not None and picks.uniform() < behaviour.attends:
        return one.right
    if one.kind == "choice":
        return picks.one_of([option for option in one.options if option != one.right])
    if one.kind == "text":
        return "nothing"
    return str(picks.one_of([point for point in range(1, one.points + 1) if str(point) != one.right]))
