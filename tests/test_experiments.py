"""``python -m training.experiments``: arms times seeds, gone on with, a table, a plot; and its statistics by hand."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import pytest

from arena.command import UserError
from tests.training_runs import SMALL
from training.experiments.__main__ import ExperimentConfig, main
from training.experiments.catalogue import EXPERIMENTS
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


def test_strangers_are_tested_with_the_trained_senior(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    main(config(here / "out", "transfer", "junior", steps=1))
    found = {row["split"] for row in rows_of(here / "out")}
    assert found == {"held_out", "test-junior", "test-junior-other", "test-junior-jargon"}
    summary = json.loads((here / "out" / "junior" / "seed-0" / "test-junior-other" / "summary.json").read_bytes())
    assert summary["episodes"] == 6


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


def test_a_sweep_is_chosen_by_held_out_alone() -> None:
    sweep = EXPERIMENTS["sweep"]()
    rows = [
        Row(arm, seed, split, "team", "accuracy", value, 200)
        for arm, held, test in (("c0-j0", 0.5, 0.9), ("c0-j0.2", 0.6, 0.1))
        for seed in (0, 1)
        for split, value in (("held_out", held), ("test", test))
    ]
    assert chosen(rows, sweep) == "c0-j0.2"
    lines = table(rows, sweep)
    assert lines[1][:6] == ["c = 0, j = 0", "held-out, n 200", "team", "accuracy", "0.500 0.500", "0.500"]


MISTAKES = [
    ("sanity", ["optimiser.learning_rate=-1"], "tandem: --set optimiser.learning_rate=-1.0: must be at least 0"),
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


def test_a_folder_is_of_one_experiment(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    given = config(here / "out", "transfer", "untrained")
    main(given)
    summaries = list((here / "out").rglob("summary.json"))
    assert {path.parent.name for path in summaries} == {"test-junior", "test-junior-other", "test-junior-jargon"}
    assert {row["split"] for row in rows_of(here / "out")} == {path.parent.name for path in summaries}
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
    found = cells(experiment, 1, here / "out", more)
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
