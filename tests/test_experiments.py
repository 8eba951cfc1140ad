"""``python -m training.experiments``: arms times seeds, gone on with, a table, a plot; and its statistics by hand."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

from arena.command import UserError
from tests.training_runs import SMALL
from training.experiments.__main__ import ExperimentConfig, main
from training.experiments.catalogue import EXPERIMENTS
from training.experiments.results import Row, chosen, over_seeds, table

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
    given.set = [*SETS, "optimiser.learning_rate=-1"]
    with pytest.raises(
        UserError, match=r"tandem, seed 0 ended with exit code 2: error: --set optimiser\.learning_rate"
    ):
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
