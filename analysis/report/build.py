"""A report from arms: the answer, the sections, the doubts, and how to have it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.arms import Arm
from analysis.report import sections
from analysis.report.conditions import conditions, named_beforehand
from analysis.report.continued import continued
from analysis.report.document import Document, Section
from analysis.report.doubts import doubts
from analysis.report.examples import examples
from analysis.report.findings import Findings
from analysis.report.languages import languages
from analysis.report.models import legibility
from analysis.report.switches import switches
from analysis.report.words import basis, p_value, said, signed, who
from arena.jobs import versions


def report(
    findings: Findings,
    *,
    seed: int = 0,
    given: Sequence[str] = (),
    remarks: Sequence[str] = (),
    made: Sequence[Path] = (),
    told_apart: Sequence[str] = (),
) -> Document:
    """The whole report. ``seed`` is of resamples; ``given`` are the words of the command line, ``remarks`` what was
    said when the runs were read, ``made`` folders of curves, profiles and cross-plays, ``told_apart`` languages.
    """
    arms, reference = findings.arms, findings.reference
    found = [
        sections.compared_runs(arms),
        sections.accuracy(findings),
        conditions(findings),
        sections.differences(findings),
        sections.training(arms),
        sections.texts(findings),
        sections.by_difficulty(findings),
        *continued(made),
        languages(arms, told_apart),
        legibility(arms, reference, seed=seed),
        switches(arms),
        Section("Episodes, chosen by rule", examples=examples(reference)),
        Section("What cannot be concluded", items=(*remarks, *doubts(findings))),
        Section("Again", _AGAIN, code=tuple(_commands(arms, given))),
    ]
    title = f"{', '.join(arm.label for arm in arms)}: {reference.config.get('task', '')}"
    version = versions()["tandem-arena"]
    footer = f"Made by tandem-arena {version}; seed of draws {seed}."  # and no date: the same again, byte for byte
    return Document(title, list(answer(findings)), [section for section in found if section], footer)


_AGAIN = (
    "Every run again from its own configuration, and this report. Episodes are the same for the same seeds, but for "
    "near-ties of floating point (docs/HANDOFF.md, section 6).",
)


def answer(findings: Findings) -> Iterator[str]:
    """The answer first: what the reference came to, and how it differs from every other arm."""
    arm = findings.reference
    team = findings.of(arm, "team", "accuracy")
    alone = findings.of(arm, f"solo:{arm.senior}", "accuracy")
    kept = findings.of(arm, "team", "retention")
    label = f"{arm.label}: the" if len(findings.arms) > 1 else "The"
    if team:
        sentence = f"{label} team is right in {said(team.estimate)} of its episodes ({basis(team.estimate)})"
        if alone:
            sentence += f", {arm.senior} alone in {said(alone.estimate)}"
        if kept:
            sentence += f": it retains {said(kept.estimate)}"
        yield sentence + "."
    elif named := [one for one in findings.within if one.arm == arm.label and one.named]:
        yield from map(named_beforehand, named)
    else:
        mine = [one for one in findings.figures.values() if (one.arm, one.measure) == (arm.label, "accuracy")]
        for only in mine[:1]:
            yield f"{arm.label}: {who(only.condition)} is right in {said(only.estimate)} ({basis(only.estimate)})."
    for other in findings.arms:
        against = [one for one in findings.compared if one.comparison.b is other]
        parts = []
        for one in against:
            if one.difference:
                p = findings.adjusted(one)
                tested = "" if p is None else f", {p_value(p)} (Holm)"
                parts.append(f"{one.measure} of {who(one.comparison.condition)} {signed(one.difference)}{tested}")
        if parts:
            yield f"Against {other.label}: {'; '.join(parts)}."
        elif other is not arm:
            why = "; ".join(dict.fromkeys(one.why_not for one in against)) or "they have no condition in common"
            yield f"Not compared with {other.label}: {why}."


def _commands(arms: Sequence[Arm], given: Sequence[str]) -> Iterator[str]:
    for arm in arms:
        for run in arm.runs:
            if run.config.get("study"):  # people are not played again
                continue
            module = "training.run" if run.trained else "arena.run"
            again = str(Path("again") / f"{arm.label.replace('/', '-').strip('.-')}-{run.seed}")
            yield shlex.join(["python", "-m", module, "--config", str(run.path / "config.toml"), "--out", again])
    yield shlex.join(["python", "-m", "analysis.report", *given])
