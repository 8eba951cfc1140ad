"""Episodes that a report shows, chosen by rules that it states: nobody picked them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.arms import Arm, StoredRun
from analysis.estimates import of_condition
from analysis.report.document import Example
from analysis.stored import episodes_file, parsed
from arena.episode import Episode

if TYPE_CHECKING:
    import pandas as pd


def examples(arm: Arm) -> tuple[Example, ...]:
    """Best, worst and typical team episode of an arm's first run; fewer where there are none."""
    run = arm.runs[0]
    condition = "team" if "team" in arm.conditions else arm.conditions[0]
    team = of_condition(run, condition)
    chosen = {title: found for title, found in _chosen(run, team).items() if found[0]}
    episodes = _fetch(run, {identity for identity, _ in chosen.values()})
    return tuple(
        Example(f"{title}: {identity}", f"Rule: {rule}", episodes[identity])
        for title, (identity, rule) in chosen.items()
        if identity in episodes
    )


def _chosen(run: StoredRun, team: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Title: (id, rule)."""
    right = team[team["correct"]]
    wrong = team[~team["correct"]]
    alone = run.episodes[run.episodes["condition"] != "team"]
    solved = alone.groupby("problem_id", observed=True)["correct"].all()
    everybody = set(solved[solved].index) if len(alone) else set()
    lost = wrong[wrong["problem_id"].isin(everybody)]
    best_rule = "right, with the most handoffs; then the first by problem and sample"
    worst_rule = (
        "wrong although everybody solves this problem alone, with the most handoffs"
        if len(lost)
        else "wrong, with the most handoffs"
    )
    return {
        "Best": (_first(right, "handoffs"), best_rule),
        "Worst": (
            _first(lost if len(lost) else wrong, "handoffs"),
            worst_rule + "; then the first by problem and sample",
        ),
        "Typical": (
            _middle(team),
            "of the more frequent verdict, nearest to the median in tokens and handoffs (in ranks); then the first",
        ),
    }


def _first(found: pd.DataFrame, by: str) -> str:
    if not len(found):
        return ""
    ordered = found.sort_values([by, "problem_id", "sample"], ascending=[False, True, True], kind="stable")
    return str(ordered["id"].iloc[0])


def _middle(team: pd.DataFrame) -> str:
    if not len(team):
        return ""
    usual = team[team["correct"] == (team["correct"].mean() >= 0.5)]
    ranks = usual[["tokens", "handoffs"]].rank(pct=True)
    away = (ranks - ranks.median()).abs().sum(axis=1)
    return str(usual.loc[away.sort_values(kind="stable").index[0], "id"])


def _fetch(run: StoredRun, wanted: set[str]) -> dict[str, Episode]:
    found = {}
    for _, episode in parsed(episodes_file(run.source)):
        if isinstance(episode, Episode) and episode.id in wanted:
            found[episode.id] = episode
    return found
