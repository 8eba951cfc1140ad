"""The measures by name: what each is, where it comes from, and its value for every episode.

Measures that are a share or a mean over episodes are here; retention and pass@k, which are of problems, are in
`analysis.statistics`, those that need a model in `analysis.reading`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.statistics import Estimate, bootstrap_mean, proportion, student_mean, two_way_mean

if TYPE_CHECKING:
    import pandas as pd


MANY = 20_000
"""Problems above which the skewness of a mean is nothing, and resamples take minutes."""


@dataclass(frozen=True)
class Measure:
    """A measure that every episode has a value of."""

    name: str
    title: str
    definition: str
    source: str
    of: Callable[[pd.DataFrame], pd.Series]
    """From a frame of episodes (`analysis.columns.EPISODES`) to the values, NaN where an episode has none."""
    share: bool = True
    """Values are in [0, 1]."""
    better: int = 0
    """1 if more is better, -1 if less is, 0 if neither."""

    @property
    def bounds(self) -> tuple[float, float] | None:
        return (0.0, 1.0) if self.share else None

    def values(self, episodes: pd.DataFrame) -> pd.Series:
        """The value of every episode that has one, as floats."""
        return self.of(episodes).astype(float).dropna()

    def estimate(self, episodes: pd.DataFrame, *, seed: int = 0) -> Estimate:
        """The measure over episodes, problems as clusters; several people's, people too. Raises StatisticsError if no
        episode has it.

        ``seed`` is of the resamples, where the measure has no bounds.
        """
        values = self.values(episodes)
        problems = episodes.loc[values.index, "problem_id"].astype(str)
        if "person" in episodes:
            people = episodes.loc[values.index, "person"]
            if people.notna().all() and people.nunique() > 1 and problems.nunique() > 1:
                rows = (values.to_numpy(), people.astype(str).to_numpy(), problems.to_numpy())
                return two_way_mean(*rows, bounds=self.bounds, name=self.title)
        if self.share:
            return proportion(values.to_numpy(), problems.to_numpy(), name=self.title)
        if problems.nunique() > MANY:
            return student_mean(values.to_numpy(), problems.to_numpy(), name=self.title)
        return bootstrap_mean(values.to_numpy(), problems.to_numpy(), seed=seed, name=self.title)


PAPERS = "West et al. 2025 (arXiv 2510.13551); Jiao et al. 2026 (arXiv 2606.28166)"

MEASURES = {
    one.name: one
    for one in (
        Measure(
            "accuracy",
            "accuracy",
            "share of all episodes whose last marked answer is right; unreadable, cut off and failed ones are not",
            PAPERS,
            lambda episodes: episodes["correct"],
            better=1,
        ),
        Measure(
            "jargon",
            "jargon",
            "share of solutions in which a calculator note << was opened, also if another author broke it",
            "West et al. 2025",
            lambda episodes: episodes["jargon"],
        ),
        Measure(
            "unreadable",
            "unreadable",
            "share of episodes without a readable answer",
            "HANDOFF.md, section 5",
            lambda episodes: episodes["verdict"] == "unreadable",
            better=-1,
        ),
        Measure(
            "cut_off",
            "cut off",
            "share of episodes that ended by the maximum length or a full context",
            "HANDOFF.md, section 5",
            lambda episodes: episodes["ended"].isin(["limit", "context"]),
            better=-1,
        ),
        Measure(
            "failed",
            "failed",
            "share of episodes that ended by an error of an author",
            "docs/EPISODES.md",
            lambda episodes: episodes["ended"] == "error",
            better=-1,
        ),
        Measure(
            "tokens",
            "tokens",
            "written tokens of an episode, each in its author's tokeniser; words for authors without one",
            "HANDOFF.md, section 3",
            lambda episodes: episodes["tokens"],
            share=False,
        ),
        Measure(
            "handoffs",
            "handoffs",
            "changes of author in an episode",
            PAPERS,
            lambda episodes: episodes["handoffs"],
            share=False,
        ),
        Measure(
            "first_share",
            "first agent's share",
            "share of an episode's words that the first-named agent wrote",
            PAPERS,
            lambda episodes: episodes["first_share"],
        ),
    )
}
"""In the order in which reports show them."""


def jargon_by(address: str) -> Measure:
    """The measure of a detector by its address (`analysis.detectors`), for frames that were read with it."""
    return Measure(
        f"jargon {address}",
        f"jargon {address}",
        f"share of solutions in which {address} found something, outside a prefix; without those on which it timed out",
        "docs/DETECTORS.md",
        lambda episodes: episodes[f"jargon {address}"],
    )
