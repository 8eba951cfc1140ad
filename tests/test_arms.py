"""Which runs are one arm, and what is said where they are not alike: nothing is left out or mixed in silence."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from analysis.arms import Arm, read_arms
from analysis.comparison import comparison
from analysis.estimates import compared, measured, passed
from analysis.measures import MEASURES
from analysis.report.findings import find
from arena.command import UserError
from arena.episode import Episode
from tests.runs import CONFIG, alone, made, run_of, six, training, write


@pytest.fixture(scope="module")
def played() -> list[Episode]:
    return six()


def arms(*names: Path | str) -> dict[str, Arm]:
    return {arm.label: arm for arm in read_arms([str(name) for name in names], jobs=1)[0]}


def said(a: Arm, b: Arm, condition: str = "team") -> list[tuple[str, str]]:
    return [(one.kind, one.why) for one in comparison(a, b, condition).objections]


def test_seeds_that_were_measured_elsewhere_are_not_mixed_in(tmp_path: Path, played: list[Episode]) -> None:
    """Held-out problems chose the checkpoint: a mean of test and held-out figures is of neither."""
    for seed, marks in enumerate(("111100", "111000", "110000")):
        training(tmp_path / "tandem" / f"seed-{seed}", played, marks, seed)
    shutil.rmtree(tmp_path / "tandem" / "seed-2" / "test")
    (arm,), remarks = read_arms([str(tmp_path)], jobs=1)
    assert [run.seed for run in arm.runs] == [0, 1]
    assert remarks == [
        f"{tmp_path / 'tandem' / 'seed-2'} was not played on test, as others of tandem were, and is left out."
    ]


def test_what_is_not_finished_is_said(tmp_path: Path, played: list[Episode]) -> None:
    training(tmp_path / "tandem", played, "111100", 0)
    run_of(tmp_path / "a", played, "111100")
    for folder in (tmp_path / "tandem" / "test", tmp_path / "a"):
        (folder / "summary.json").unlink()
    (tmp_path / "broken").mkdir()
    shutil.copy(tmp_path / "a" / "config.toml", tmp_path / "broken")
    (tmp_path / "broken" / "episodes.jsonl").write_text("garbage\n" * 2)
    _, remarks = read_arms([str(tmp_path)], jobs=1)
    assert [one.removeprefix(str(tmp_path)) for one in remarks] == [
        "/a is not finished: 12 episodes count. Those that end soon are stored first, so they are no sample of all.",
        f"/broken has no episodes and is left out: 2 lines could not be read, {tmp_path}/broken/episodes.jsonl:1: "
        "not JSON: Expecting value: line 1 column 1 (char 0).",
        "/tandem/test is not finished: 12 episodes count. Those that end soon are stored first, so they are no sample "
        "of all.",
    ]


def test_seeds_without_a_partner_are_said(tmp_path: Path, played: list[Episode]) -> None:
    marks = ("111100", "111000", "110000")
    for arm, seeds in (("three", (0, 1, 2)), ("two", (0, 1)), ("one", (0,)), ("others", (7, 8))):
        for number, seed in enumerate(seeds):
            run_of(tmp_path / arm / f"seed-{seed}", played, marks[number], seed=seed)
    found = arms(tmp_path)
    assert said(found["three"], found["two"]) == [
        ("flagged", "different seeds: those in common are compared, without 2")
    ]
    together = "cannot be paired, so all runs of an arm are taken together, by problem: this says nothing about other"
    for other, names in (("one", "0"), ("others", "7, 8")):
        expected = f"different seeds: 0, 1, 2 and {names} {together} seeds"
        assert said(found["three"], found[other]) == [("flagged", expected)]
        apart = compared(found["three"], found[other], "team", MEASURES["accuracy"])
        assert apart.difference is not None
        assert apart.difference.unit == "problem"
    assert said(found["three"], found["three"]) == []


def test_what_only_one_arm_has_is_refused_in_words(tmp_path: Path, played: list[Episode]) -> None:
    run_of(tmp_path / "a", played, "111100")
    write(tmp_path / "soloists", [alone(one, "senior", True) for one in played])
    boss = {**CONFIG, "pair": "boss:junior", "agents": {"boss": {"address": "senior"}, "junior": {"address": "junior"}}}
    write(tmp_path / "boss", [alone(one, "boss", True) for one in played], boss)
    found = arms(tmp_path / "a", tmp_path / "soloists", tmp_path / "boss")
    findings = find(list(found.values()), found["a"])
    refused = {(one.comparison.b.label, one.comparison.condition): one.why_not for one in findings.compared}
    assert refused["soloists", "team"] == "soloists has no episodes of team"
    assert refused["soloists", "solo:senior"] == ""
    assert refused["boss", "solo:senior"] == "boss has no episodes of solo:senior"


def test_problems_of_one_name_that_are_others_are_said(tmp_path: Path, played: list[Episode]) -> None:
    run_of(tmp_path / "a", played, "111100")
    other = [made(one, grade={**(one.grade or {}), "expected": "99999"}) for one in played[:2]]
    write(tmp_path / "b", [*other, *played[2:]])
    found = arms(tmp_path)
    first = (played[0].grade or {})["expected"]
    assert said(found["a"], found["b"]) == [
        (
            "flagged",
            f"2 of 6 problems of the same name expect other answers ({played[0].problem_id}: {first} and 99999): "
            "the task is not the same",
        )
    ]


def test_a_condition_that_a_seed_lacks_has_no_figure(tmp_path: Path, played: list[Episode]) -> None:
    twice = [made(one, sample=k, id=f"{one.problem_id}#{k}") for one in played for k in range(2)]
    write(tmp_path / "a" / "seed-0", [*twice, *(alone(one, "senior", True) for one in twice)], seed=0)
    write(tmp_path / "a" / "seed-1", twice, seed=1)
    (arm,) = arms(tmp_path).values()
    assert measured(arm, "solo:senior", MEASURES["accuracy"]) is None
    assert passed(arm, "solo:senior") == []
    assert [one.measure for one in passed(arm, "team")] == ["pass@1", "pass@2"]
    for run in arm.runs:  # samples of different people are no tries of one author
        run.episodes["person"] = "p-" + run.episodes["sample"].astype(str)
    assert passed(arm, "team") == []


def test_a_run_is_found_once_whatever_links_to_it(tmp_path: Path, played: list[Episode]) -> None:
    run_of(tmp_path / "run-1", played, "111100")
    os.symlink("run-1", tmp_path / "latest")
    os.symlink("..", tmp_path / "run-1" / "loop")
    os.symlink(tmp_path, tmp_path / "all")
    assert list(arms(tmp_path)) == ["run-1"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"seed": "x"}, "seed cannot be 'x'"),
        ({"agents": [1]}, "agents cannot be [1]"),
        ({"agents": {"senior": "senior"}}, "agents.senior cannot be 'senior'"),
        ({"split": 3}, "split cannot be 3"),
    ],
)
def test_a_configuration_that_was_changed_is_one_line(
    tmp_path: Path, played: list[Episode], more: dict[str, Any], why: str
) -> None:
    run_of(tmp_path / "a", played, "111100", **more)
    with pytest.raises(UserError) as error:
        read_arms([str(tmp_path / "a")], jobs=1)
    assert str(error.value) == f"{tmp_path}/a/config.toml: {why}; was it changed by hand?"


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[31m", "\ud800"])
def test_an_arm_has_a_name_that_can_be_shown(tmp_path: Path, played: list[Episode], name: str) -> None:
    run_of(tmp_path / "a", played, "111100")
    with pytest.raises(UserError, match="give the arm a name that can be shown, as in tandem="):
        read_arms([f"{name}={tmp_path / 'a'}"], jobs=1)
