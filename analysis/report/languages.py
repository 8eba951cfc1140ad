"""The section on languages: of whole solutions, and of every author's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from analysis.arms import Arm, StoredRun
from analysis.detectors.language import UNSURE, Identifier
from analysis.detectors.shares import MIXED, LanguageTally
from analysis.estimates import measured
from analysis.measures import Measure
from analysis.report.document import Grid, Section
from analysis.report.words import number, said, who
from analysis.stored import episodes_file, parsed
from arena.episode import Episode

if TYPE_CHECKING:
    import pandas as pd

COLUMN = "language"


def languages(arms: Sequence[Arm], asked: Sequence[str]) -> Section | None:
    """Labels every solution of every run by the offline identifier, restricted to the languages ``asked``.

    Raises DetectorError for a language that it does not know.
    """
    if not asked:
        return None
    detector = Identifier(asked)
    kinds = [*asked, MIXED, UNSURE]
    solutions, words = [], []
    for arm in arms:
        tally = LanguageTally(detector)
        read = replace(arm, runs=tuple(_with_languages(run, tally) for run in arm.runs))
        found = tally.summary()["conditions"]
        for condition in arm.conditions:
            shares = [measured(read, condition, _share_of(kind)) for kind in kinds]
            solutions.append((arm.label, who(condition), *(said(one.estimate) if one else "-" for one in shares)))
            for author, counts in found.get(condition, {}).get("words", {}).items():
                total = sum(counts.values())
                cells = (number(counts.get(kind, 0) / total) for kind in (*asked, UNSURE))
                words.append((arm.label, who(condition), author, f"{total:,}", *cells))
    note = (
        f"By {detector.name} restricted to {', '.join(asked)}, which abstains ({UNSURE}) where it is not sure: on few "
        "words most of all, so more often where two authors share a sentence. A solution is mixed if at least a tenth "
        "of its decided words are not of its most frequent language (docs/DETECTORS.md)."
    )
    return Section(
        "Languages",
        grids=(
            Grid("languages", "Share of solutions in each language", ("arm", "who", *kinds), tuple(solutions), note),
            Grid(
                "languages-words",
                "Share of each author's words",
                ("arm", "who", "author", "words", *asked, UNSURE),
                tuple(words),
                "All seeds together. What stands in a prefix is not counted.",
            ),
        ),
    )


def _with_languages(run: StoredRun, tally: LanguageTally) -> StoredRun:
    """The run with the language of each solution as a column."""
    found = {
        episode.id: tally.add(episode).language
        for _, episode in parsed(episodes_file(run.source))
        if isinstance(episode, Episode)
    }
    return replace(run, episodes=run.episodes.assign(**{COLUMN: run.episodes["id"].map(found)}))


def _share_of(language: str) -> Measure:
    def of(language: str, episodes: pd.DataFrame) -> pd.Series:
        return episodes[COLUMN] == language

    definition = f"share of solutions whose language is {language}"
    return Measure(f"language {language}", language, definition, "docs/DETECTORS.md", partial(of, language))
