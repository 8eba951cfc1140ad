"""Populations with known truth, from which the simulated studies of `benchmarks.coverage` are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from analysis.statistics.crossed import logit_for

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Problems:
    """How the chance of being solved differs between problems: logistic, normal in logits."""

    name: str
    shared: float
    """Standard deviation of a problem's ease, the same for both arms."""
    own: float
    """... and of what is added to it in each arm alone."""

    def chances(self, drawn: np.random.Generator, n: int, accuracies: tuple[float, float]) -> tuple[Floats, Floats]:
        """Of ``n`` problems in either arm; over all problems they average to the accuracies."""
        ease = self.shared * drawn.standard_normal(n)
        a, b = (
            special.expit(logit_for(mean, self.spread) + ease + self.own * drawn.standard_normal(n))
            for mean in accuracies
        )
        return a, b

    @property
    def spread(self) -> float:
        return float(np.hypot(self.shared, self.own))

    def allows(self, *accuracies: float) -> bool:
        """Whether problems can be of this kind at these accuracies."""
        return True

    def pass_at(self, k: int, accuracy: float) -> float:
        """E[1 - (1 - p)^k] over problems, by quadrature."""
        points, weights = np.polynomial.hermite_e.hermegauss(101)
        chance = special.expit(logit_for(accuracy, self.spread) + self.spread * points)
        return float(weights @ (1 - (1 - chance) ** k) / weights.sum())


@dataclass(frozen=True)
class FewHard(Problems):
    """Most problems are always solved; the others, other ones in each arm, half of the time."""

    def chances(self, drawn: np.random.Generator, n: int, accuracies: tuple[float, float]) -> tuple[Floats, Floats]:
        a, b = (np.where(drawn.random(n) < 2 * (1 - mean), 0.5, 1.0) for mean in accuracies)
        return a, b

    def allows(self, *accuracies: float) -> bool:
        return min(accuracies) > 0.5  # else all are hard

    def pass_at(self, k: int, accuracy: float) -> float:
        return float(1 - 2 * (1 - accuracy) * 0.5**k)


ALIKE = Problems("alike", 0.0, 0.0)
MIXED = Problems("mixed (sd 1.2 logits)", 1.2, 0.5)
EXTREME = Problems("extreme (sd 3 logits)", 3.0, 1.0)
FEW_HARD = FewHard("few hard, rest always solved", 0.0, 0.0)
ALL = (ALIKE, MIXED, EXTREME, FEW_HARD)


def paired(
    population: Problems, drawn: np.random.Generator, n: int, samples: int, accuracies: tuple[float, float]
) -> tuple[Ints, Ints]:
    """How many of ``samples`` are right in either arm, for each of ``n`` problems."""
    a, b = population.chances(drawn, n, accuracies)
    return drawn.binomial(samples, a), drawn.binomial(samples, b)


def paired_means(
    population: Problems, drawn: np.random.Generator, n: int, samples: int, accuracies: tuple[float, float]
) -> tuple[Floats, Floats]:
    """The same draws as shares of ``samples``."""
    a, b = paired(population, drawn, n, samples, accuracies)
    return a / samples, b / samples


def rows(right: Ints, samples: int) -> tuple[Floats, Ints]:
    """Grades and problems, one row a sample."""
    grades = (np.arange(samples)[None, :] < right[:, None]).astype(np.float64)
    return grades.ravel(), np.repeat(np.arange(len(right)), samples)


def discordance(population: Problems, accuracies: tuple[float, float]) -> tuple[float, float]:
    """Discordance and within-problem correlation of paired differences, as `paired_power` asks for them.

    By two million draws of problems, with a seed of its own: 1e-3 exact.
    """
    a, b = population.chances(np.random.default_rng(20261121), 2_000_000, accuracies)
    disagree = float((a * (1 - b) + b * (1 - a)).mean())
    between = float(np.var(a - b))
    return disagree, between / (disagree - (accuracies[0] - accuracies[1]) ** 2)
