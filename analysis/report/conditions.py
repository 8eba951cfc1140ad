"""What a report says of people in a study: its conditions against each other."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.people import Within
from analysis.pictures import Dot, dots
from analysis.report.document import Grid, Section
from analysis.report.findings import Findings, within_frame
from analysis.report.words import basis, number, sentence, signed


def conditions(findings: Findings) -> Section | None:
    """Every two conditions that people met; the comparison that was named beforehand first."""
    if not findings.within:
        return None
    rows, shown = [], []
    for one in findings.within:
        found = one.difference
        what = "named beforehand" if one.named else "to look at"
        name = f"{one.condition} - {one.against}"
        if found is None:
            rows.append((one.arm, name, what, "-", "-", one.why_not))
            continue
        rows.append((one.arm, name, what, signed(found), basis(found), "; ".join(found.notes) or "-"))
        shown.append(Dot(name, one.arm, found.value, found.low, found.high))
    head = ("arm", "conditions", "", "difference of accuracy", "interval is", "bear in mind")
    methods = dict.fromkeys(
        sentence(f"{one.difference.method}: assumes {one.difference.assumption}")
        for one in findings.within
        if one.difference
    )
    note = (
        f"{' '.join(methods)} Intervals are about new people on new problems. Only the comparison that was named "
        "beforehand can be evidence; nothing is adjusted for the others, which are there to look at."
    )
    grid = Grid("conditions-table", "", head, tuple(rows), note, within_frame(findings.within))
    caption = "Differences of accuracy between conditions, people and problems both as random."
    plots = (dots("conditions", "Between conditions", caption, shown, label="difference", at=0.0),) if shown else ()
    return Section("Between conditions", grids=(grid,), pictures=plots)


def named_beforehand(one: Within) -> str:
    """The answer to what the study asked."""
    what = f"{one.arm}: accuracy under {one.condition} less that under {one.against}, as named beforehand"
    if one.difference is None:
        return f"{what}, cannot be estimated: {one.why_not}."
    return f"{what}, is {signed(one.difference)} ({basis(one.difference)})."


def doubts_of_people(findings: Findings) -> Iterator[str]:
    """What speaks against the differences between conditions."""
    for arm in findings.arms:
        if arm.config.get("study", {}).get("excluded") == "in":
            yield f"{arm.label}: people who are excluded by the study's own rules are in all figures."
        if arm.config.get("study", {}).get("draft"):
            yield f"{arm.label} was a draft: nothing was locked before its first person, or named beforehand."
        if arm.config.get("study") and len(arm.runs) > 1:
            yield f"{arm.label} is several studies: their conditions are not compared; give each a name of its own."
    for one in findings.within:
        if one.named and one.difference and one.difference.low <= 0 <= one.difference.high:
            low, high = number(one.difference.low), number(one.difference.high)
            yield (
                f"{one.arm}, {one.condition} against {one.against}: no difference was found, which does not make them "
                f"equal: {low} to {high} is possible."
            )
    if findings.within:
        yield (
            "Conditions of a study differ in whatever their beginnings differ in (length, notation, wrong steps), and "
            "nothing is said of another training run of who wrote them."
        )
