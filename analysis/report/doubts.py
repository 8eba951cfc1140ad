"""What cannot be concluded: every reservation that the data themselves give rise to, in words."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan

from analysis.estimates import of_condition
from analysis.report.conditions import doubts_of_people
from analysis.report.findings import Findings
from analysis.report.words import counted, number, p_value, who
from analysis.statistics import detectable

FEW = 100
"""Fewer problems than this are said."""
MANY = 0.05
"""A larger share of unreadable or cut off episodes is said."""
SHOWN = 3
"""Figures that a note of the statistics is said to be about."""
LEVEL = 0.05
"""A larger p-value after Holm is no evidence of a difference."""
BUILT_IN = ("senior", "junior", "junior-jargon", "junior-other")


def doubts(findings: Findings) -> Iterator[str]:
    """One sentence each, the most important first."""
    yield from _of_seeds(findings)
    yield from _of_comparisons(findings)
    yield from doubts_of_people(findings)
    yield from _of_episodes(findings)
    yield from _of_data(findings)


def _of_seeds(findings: Findings) -> Iterator[str]:
    for arm in findings.arms:
        if not arm.runs[0].trained:
            continue
        if len(arm.runs) == 1:
            yield f"{arm.label} is one training run: nothing here says what another seed would do."
        elif len(arm.runs) < 4:
            yield f"{arm.label} has {counted(len(arm.runs), 'seed')}: an interval over so few is wide, and rightly."
    if any(len(arm.runs) > 1 for arm in findings.arms):
        yield (
            "Intervals over seeds are about new seeds on these problems; those over problems about new problems and "
            "the same weights. Neither is about another task, another model or another junior."
        )
    if any(run.measured_on == "held-out" and run.trained for arm in findings.arms for run in arm.runs):
        yield "Held-out problems chose the best checkpoint: figures on them are a little too good; test is for that."


def _of_comparisons(findings: Findings) -> Iterator[str]:
    for one in findings.compared:
        where = (
            f"{one.comparison.a.label} and {one.comparison.b.label}, {one.measure} of {who(one.comparison.condition)}"
        )
        if one.difference is None:
            yield f"{where}: not compared, because {one.why_not}."
            continue
        if one.difference.low <= 0 <= one.difference.high:
            low, high = (number(edge) for edge in (one.difference.low, one.difference.high))
            found = detectable(one.difference)
            least = "" if isnan(found) else f"; one of about {number(found)} would be found four times in five"
            yield (
                f"{where}: no difference was found, which does not make them equal: {low} to {high} is possible{least}."
            )
        elif (p := findings.adjusted(one)) is not None and p > LEVEL:
            yield (
                f"{where}: the interval leaves out 0, but among as many questions as are asked here that is no "
                f"evidence of a difference ({p_value(p)} after Holm)."
            )
    flagged = dict.fromkeys(
        f"{one.comparison.a.label} and {one.comparison.b.label}: {objection.why}."
        for one in findings.compared
        for objection in one.comparison.objections
        if objection.kind == "flagged"
    )
    yield from flagged


def _of_episodes(findings: Findings) -> Iterator[str]:
    for (arm, condition, measure), found in findings.figures.items():
        value = found.estimate.value
        if measure == "unreadable" and value > MANY:
            yield (
                f"{arm}, {who(condition)}: {number(value)} of the answers were unreadable and count as not right; read "
                "differently, accuracy could be higher by as much."
            )
        if measure == "cut_off" and value > MANY:
            yield f"{arm}, {who(condition)}: {number(value)} of the episodes were cut off; more room could change them."
        if measure == "failed" and value > 0:
            yield f"{arm}, {who(condition)}: {number(value)} of the episodes failed by an error of an author."
        if measure == "accuracy" and found.estimate.unit == "problem" and found.estimate.clusters < FEW:
            yield f"{arm}, {who(condition)}: only {counted(found.estimate.clusters, 'problem')}."
    yield from _without_figure(findings)
    yield from _notes(findings)


def _without_figure(findings: Findings) -> Iterator[str]:
    for arm in findings.arms:
        lacking = {
            condition: [str(run.seed) for run in arm.runs if not len(of_condition(run, condition))]
            for condition in arm.conditions
        }
        for condition, seeds in lacking.items():
            if seeds:
                yield f"{arm.label}, {who(condition)}: no figure, because seed {', '.join(seeds)} has no episode of it."
        both = ("team", f"solo:{arm.senior}")
        if all(lacking.get(one) == [] for one in both) and not findings.of(arm, "team", "retention"):
            yield f"{arm.label}: no retention, because {arm.senior} alone is never right in some run."


def _notes(findings: Findings) -> Iterator[str]:
    """What the statistics themselves say against an interval, with all the figures that it is said of."""
    places: dict[str, list[str]] = {}
    for (arm, condition, measure), found in findings.figures.items():
        if measure in ("accuracy", "retention"):
            for note in found.estimate.notes:
                places.setdefault(note, []).append(f"{measure} of {arm}, {who(condition)}")
    for one in findings.compared:
        for note in dict.fromkeys(
            (*(one.difference.notes if one.difference else ()), *(one.test.notes if one.test else ()))
        ):
            where = f"{one.measure} of {who(one.comparison.condition)} against {one.comparison.b.label}"
            places.setdefault(note, []).append(where)
    for note, found_in in places.items():
        first = list(dict.fromkeys(found_in))
        more = f"; and {len(first) - SHOWN} more" if len(first) > SHOWN else ""
        yield f"Of {'; '.join(first[:SHOWN])}{more}: {note}."


def _of_data(findings: Findings) -> Iterator[str]:
    for arm in findings.arms:
        broken = [one for run in arm.runs for one in run.broken]
        if broken:
            lines = counted(len(broken), "line")
            yield f"{arm.label}: {lines} could not be read and count for nothing; the first: {broken[0]}."
        inexact = sum(int(run.episodes["inexact_reads"].sum()) for run in arm.runs)
        if inexact:
            yield f"{arm.label}: {counted(inexact, 'read')} of others' text could not be spelt by a reader's tokeniser."
        sizes = {len(run.episodes) for run in arm.runs}
        if len(sizes) > 1:
            yield f"{arm.label}: its runs have different numbers of episodes ({', '.join(map(str, sorted(sizes)))})."
    addresses = {t.get("address") for arm in findings.arms for t in arm.config.get("agents", {}).values()}
    if addresses and addresses <= {*BUILT_IN}:
        yield (
            "All agents here are the embedded models, made so that the effect exists: what is shown is that the method "
            "works, not that large models need it."
        )
