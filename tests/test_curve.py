"""The handoff curve as a command: its ends are the solo runs, it can be gone on with, and mistakes are a line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.curve.__main__ import cli, read_fractions
from analysis.curve.plan import Case, CurvePlan
from analysis.curve.points import Curve, Point, differences
from analysis.resampling import over_problems
from arena.measures import tally, wilson
from arena.run import cli as run
from arena.tasks import Problem
from arena.validate import Options
from arena.validate import main as validate
from tests.running import only_line, plain

PAIR = ["--pair=senior:junior", "--limit=60"]
FLAGS = [*PAIR, "--fractions=0,0.3,0.6,1", "--episodes=6", "--batch-size=5"]
ANN = ["--agent=ann=script:She has 3 * 4 = 12 pens, so 12. #### 12{end}"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A curve that nobody interrupted."""
    folder = tmp_path_factory.mktemp("curves") / "whole"
    assert cli([*FLAGS, "--out", str(folder)]) == 0
    return folder


def unlike(one: Path, other: Path) -> list[str]:
    """Ids of episodes that are not the same but for factors' last digits, timings and digests."""
    found = []
    for a, b in zip(plain(one), plain(other), strict=True):
        for x, y in zip(a["spans"], b["spans"], strict=True):
            for factor in ("logprobs", "end_logprob"):
                assert x.pop(factor) == pytest.approx(y.pop(factor), abs=1e-4)
        a["digest"] = b["digest"] = ""
        found += [a["id"]] if a != b else []
    return found


