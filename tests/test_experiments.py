"""``python -m training.experiments``: arms times seeds, gone on with, a table, a plot; and its statistics by hand."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arena.command import UserError
from arena.lines import read_episodes
from arena.tasks.arithmetic import Arithmetic
from arena.tasks.arithmetic.solution import solution
from tests.replaying import episode
from tests.training_runs import SMALL
from training.experiments.__main__ import main
from training.experiments.base import Arm
from training.experiments.catalogue import EXPERIMENTS
from training.experiments.config import ExperimentConfig
from training.experiments.languages import ALONE, shares
from training.experiments.results import Row, chosen, over_seeds, table
from training.experiments.results import rows as results_rows
from training.experiments.runner import cells, trials_of

SETS = [word for word in SMALL if word != "--set"]


def config(out: Path, name: str, *arms: str, seeds: int = 1, steps: int = 2) -> ExperimentConfig:
    return ExperimentConfig(name, out, seeds=seeds, steps=steps, arms=list(arms), jobs=2, test=6, set=SETS)  # type: ignore[arg-type]


def rows_of(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "results.csv").open(encoding="utf-8")))


def test_an_experiment_runs_its_arms_and_can_be_gone_on_with(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    given = config(here / "out", "sanity", "tandem", "no-junior", steps=1)
    main(given)
    said = capsys.readouterr()
    assert "Does the senior's jargon go" in said.out
    assert said.err.count(" left\n") == 2
    assert {path.name for path in (here / "out").iterdir()} >= {"table.md", "results.csv", "curves.svg", "curves.png"}
    rows = rows_of(here / "out")
    assert {(row["arm"], row["seed"]) for row in rows} == {("tandem", "0"), ("no-junior", "0")}
    assert {row["condition"] for row in rows} == {"solo:senior", "team"}
    # Given again, it runs what is missing and nothing else.
    before = (here / "out" / "tandem" / "seed-0" / "summary.json").stat().st_mtime_ns
    (here / "out" / "no-junior" / "seed-0" / "summary.json").unlink()
    main(given)
    assert capsys.readouterr().err.count(" left\n") == 1
    assert (here / "out" / "tandem" / "seed-0" / "summary.json").stat().st_mtime_ns == before
    assert [{**row} for row in rows_of(here / "out")] == rows


@pytest.fixture
def one_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """The experiment `transfer` with one partner that was never met, not three."""
    whole = EXPERIMENTS["transfer"]()
    arms = tuple(replace(arm, partners=("junior-other",)) for arm in whole.arms)
    monkeypatch.setitem(EXPERIMENTS, "transfer", lambda: replace(whole, arms=arms))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))


@pytest.mark.usefixtures("one_stranger")
def test_strangers_are_tested_with_the_trained_senior(here: Path) -> None:
    main(config(here / "out", "transfer", "junior", steps=1))
    found = {row["split"] for row in rows_of(here / "out")}
    assert found == {"held_out", "test-junior-other"}
    summary = json.loads((here / "out" / "junior" / "seed-0" / "test-junior-other" / "summary.json").read_bytes())
    assert summary["episodes"] == 6


def test_a_look_finds_in_stored_episodes_what_metrics_have_not(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    given = config(here / "out", "jargons", "calculator-breaks", steps=2)
    given.set = [*(one for one in SETS if not one.startswith("evaluation.test")), "evaluation.test=8"]
    main(given)
    found = {(row["split"], row["condition"], row["measure"]): row for row in rows_of(here / "out")}
    for split in ("first", "held_out", "test"):
        for condition in ("solo:senior", "team"):
            seen, known = (found[split, condition, measure] for measure in ("notation", "jargon_rate"))
            assert (float(seen["value"]), seen["episodes"]) == (float(known["value"]), known["episodes"])
    before, after = (float(found[split, "solo:senior", "notation"]["value"]) for split in ("first", "test"))
    assert (here / "out" / "table.md").read_text().splitlines()[6:11] == [
        "Share of solutions in which the jargon was begun, senior alone",
        "",
        "| arm | seeds | before | after |",
        "| --- | --- | --- | --- |",
        f"| calculator, a junior that breaks | 1 | {before:.2f} | {after:.2f} |",
    ]
    panels = {row["panel"] for row in csv.DictReader((here / "out" / "curves.csv").open())}
    assert panels == {
        f"{title}: calculator" for title in ("Share of solutions", "Accuracy alone", "Accuracy of the team")
    }


def test_seeds_that_ran_elsewhere_are_counted_in(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    there = config(here / "there", "sanity", "tandem", steps=1)
    main(there)
    shutil.copytree(here / "there", here / "both")
    main(replace(there, out=here / "both", first=1))
    both = rows_of(here / "both")
    assert {row["seed"] for row in both} == {"0", "1"}, "seeds that were there before are reported, too"
    shutil.copytree(here / "both" / "tandem" / "seed-1", here / "out" / "tandem" / "seed-1")
    capsys.readouterr()
    rest = replace(there, out=here / "out", first=1, join=[here / "there"])
    main(rest)
    assert " left\n" not in capsys.readouterr().err
    rows = rows_of(here / "out")
    assert rows == both
    assert [row for row in rows if row["seed"] == "0"] == rows_of(here / "there")
    curves = {name: list(csv.DictReader((here / name / "curves.csv").open())) for name in ("out", "both", "there")}
    assert curves["out"] == curves["both"]
    assert {row["seed"] for row in curves["out"]} == {"0", "1"}
    assert [row for row in curves["both"] if row["seed"] == "0"] == curves["there"]
    # The figures of both are enough for others.
    for name in ("out", "there"):
        shutil.rmtree(here / name / "tandem")
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"first": 0}, "tandem, seed 0, is here, too; begin elsewhere with --first"),
        ({"join": [here / "out", here / "there"]}, "--join .*there: tandem, seed 0, is .*out, too"),
        ({"steps": 2}, "tandem was made otherwise there"),
        ({"name": "granularity", "arms": ["word"]}, "tandem is no arm of granularity"),
        ({"name": "sweep", "arms": []}, "sweep tests one arm, chosen by all seeds"),
        ({"join": [here]}, "there is no results.csv"),
        ({"join": [here / "new"]}, "is --out itself"),
    ]
    for change, said in mistakes:
        with pytest.raises(UserError, match=said):
            main(replace(rest, **{"out": here / "new", "first": 2, "join": [here / "out"], **change}))
        assert not (here / "new").exists()
    for name in ("curves", "results"):
        (here / "there" / f"{name}.csv").write_text("arm,seed\ntandem,0\n")
        with pytest.raises(UserError, match=rf"its {name}.csv is not one of this version"):
            main(rest)


def test_a_senior_is_asked_for_every_language_after_training(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    whole = EXPERIMENTS["languages"]()
    arms = tuple(replace(arm, told=("en", "zh")) for arm in whole.arms)
    monkeypatch.setitem(EXPERIMENTS, "languages", lambda: replace(whole, arms=arms))
    given = config(here / "out", "languages", "de-fr-j0", steps=1)
    given.set = [*(one for one in SETS if not one.startswith("evaluation.test")), "evaluation.test=8"]
    main(given)
    found = {(row["split"], row["condition"], row["measure"]): float(row["value"]) for row in rows_of(here / "out")}
    for language in ("en", "zh"):
        # One update does not change what a senior writes that is asked for a language.
        assert found[f"told-{language}", ALONE, f"words:{language}"] > 0.5
        assert found[f"told-{language}", ALONE, "target"] == found[f"told-{language}", ALONE, "words:fr"]
        played = here / "out" / "de-fr-j0" / "seed-0" / f"told-{language}"
        assert {episode.step for episode in read_episodes(played)} == {None}
    assert found["test", "solo:senior", "words:de"] > 0.5
    assert found["test", "team", "others:fr"] > 0.8
    tables = (here / "out" / "table.md").read_text()
    assert tables.count("| German, junior French, j = 0 | 1 | ") == 5


def test_shares_of_languages_by_hand() -> None:
    """Two solutions: one French, one begun in German by the senior and ended in French by the junior."""
    arm = Arm("any", "any", seen="fr")
    story = Arithmetic(most_steps=2).story("test", 0)
    french, german = (solution(story, ["plain"] * len(story.steps), one) for one in ("fr", "de"))
    whole = episode(("senior", french))
    both = episode(("senior", german.splitlines(keepends=True)[0]), ("junior", french))
    found = shares(arm, [whole, both])
    assert found["solutions:fr"] == 0.5
    assert found["solutions:mixed"] == 0.5
    assert found["others:fr"] == 1.0
    assert 0 < found["words:de"] < 0.5 < found["target"] == found["words:fr"] < 1
    assert found["words:de"] + found["words:fr"] == pytest.approx(1)
    assert "others:fr" not in shares(arm, [whole])


def test_a_run_that_fails_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    given = config(here / "out", "sanity", "tandem")
    given.set = [*SETS, "--task=nothing"]
    with pytest.raises(UserError, match=r"tandem, seed 0 ended with exit code 2: error: --task nothing"):
        main(given)
    given.arms = ["nothing"]
    with pytest.raises(UserError, match="--arms nothing: sanity has tandem, no-junior"):
        main(given)


def test_seeds_are_combined_by_t() -> None:
    middle, low, high = over_seeds([0.5, 0.6, 0.7])
    half = 4.302652729911275 * 0.1 / math.sqrt(3)  # t at .975 with two degrees of freedom
    assert (middle, low, high) == pytest.approx((0.6, 0.6 - half, 0.6 + half))
    assert math.isnan(over_seeds([0.5])[1])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_panel_has_a_title_of_its_own_and_shows_arms_that_there_are(name: str) -> None:
    experiment = EXPERIMENTS[name]()
    assert len({one.title for one in experiment.panels}) == len(experiment.panels)
    assert len({arm.title for arm in experiment.arms}) == len(experiment.arms)
    names = {arm.name for arm in experiment.arms}
    assert all(set(one.lines.values()) <= names for one in experiment.panels)


def test_a_sweep_is_chosen_by_held_out_alone() -> None:
    sweep = EXPERIMENTS["sweep"]()
    rows = [
        Row(arm, seed, split, "team", "accuracy", value, 200, "")
        for arm, held, test in (("c0-j0", 0.5, 0.9), ("c0-j0.2", 0.6, 0.1))
        for seed in (0, 1)
        for split, value in (("held_out", held), ("test", test))
    ]
    assert chosen(rows, sweep) == "c0-j0.2"
    lines = table(rows, sweep)
    assert lines[1][:6] == ["c = 0, j = 0", "held-out, n 200", "team", "accuracy", "0.500 0.500", "0.500"]


MISTAKES = [
    ("sanity", ["optimiser.learning_rate=-1"], "tandem: --set optimiser.learning_rate=-1.0: must be at least 0"),
    (
        "sanity",
        ["objective.c=-0.3"],
        "reward-ignored has objective.c = 1.0 of its own, and would have -0.3; choose --arms",
    ),
    ("sanity", ["pair=senior:junior"], "no-junior has pair = 'senior' of its own"),
    ("sanity", ["--control=no-junior"], "every cell has a control of its own"),
    ("sweep", ['objective={name="reinforce", c=0.0, j=0.5}'], "c0-j0.2 has objective.j = 0.2 of its own"),
    ("sanity", ["seed=7"], "--set seed=7: every cell has a seed of its own"),
    ("granularity", ["handoff=word:p=0.5"], "token has a handoff of its own"),
    ("sweep", ["evaluation.problems=0"], "sweep chooses by held-out problems"),
]


@pytest.mark.parametrize(("name", "sets", "said"), MISTAKES)
def test_a_mistake_costs_nothing(here: Path, name: str, sets: list[str], said: str) -> None:
    given = config(here / "out", name)
    given.set = [*(one for one in SETS if one.partition("=")[0] != sets[0].partition("=")[0]), *sets]
    with pytest.raises(UserError, match=re.escape(said)):
        main(given)
    assert not (here / "out").exists()


def test_an_arm_that_the_recipe_lacks_is_named_first(here: Path) -> None:
    given = config(here / "out", "sanity")
    given.recipe = "gsm8k-llama2-qlora"
    with pytest.raises(UserError, match="jargon-junior: --control jargon-junior: gsm8k-llama2-qlora has"):
        main(given)
    assert not (here / "out").exists()


@pytest.mark.usefixtures("one_stranger")
def test_a_folder_is_of_one_experiment(here: Path) -> None:
    given = config(here / "out", "transfer", "untrained")
    main(given)
    summaries = list((here / "out").rglob("summary.json"))
    assert {path.parent.name for path in summaries} == {"test-junior-other"}
    assert {row["split"] for row in rows_of(here / "out")} == {path.parent.name for path in summaries}
    told = next((here / "out").rglob("test-junior-other.toml"))
    kept = told.read_text()
    told.write_text(kept.replace('handoff = "', 'handoff = "not '))
    with pytest.raises(UserError, match=r"test-junior-other: was made otherwise: handoff was 'not "):
        main(given)
    told.write_text(kept)
    # More test problems are played on; another recipe would be another experiment.
    given.test = 8
    main(given)
    assert {row["episodes"] for row in rows_of(here / "out")} == {"8"}
    main(config(here / "other", "sanity", "tandem", steps=1))
    again = config(here / "other", "sanity", "tandem", steps=2)
    with pytest.raises(UserError, match="seed-0: was made otherwise: steps was 1, is 2"):
        main(again)


def test_the_chosen_arm_alone_is_tested_and_under_its_own_policy(here: Path) -> None:
    """Figures of an arm that was chosen once, by fewer seeds, are no part of the table."""
    experiment = EXPERIMENTS["sweep"]()
    more = [*SETS, "--handoff=sentence:p=0.9"]
    found = cells(experiment, [0], here / "out", more)
    for cell in found:
        work = [*trials_of(cell, ("junior",), 6)]
        assert 'handoff = "sentence:p=0.9"' in (cell.folder / "test-junior.toml").read_text()
        for folder in (cell.folder, *(one.folder for one in work)):
            folder.mkdir(exist_ok=True)
            table = {"team": {"accuracy": 0.5, "episodes": 6}}
            (folder / "summary.json").write_text(json.dumps({"held_out": table, "conditions": table}))
    rows = results_rows(found, {found[1]: [found[1].folder / "test-junior"]})
    assert {row.arm for row in rows if row.split == "test-junior"} == {found[1].arm.name}
    assert len({row.arm for row in rows if row.split == "held_out"}) == 12
