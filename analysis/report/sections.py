"""The sections of a report, each from the arms and what was estimated of them."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.arms import Arm
from analysis.estimates import Measured, compared, measured
from analysis.measures import MEASURES
from analysis.pictures import Curve, Dot, Picture, curves, dots
from analysis.report.document import Grid, Section
from analysis.report.findings import Findings, compared_frame, frame_of
from analysis.report.words import basis, counted, interval, number, p_value, said, sentence, signed, who
from analysis.statistics import Equivalence


def compared_runs(arms: Sequence[Arm]) -> Section:
    """What was compared."""
    rows = []
    for arm in arms:
        run, config = arm.runs[0], arm.config
        team = run.episodes[run.episodes["condition"] == "team"]
        policies = ", ".join(sorted(map(str, (team if len(team) else run.episodes)["policy"].unique())))
        rows.append(
            (
                arm.label,
                "trained" if run.trained else "played",
                ", ".join(str(one.seed) for one in arm.runs),
                str(config.get("task", "")),
                run.measured_on or "-",
                " / ".join(sorted({f"{one.episodes['problem_id'].nunique():,}" for one in arm.runs})),
                " / ".join(sorted({f"{len(one.episodes):,}" for one in arm.runs})),
                policies,
                ", ".join(f"{name}: {table.get('address', '')}" for name, table in config.get("agents", {}).items()),
            )
        )
    head = ("arm", "", "seeds", "task", "split", "problems", "episodes a run", "policy", "agents")
    return Section("What was compared", grids=(Grid("arms", "", head, tuple(rows)),))


def accuracy(findings: Findings) -> Section:
    """Accuracy of every arm and condition, with retention and pass@k."""
    found = [one for one in findings.figures.values() if one.measure == "accuracy"]
    rows, shown = [], []
    for one in found:
        kept = findings.figures.get((one.arm, one.condition, "retention"))
        rows.append(
            (
                one.arm,
                who(one.condition),
                number(one.estimate.value),
                interval(one.estimate),
                basis(one.estimate),
                _seeds(one),
                said(kept.estimate) if kept else "-",
            )
        )
        each = tuple(seed.value for _, seed in one.each) if len(one.each) > 1 else ()
        shown.append(Dot(one.arm, who(one.condition), one.estimate.value, one.estimate.low, one.estimate.high, each))
    plot = dots(
        "accuracy",
        "Accuracy by arm and who writes",
        f"Accuracy over all episodes with 95% intervals ({_bases(found)}); strokes are single seeds.",
        shown,
        label="accuracy",
        span=(-0.02, 1.02),
    )
    head = ("arm", "who", "accuracy", "95% interval", "interval is", "by seed", "retention")
    note = (
        "Accuracy counts every episode; unreadable, cut off and failed ones are not right. Retention is the team's "
        "accuracy, or that of people under a condition of a study, over that of the senior alone on the same problems. "
        + " ".join(
            dict.fromkeys(sentence(f"{one.estimate.method}: assumes {one.estimate.assumption}") for one in found)
        )
    )
    grids = [Grid("accuracy-table", "", head, tuple(rows), note, frame_of(findings))]
    several = [one for one in findings.figures.values() if one.measure.startswith("pass@")]
    if several:
        lines = [(one.arm, who(one.condition), one.measure, said(one.estimate), basis(one.estimate)) for one in several]
        grids.append(Grid("pass-at-k", "pass@k", ("arm", "who", "", "value", "interval is"), tuple(lines)))
    return Section("Accuracy", grids=tuple(grids), pictures=(plot,))


def differences(findings: Findings) -> Section | None:
    """The reference against every other arm."""
    if not findings.compared:
        return None
    rows, shown = [], []
    for one in findings.compared:
        arm, condition = one.comparison.b.label, who(one.comparison.condition)
        if one.difference is None:
            unknown = ("-",) * (2 + bool(findings.margin))
            rows.append((arm, condition, one.measure, "refused", *unknown, one.why_not))
            continue
        adjusted = findings.adjusted(one)
        p = "-" if adjusted is None or not one.test else f"{p_value(adjusted)} ({p_value(one.test.p_value)} alone)"
        flags = "; ".join(o.why for o in one.comparison.objections) or one.why_not or "-"
        equal = (_equal(one.equivalence),) if findings.margin else ()
        rows.append((arm, condition, one.measure, signed(one.difference), basis(one.difference), p, *equal, flags))
        shown.append(
            Dot(
                f"{arm}",
                f"{one.measure}, {condition}",
                one.difference.value,
                one.difference.low,
                one.difference.high,
                tuple(value for _, value in one.difference.each),
            )
        )
    label = findings.reference.label
    within = (f"equal within {findings.margin:g}?",) if findings.margin else ()
    head = ("arm", "who", "measure", f"{label} minus arm", "interval is", "p (Holm)", *within, "bear in mind")
    tests = findings.family.tests if findings.family else ()
    methods = dict.fromkeys(f"{test.method}, assuming {test.assumption}" for test in tests)
    note = (
        f"p-values are adjusted by Holm over {counted(len(tests), 'test')}: {'; '.join(methods)}."
        if tests
        else "Nothing was tested."
    )
    plots: tuple[Picture, ...] = ()
    if shown:
        caption = f"{label} minus each other arm, paired, with 95% intervals; strokes are single seeds."
        plots = (dots("differences", f"{label} against the others", caption, shown, label="difference", at=0.0),)
    grid = Grid("differences-table", "", head, tuple(rows), note, compared_frame(findings))
    return Section(f"{label} against the others", grids=(grid,), pictures=plots)


def _equal(found: Equivalence | None) -> str:
    """The verdict of two one-sided tests, in words."""
    if found is None:
        return "-"
    return f"{'yes' if found.equivalent else 'not shown'}, {p_value(found.p_value)}"


def training(arms: Sequence[Arm]) -> Section | None:
    """Held-out figures over the steps of training, and before against after."""
    trained = [arm for arm in arms if arm.runs[0].trained]
    if not trained:
        return None
    wanted = []
    for condition, measure, heading in (
        ("solo", "jargon_rate", "Jargon, senior alone"),
        ("solo", "accuracy", "Accuracy, senior alone"),
        ("team", "accuracy", "Accuracy, team"),
    ):
        found = {
            arm.label: _curves(arm, f"solo:{arm.senior}" if condition == "solo" else "team", measure) for arm in trained
        }
        wanted.append((heading, {label: runs for label, runs in found.items() if runs}))
    caption = "Held-out problems, the same at every evaluation. Thin: single seeds; thick: their mean."
    plot = curves("training", "Over the steps of training", caption, wanted, label="updates")
    return Section("Training", pictures=(plot,), grids=tuple(_before_after(trained)))


def _curves(arm: Arm, condition: str, measure: str) -> dict[int, Curve]:
    found = {run.seed: run.held_out(condition, measure) for run in arm.runs}
    return {seed: (mine["step"].tolist(), mine["value"].tolist()) for seed, mine in found.items() if len(mine)}


def _before_after(arms: Sequence[Arm]) -> list[Grid]:
    """Held-out figures before the first and after the last step, on the same problems with the same coins."""
    from dataclasses import replace

    rows = []
    for arm in arms:
        if any(run.before is None or run.after is None for run in arm.runs):
            continue
        ends = [
            Arm(label, tuple(replace(run, episodes=episodes, measured_on="held-out") for run, episodes in given))
            for label, given in (
                ("after", [(run, run.after) for run in arm.runs]),
                ("before", [(run, run.before) for run in arm.runs]),
            )
        ]
        for condition in ends[0].conditions:
            for name in ("accuracy", "jargon"):
                one = compared(ends[0], ends[1], condition, MEASURES[name])
                values = [measured(end, condition, MEASURES[name]) for end in ends]
                if one.difference is None or not all(values):
                    continue
                after, before = (value.estimate for value in values if value)
                rows.append(
                    (
                        arm.label,
                        who(condition),
                        name,
                        said(before),
                        said(after),
                        signed(one.difference),
                        basis(one.difference),
                    )
                )
    if not rows:
        return []
    head = ("arm", "who", "measure", "before", "after", "change, paired", "interval is")
    return [Grid("before-after", "Before and after training, on held-out problems", head, tuple(rows))]


def texts(findings: Findings) -> Section:
    """What the solutions are like: jargon, unreadable, cut off, length, handoffs, who wrote."""
    names = [name for name in findings.measures if name != "accuracy"]
    names = [
        n for n in names if n != "failed" or any(f.estimate.value for k, f in findings.figures.items() if k[2] == n)
    ]
    rows = []
    for arm in findings.arms:
        for condition in arm.conditions:
            found = [findings.of(arm, condition, name) for name in names]
            cells = (said(one.estimate, findings.measures[one.measure].share) if one else "-" for one in found)
            rows.append((arm.label, who(condition), *cells))
    head = ("arm", "who", *(findings.measures[name].title for name in names))
    note = " ".join(
        sentence(f"{findings.measures[name].title}: {findings.measures[name].definition}") for name in names
    )
    return Section("What was written", grids=(Grid("texts", "", head, tuple(rows), note),))


def by_difficulty(findings: Findings) -> Section | None:
    """Accuracy by the steps that a problem needs."""
    import pandas as pd

    cells: dict[tuple[str, str], dict[int, str]] = {}
    shown = []
    for arm in findings.arms:
        whole = pd.concat([run.episodes for run in arm.runs], ignore_index=True)
        for condition in arm.conditions:
            mine = whole[(whole["condition"] == condition) & whole["difficulty"].notna()]
            for steps, episodes in mine.groupby("difficulty"):
                found = MEASURES["accuracy"].estimate(episodes)
                cells.setdefault((arm.label, who(condition)), {})[int(steps)] = said(found)
                if condition == "team":
                    shown.append(Dot(counted(int(steps), "step"), arm.label, found.value, found.low, found.high))
    if not cells:
        return None
    every = sorted({steps for row in cells.values() for steps in row})
    head = ("arm", "who", *(counted(steps, "step") for steps in every))
    filled = tuple((*names, *(row.get(steps, "-") for steps in every)) for names, row in cells.items())
    caption = "Accuracy of the team by steps, with 95% intervals over problems (all seeds together)."
    plots = (
        (dots("difficulty", "Accuracy by difficulty", caption, shown, label="accuracy", span=(-0.02, 1.02)),)
        if shown
        else ()
    )
    note = "Accuracy with its 95% interval over problems, all seeds together."
    return Section("By difficulty", grids=(Grid("difficulty-table", "", head, filled, note),), pictures=plots)


def _seeds(one: Measured) -> str:
    return " ".join(number(found.value) for _, found in one.each) if len(one.each) > 1 else "-"


def _bases(found: Sequence[Measured]) -> str:
    return ", ".join(dict.fromkeys(basis(one.estimate) for one in found))
