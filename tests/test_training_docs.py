"""What docs/TRAINING.md says is so: fields, objective, recipes, experiments; and what is shown of a run."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from tests.running import ROOT
from tests.training_runs import metrics, train
from training.config import TrainConfig
from training.experiments.catalogue import EXPERIMENTS
from training.objectives import OBJECTIVES
from training.reading import recipe_names
from training.show import History, Lines, curve, duration

TEXT = (ROOT / "docs" / "TRAINING.md").read_text(encoding="utf-8")


def test_every_field_is_in_the_docs_with_its_default() -> None:
    config = TrainConfig()
    for one in fields(config):
        table = getattr(config, one.name)
        if is_dataclass(table):
            for field in fields(table):
                assert f"| `{one.name}.{field.name}` | `{getattr(table, field.name)!r}` |" in TEXT


def test_everything_that_has_a_name_is_in_the_docs() -> None:
    for name in (*recipe_names(), *EXPERIMENTS, *OBJECTIVES):
        assert f"`{name}`" in TEXT
    for arms in EXPERIMENTS.values():
        assert len({arm.name for arm in arms().arms}) == len(arms().arms)


def test_the_objective_of_the_docs_trains(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n# mine.py\n(.*?)```", TEXT, re.DOTALL)
    assert code
    (here / "mine.py").write_text(code[1])
    monkeypatch.syspath_prepend(here)
    flags = ["--set", 'objective={name="python:mine:HardOnes", power=2.0}', "--set", "rollouts.samples=4"]
    assert train(here / "run", *flags, "--set", "rollouts.problems=6") == 0
    assert all(line["in_loss"] > 0 for line in metrics(here / "run")[1:])


def test_curves_and_durations() -> None:
    assert curve([0.0, 0.5, 1.0, -1.0, 2.0]) == "▁▅█▁█"
    assert len(curve([0.5] * 1000)) == 40
    assert (duration(41.2), duration(425), duration(7380)) == ("41 s", "7 min 05 s", "2 h 03 min")


def line(step: int, jargon: float) -> dict[str, object]:
    table = {"accuracy": 0.5, "jargon_rate": jargon}
    return {
        "step": step,
        "accuracy": 0.25,
        "tokens": 100,
        "seconds": {"rollout": 0.5},
        "held_out": {"solo:senior": table},
    }


def test_a_pipe_gets_a_line_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Lines("senior")
    shown.began(0, 4)
    shown.stepped(line(1, 0.9))
    said = capsys.readouterr().err
    assert said.startswith("step 1/4, reward 0.250, 200 tokens/s, held-out: solo:senior 0.500 (jargon 0.900)")
    assert said.endswith(" left\n")
    history = History("senior")
    history.add(line(1, 0.9))
    history.add(line(2, 0.1))
    assert history.over_time("solo:senior", "jargon_rate") == [0.9, 0.1]


def test_tensorboard_gets_every_number(here: Path) -> None:
    pytest.importorskip("tensorboard", reason="pip install tensorboard")
    assert train(here / "run", "--set", "log.tensorboard=true") == 0
    assert list((here / "run" / "tensorboard").glob("events.*"))


def test_a_tracker_that_is_not_there_is_named(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "trackio", None)
    assert train(here / "run", "--set", "log.trackio=mine") == 2
    assert "trackio is not installed: pip install trackio" in capsys.readouterr().err
    assert not (here / "run").exists()
