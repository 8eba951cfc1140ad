"""What `check` says: everything that is wrong or doubtful, each with the table and the fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from agents.contract import Span
from arena.episode import assemble
from human.study.check import findings
from human.study.config import parse_study
from human.study.exclusion import Taken, reasons
from tests.studies import PROBLEMS, TASKS, made, replacing, solved, study_file

TODAY = date(2027, 1, 1)


def said(path: Path) -> list[str]:
    return [str(one) for one in findings(parse_study(path), TODAY)]


def one_more(tmp_path: Path, change: Callable[[str], str]) -> list[str]:
    """What a change of the example adds."""
    path = study_file(tmp_path)
    made(path)
    before = said(path)
    return [line for line in said(study_file(tmp_path, change)) if line not in before]


def test_the_example_has_no_errors(tmp_path: Path) -> None:
    path = study_file(tmp_path)
    made(path)
    found = said(path)
    assert not [line for line in found if line.startswith("error")]
    assert any("[calibration] alone: is assumed, not measured" in line for line in found)
    assert any("unlike lengths (mean words: jargon 2" in line for line in found)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('ethics = "EX-0000 (an example: replace it by your board\'s number)"', "", "error: [study] ethics: is empty"),
        ("pace = 4.0", "", "error: [trials] pace: is missing"),
        ('name = "alone"', 'name = "practice"', "error: [[conditions]] practice: name: is what practice is recorded"),
        ("minutes = 25", "", "error: [consent] minutes: is missing"),
        ("minutes = 25", "minutes = 5", "warning: [consent] minutes: who uses all the time needs"),
        ("days = 30", "", "error: [withdrawal]: give text and days"),
        ("rejoin_minutes = 30", "rejoin_minutes = 0", "warning: [withdrawal] rejoin_minutes: is 0"),
        ("extension_seconds = 20", "", "error: [trials] extension_seconds: is 0"),
        ("seconds = 40", "seconds = 4", "error: [exclusion] fastest_seconds: is not below [trials] seconds, 4"),
        ("fewest_trials = 9", "fewest_trials = 13", "error: [exclusion] fewest_trials: is more than per_person, 12"),
        ("attention = 1\n", "", "warning: [exclusion] attention: is missing: attention checks exclude nobody"),
        ("attention = 1\n", "attention = 2\n", "warning: [exclusion] attention: more than 2 of 2 checks"),
        ("too_fast = 2", "", "warning: [exclusion] too_fast: needs fastest_seconds beside it"),
        ("recruited = 80", "recruited = 40", "error: [stopping] recruited: is below [study] participants, 48"),
        ("latest = 2027-12-31", "latest = 2026-12-31", "warning: [stopping] latest: 2026-12-31 is over"),
        (
            'senior = "runs/after"\nfraction = 0.5',
            'senior = "runs/after"\nfraction = 0.5\nunit = "sentence"',
            "warning: [[conditions]] unit: they differ in unit (sentence, word)",
        ),
        ("participants = 48", "participants = 50", "no multiple of the block of 6: some prefixes are met more often"),
        ("per_person = 12", "per_person = 8", "per_person: 8 is no multiple of the 3 conditions that people meet"),
        ("HANDOFF-PARTIAL", "HANDOFF-DONE", "warning: [study] screened_code: is the completion code"),
        ("Thank\nyou", "HANDOFF-DONE. Thank\nyou", "error: [debrief]: has the completion code, so excluded people"),
        ("begun by somebody else", "begun by the Trained model", "warning: [consent]: has 'trained', which names a"),
        ("alone = 0.75\nsource", "alone = 0.95\nsource", "0.95 is assumed: above 0.85 people hardly need help"),
        ("alone = 0.75\nsource", "alone = 0.2\nsource", "0.2 is assumed: below 0.3 most fail"),
        ("alone = 0.75\nsource", "source", "warning: [calibration]: is missing: nothing says that people are off"),
        ("alone = 0.75, jargon", "jargon", "warning: [simulation] accuracy: lacks alone: no power can be stated"),
        (
            'senior = "runs/after"\nfraction = 1.0',
            'senior = "runs/before"\nfraction = 1.0',
            "no condition with fraction 1",
        ),
        ("problems = 24", "problems = 12", "error: stimuli: "),
        ("limit = 240", "limit = 20", "error: [study] limit: the longest prefix alone has"),
        ("fraction = 0.0", 'senior = "runs/before"\nfraction = 0.3', "none has fraction 0: help cannot be told"),
    ],
)
def test_each_thing_is_said(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert any(expected in line for line in one_more(tmp_path, replacing((old, new))))


def test_errors_come_first_and_all_of_them(tmp_path: Path) -> None:
    path = study_file(tmp_path, replacing(("pace = 4.0", ""), ("days = 30", ""), ("seed = 20270301", "seed = -2")))
    found = said(path)
    levels = [line.partition(":")[0] for line in found]
    assert levels == sorted(levels)
    assert levels.count("error") == 3


def test_changed_parents_are_noticed(tmp_path: Path) -> None:
    path = study_file(tmp_path)
    made(path)
    episodes = tmp_path / "runs" / "before" / "episodes.jsonl"
    lines = [
        solved(problem, f"First. {problem.solution}").line()
        for problem in (TASKS["jargon"].problem("test", index) for index in range(PROBLEMS))
    ]
    episodes.write_bytes(b"".join(lines))
    assert any("stimuli: 48 are not what the study and its runs give now" in line for line in said(path))
    episodes.unlink()
    assert any("error: stimuli: cannot be compared with the runs" in line for line in said(path))


def test_a_pilot_calibrates(tmp_path: Path) -> None:
    pilot = tmp_path / "runs" / "pilot"
    pilot.mkdir(parents=True)
    lines = []
    for index in range(20):
        problem = TASKS["plain"].problem("test", index)
        text, records = assemble([Span("human", problem.solution or "")])
        episode = replace(solved(problem, text), condition="solo:human", authors=["human"], spans=records, digest="")
        episode.grade = {"verdict": "correct" if index < 19 else "wrong"}
        lines.append(episode.line())
    (pilot / "episodes.jsonl").write_bytes(b"".join(lines))
    found = one_more(tmp_path, replacing(("alone = 0.75\nsource", 'pilot = "runs/pilot"\nsource')))
    assert any("[calibration]: 0.95 [0." in line and "in the pilot: above 0.85" in line for line in found)
    assert not any("is assumed" in line for line in found)


def test_prefixes_without_a_result_are_named(tmp_path: Path) -> None:
    change = replacing(('senior = "runs/after"\nfraction = 0.5', 'senior = "runs/after"\nfraction = 0.1'))
    path = study_file(tmp_path, change)
    made(path)
    assert any("[[conditions]] trained: 24 of 24 prefixes have no result to ask for" in line for line in said(path))


def test_who_is_excluded(tmp_path: Path) -> None:
    rules = parse_study(study_file(tmp_path)).exclusion
    assert reasons(rules, Taken(True, 1, [20.0] * 12)) == []
    assert reasons(rules, Taken(True, 1, [20.0] * 10 + [1.0] * 2)) == []
    every = reasons(rules, Taken(False, 2, [1.0] * 3))
    assert every == [
        "failed the comprehension check",
        "failed attention checks",
        "finished too few trials",
        "was too fast",
    ]
    lenient = replace(rules, comprehension=False, attention=None, fewest_trials=0, too_fast=None)
    assert reasons(lenient, Taken(False, 2, [1.0])) == []
    assert reasons(lenient, Taken(False, 2, [])) == ["finished too few trials"]  # there is nothing to keep