def test_a_curve_is_proven_and_its_figures_are_those_of_its_episodes(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate(Options(whole)) == 0
    assert "24 episodes, 24 proven, 0 not" in capsys.readouterr().out
    files = {path.name for path in whole.iterdir()}
    assert {"curve.json", "curve.csv", "curve.svg", "curve.png", "summary.json", "episodes.parquet"} <= files
    curve = json.loads((whole / "curve.json").read_bytes())
    assert [point["fraction"] for point in curve["points"]] == [0, 0.3, 0.6, 1]
    conditions = ["solo:junior", "junior@0.3", "junior@0.6", "solo:senior"]
    assert [point["condition"] for point in curve["points"]] == conditions
    by_condition: dict[str, list[dict[str, Any]]] = {}
    for episode in plain(whole):
        by_condition.setdefault(episode["condition"], []).append(episode)
    for point in curve["points"]:
        right = [e["grade"]["verdict"] == "correct" for e in by_condition[point["condition"]]]
        assert (point["episodes"], point["correct"], point["accuracy"]) == (6, sum(right), sum(right) / 6)
        assert (point["low"], point["high"]) == wilson(sum(right), 6)
    rows = list(csv.DictReader((whole / "curve.csv").open(encoding="utf-8")))
    assert [float(row["accuracy"]) for row in rows] == [point["accuracy"] for point in curve["points"]]


def test_its_ends_are_the_solo_runs_token_for_token(whole: Path, here: Path) -> None:
    assert run([*PAIR, "--episodes=6", "--baselines", "--show=0", "--handoff=word:p=1", "--out=run"]) == 0
    solos = {e["id"]: e for e in plain(here / "run") if e["condition"] != "team"}
    ends = {e["id"]: e for e in plain(whole) if e["condition"] in ("solo:senior", "solo:junior")}
    assert ends.keys() == solos.keys()
    for identity, episode in ends.items():
        for field in ("text", "authors", "policy", "seed", "grade", "ended"):
            assert episode[field] == solos[identity][field]
        ids = [[span["token_ids"] for span in one["spans"]] for one in (episode, solos[identity])]
        assert ids[0] == ids[1]


def test_every_fraction_begins_with_so_many_units_of_the_solution(whole: Path) -> None:
    episodes = {e["id"]: e for e in plain(whole)}
    cut = [e for e in episodes.values() if "@" in e["condition"]]
    assert len(cut) == 12
    for episode in cut:
        parent = episodes[episode["parent_id"]]
        assert parent["id"] == f"{episode['problem_id']}#0:solo:senior"
        prefix = episode["spans"][: episode["prefix_spans"]]
        ids = [token for span in prefix for token in span["token_ids"]]
        assert ids == parent["spans"][0]["token_ids"][: len(ids)]
        assert episode["authors"] == (["junior", "senior"] if prefix else ["junior"])
        assert list(episode["views"]) == ["junior"]  # the senior need not sit down


@pytest.mark.parametrize("kept", [1, 5, 13])
def test_a_file_that_was_cut_is_gone_on_with_to_the_same_episodes(whole: Path, here: Path, kept: int) -> None:
    lines = (whole / "episodes.jsonl").read_bytes().splitlines(keepends=True)
    (here / "run").mkdir()
    (here / "run" / "config.toml").write_bytes((whole / "config.toml").read_bytes())
    chosen = [lines[n * 7 % 24] for n in range(kept)]
    (here / "run" / "episodes.jsonl").write_bytes(b"".join(chosen) + lines[0][:100])
    assert cli(["--config=run/config.toml", "--out=run", "--resume", "--batch-size=3"]) == 0
    assert unlike(here / "run", whole) == []
    points = [json.loads((folder / "curve.json").read_bytes())["points"] for folder in (here / "run", whole)]
    assert points[0] == points[1]


def test_given_solutions_are_cut_also_a_persons_whom_nobody_can_ask_again(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--pair=ann", *ANN, "--episodes=3", "--show=0", "--out=ann"]) == 0
    flags = ["--from=ann", "--pair=ann:junior", "--fractions=0,0.5,1", "--episodes=3"]
    assert cli([*flags, "--out=curve"]) == 0
    assert "3 episodes" not in capsys.readouterr().err
    episodes = plain(here / "curve")
    assert [e["condition"] for e in episodes[:3]] == ["team"] * 3  # as they are in the run that they are from
    assert validate(Options(here / "curve")) == 0
    half = [e for e in episodes if e["condition"] == "junior@0.5"]
    assert {e["text"][: e["spans"][0]["end"]] for e in half} == {"She has 3 * 4 ="}
    assert {tuple(e["authors"]) for e in half} == {("junior", "ann")}
    solo = {e["id"]: e["text"] for e in episodes if e["condition"] == "solo:junior"}
    assert run(["--pair=junior", "--episodes=3", "--show=0", "--out=junior"]) == 0
    assert list(solo.values()) == [e["text"] for e in plain(here / "junior")]


def test_who_goes_on_from_a_run_is_as_it_was_there(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agents = [*ANN, "--agent=bob=script: #### 12 {end}"]
    assert run(["--pair=ann:bob", *agents, "--handoff=word:alternate", "--episodes=2", "--show=0", "--out=run"]) == 0
    assert cli(["--from=run", "--pair=ann:bob", "--fractions=0.5,1", "--out=curve"]) == 0
    assert {e["text"].rpartition(" ####")[1:] for e in plain(here / "curve")} >= {(" ####", " 12")}
    capsys.readouterr()
    assert cli(["--from=run/episodes.jsonl", "--pair=ann:bob", "--out=new"]) == 2
    assert "--task: run/episodes.jsonl does not say" in only_line(capsys.readouterr().err)


def test_samples_go_together(here: Path) -> None:
    """Several solutions of a problem: intervals are of problems, as everywhere."""
    flags = ["--pair=ann:bob", *ANN, "--agent=bob=script: #### 12 {end}", "--fractions=0.5,1"]
    assert cli([*flags, "--episodes=6", "--samples=2", "--out=curve"]) == 0
    points = json.loads((here / "curve" / "curve.json").read_bytes())["points"]
    assert [(point["episodes"], point["problems"]) for point in points] == [(6, 3), (6, 3)]
    assert all("problems" in point["method"] for point in points)
    assert len(plain(here / "curve")) == 12


def test_one_curve_less_another_is_paired_by_problem(whole: Path, here: Path) -> None:
    assert cli([*FLAGS, "--fractions=0,1", "--seed=1", "--beside", str(whole), "--label=other", "--out=two"]) == 0
    rows = list(csv.DictReader((here / "two" / "curve.csv").open(encoding="utf-8")))
    assert [row["label"] for row in rows] == ["other"] * 2 + ["senior:junior"] * 4
    points = [Point(f, "", 4, 4, 0, 0.0, 0.0, 1.0, "", 0, 0, 0) for f in (0.0, 1.0)]
    mine = Curve("a", "s", "j", "word", points, {str(n): [1.0, n % 2] for n in range(40)})
    other = Curve("b", "s", "j", "word", points, {str(n): [0.0, n % 2] for n in range(40)})
    assert differences(mine, other) == [(0.0, 1.0, 1.0, 1.0), (1.0, 0.0, 0.0, 0.0)]
    assert differences(mine, Curve("c", "s", "j", "word", points, {"x": [0.0, 0.0]})) == []


def test_failures_count_and_are_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--pair=ann:far", *ANN, "--agent=far=python:tests.far:unsteady", "--fractions=0.5,1", "--episodes=12"]
    assert cli([*flags, "--limit=40", "--out=curve"]) == 1
    said = only_line(capsys.readouterr().err)
    failed = tally_of(here / "curve")
    assert failed
    assert f"{failed} of 24 episodes failed, and count as unreadable" in said


def tally_of(folder: Path) -> int:
    from arena.lines import read_episodes

    return sum(one.endings["error"] for one in tally(read_episodes(folder)).values())


def test_an_empty_solution_is_cut_at_nothing() -> None:
    from agents.scripted import Scripted
    from arena.engines import ReferenceEngine

    agents = {"mute": Scripted(lambda view, text, turn: "{end}"), "bob": Scripted(lambda *_: "12{end}")}
    engine = ReferenceEngine(agents, seed=0, limit=9)
    plan = CurvePlan([Case(Problem("p", "?", "12"), 0)], "word", (0.5, 1), "bob", "solo:mute", "mute")
    stored: dict[str, object] = {}
    jobs = plan.jobs(stored.__contains__, stored.get)  # type: ignore[arg-type]
    parent = next(jobs)
    assert parent is not None
    (stored[parent.id],) = engine.episodes([parent])
    (job,) = jobs
    assert job is not None
    (episode,) = engine.episodes([job])
    assert (job.id, job.prefix, job.prefix_units, episode.text) == ("p#0:bob@0.5", (), 0, "12")
    assert list(plan.order()) == ["p#0:solo:mute", "p#0:bob@0.5"]


def test_solutions_of_a_training_run_are_told_from_their_continuations() -> None:
    """Both have an @ in their ids: for the step, and for the place."""
    case = Case(Problem("p@1", "?", "12"), 2, step=7)
    for condition, parent in (("team", "p@1#2@7"), ("solo:ann", "p@1#2@7:solo:ann")):
        plan = CurvePlan([case], "word", (0.5, 1), "bob", condition)
        assert list(plan.order()) == [parent, "p@1#2@7:bob@0.5"]
        assert [plan.keeps(identity) for identity in plan.order()] == [True, False]


def test_the_bootstrap_over_problems_covers_and_repeats_itself() -> None:
    rng = np.random.default_rng(0)
    problems = [str(n // 4) for n in range(120)]
    held = 0
    for number in range(200):
        values = (rng.random(30)[:, None] < 0.5).astype(float).repeat(4, axis=0).reshape(120, 1)  # samples all alike
        mean, low, high = over_problems(problems, values, seed=number, resamples=400)
        held += low[0] <= 0.5 <= high[0]
    assert 0.89 <= held / 200 <= 0.99
    again = over_problems(problems, values, seed=7, resamples=400)
    assert all(map(np.array_equal, again, over_problems(problems, values, seed=7, resamples=400)))
    mean, low, high = over_problems(["a", "a"], np.ones((2, 1)))
    assert (mean[0], np.isnan(low[0]), np.isnan(high[0])) == (1.0, True, True)
    ratio, _, _ = over_problems(["a", "b"], np.array([[1.0], [3.0]]), np.array([[1.0], [7.0]]))
    assert ratio[0] == 0.5


MISTAKES = [
    (["--pair=senior"], ["--pair senior", "two names"]),
    (["--pair=senior:nobody"], ["nobody"]),
    (["--fractions=0,half"], ["--fractions 0,half", "numbers"]),
    (["--fractions=0,1.5"], ["--fractions", "0 to 1"]),
    (["--unit=letter"], ["--unit letter", "token, word"]),
    (["--episodes=0"], ["--episodes"]),
    (["--episodes=5", "--samples=2"], ["--episodes 5", "--samples 2"]),
    (["--episodes=3", "--task=jsonl:two.jsonl"], ["--episodes 3", "2 test problems", "ask for 2"]),
    (["--task=nothing"], ["--task nothing"]),
    (["--from=nowhere"], ["--from nowhere", "episodes.jsonl"]),
    (["--beside=nowhere"], ["--beside nowhere", "curve.json"]),
    (["--config=nowhere.toml"], ["--config nowhere.toml"]),
    (["--limit=-1"], ["--limit"]),
    (["--nonsense"], ["nonsense", "--help"]),
]


@pytest.mark.parametrize(("flags", "words"), MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(
    here: Path, capsys: pytest.CaptureFixture[str], flags: list[str], words: list[str]
) -> None:
    two = [json.dumps({"question": "Why?", "answer": "12"})] * 2
    (here / "two.jsonl").write_text("\n".join(two) + "\n")
    assert cli([*flags, "--out=curve"]) == 2
    said = only_line(capsys.readouterr().err)
    assert all(word in said for word in words), said
    assert not (here / "curve").exists()


def test_another_configuration_or_a_run_of_several_conditions_is_refused(
    whole: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli([*FLAGS, "--out", str(whole)]) == 2
    assert "add --resume" in only_line(capsys.readouterr().err)
    assert cli([*FLAGS, "--unit=line", "--out", str(whole), "--resume"]) == 2
    assert "unit was 'word', is 'line'" in only_line(capsys.readouterr().err)
    assert cli(["--from", str(whole), "--pair=senior:junior-other", "--out=new"]) == 2
    assert "--condition" in only_line(capsys.readouterr().err)
    assert cli(["--from", str(whole), "--condition=team", "--out=new"]) == 2
    assert "--condition team" in only_line(capsys.readouterr().err)


def test_fractions_are_sorted_and_told_apart() -> None:
    assert read_fractions("1,0,.5,0.50") == [0, 0.5, 1]
