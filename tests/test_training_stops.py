"""Training that is stopped, or that cannot go on: the last checkpoint is good, and one line says why."""

from __future__ import annotations

import errno
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running import ENVIRONMENT, only_line, plain
from tests.training_runs import SMALL, everything, metrics, summary, train
from training import checkpoint
from training.objectives.base import Floats
from training.run import cli

STEPS = 5
COMMAND = [sys.executable, "-m", "training.run", *SMALL, "--steps", str(STEPS)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an uninterrupted run leaves."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert train(folder, steps=STEPS) == 0
    return everything(folder)


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(here: Path, whole: dict[str, Any]) -> None:
    """kill -9 some times at random, then --resume: weights, optimiser, episodes and figures are the same."""
    out, chance, kills = here / "run", random.Random(4), 0
    for _ in range(12):
        resume = ["--resume"] if (out / "config.toml").exists() else []
        child = subprocess.Popen([*COMMAND, "--out", str(out), *resume], env=ENVIRONMENT, stderr=subprocess.DEVNULL)
        began = time.monotonic()
        moment = None
        while child.poll() is None:
            if moment is None and (out / "episodes.jsonl").exists():  # it has begun to work
                moment = time.monotonic() + chance.uniform(0, 1.5)
            if kills < 4 and moment is not None and time.monotonic() > moment:
                child.send_signal(signal.SIGKILL)
                kills += 1
                break
            assert time.monotonic() - began < 300
            time.sleep(0.02)
        if child.wait(60) == 0:
            break
    assert kills == 4
    assert everything(out) == whole


def test_a_finished_run_stays_as_it_is(here: Path, whole: dict[str, Any]) -> None:
    assert train(here / "run", steps=STEPS) == 0
    assert train(here / "run", "--resume", steps=STEPS) == 0
    assert everything(here / "run") == whole


def test_an_interrupt_says_how_to_go_on(here: Path, whole: dict[str, Any]) -> None:
    out = here / "run"
    child = subprocess.Popen([*COMMAND, "--out", str(out)], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    while not (out / "checkpoints" / "last").exists():
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=120)
    assert child.returncode == 130
    assert "stopping after this step" in said
    assert "Traceback" not in said
    # What was done is kept: there is a checkpoint after the last line of metrics.
    last = checkpoint.last_of(out / "checkpoints")
    assert last is not None
    assert last.name == f"step-{metrics(out)[-1]['step']:06d}"
    assert f"To go on from {last.name}: " in said
    words = said.rsplit(f"{last.name}: ", 1)[1].split()
    assert subprocess.run(words, env=ENVIRONMENT, stderr=subprocess.DEVNULL).returncode == 0
    assert everything(out) == whole


def good(folder: Path) -> None:
    """The last checkpoint is one that can be gone on with."""
    from transformers import AutoModelForCausalLM

    last = folder / "checkpoints" / "last"
    assert checkpoint.last_of(folder / "checkpoints") == last.resolve()
    model = AutoModelForCausalLM.from_pretrained(last)
    assert all(bool(weight.isfinite().all()) for weight in model.parameters())


def test_a_loss_that_is_no_number_stops_before_the_weights(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--set", "optimiser.learning_rate=1e30", "--set", "objective.c=1", "--set", "optimiser.warmup_steps=1"]
    assert train(here / "run", *flags) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: ")
    assert "not numbers" in line or "not a number" in line
    if (here / "run" / "checkpoints" / "last").exists():
        good(here / "run")


class Spoilt:
    """An objective that gives something else than it should."""

    needs_groups, others = False, 0.0

    def __init__(self, how: str = "short"):
        self.how = how

    def advantages(self, correct: Any, groups: Any) -> Floats:
        whole: Floats = correct.astype(float)
        return whole[:-1] if self.how == "short" else whole + float("nan")

    def terms(self, given: Any) -> Any:
        return given.logprobs

    def divisor(self, episodes: int, factors: int, limit: int) -> float:
        return 1.0


@pytest.mark.parametrize(
    ("how", "said"), [("short", "advantages of shape (15,) for 16 episodes"), ("nan", "not a number")]
)
def test_rewards_of_the_wrong_length_stop_the_run(
    here: Path, capsys: pytest.CaptureFixture[str], how: str, said: str
) -> None:
    objective = f"objective={{name='python:tests.test_training_stops:Spoilt', how='{how}'}}"
    assert train(here / "run", "--set", objective) == 1
    assert said in capsys.readouterr().err.splitlines()[-1]


def lose_authors(episode: Any) -> None:
    del episode.spans[-1]


def lose_a_name(episode: Any) -> None:
    episode.spans[0].author = "nobody"


@pytest.mark.parametrize("spoil", [lose_authors, lose_a_name])
def test_lost_authors_stop_the_run(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Any], None]
) -> None:
    from arena.torch_engine.engine import TorchEngine

    whole = TorchEngine.episodes

    def spoilt(engine: Any, jobs: Any) -> Any:
        for number, episode in enumerate(whole(engine, jobs)):
            if number == 3 and episode.step == 1 and episode.condition == "team":
                spoil(episode)
            yield episode

    monkeypatch.setattr(TorchEngine, "episodes", spoilt)
    flags = ["--set", "evaluation.problems=0", "--set", "log.rollouts=false"]
    assert train(here / "run", *flags, steps=3) == 1
    assert "authors are lost" in capsys.readouterr().err.splitlines()[-1]
    good(here / "run")
    assert [line["step"] for line in metrics(here / "run")] == [0, 1]


def test_a_lost_sample_stops_the_run(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    from training.rollouts import Rollouts

    play = Rollouts.play
    monkeypatch.setattr(Rollouts, "play", lambda self, step: play(self, step)[:-1])
    assert train(here / "run") == 1
    assert "problem 16 of 16 has 0 rollouts, not 1" in only_line(capsys.readouterr().err.splitlines()[-1] + "\n")


def test_a_full_disk_keeps_the_last_checkpoint(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import torch as safetensors

    save, saved = safetensors.save_file, []

    def full(tensors: Any, path: Any, *more: Any, **named: Any) -> None:
        saved.append(path)
        if len(saved) > 2:
            Path(path).write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(tensors, path, *more, **named)

    monkeypatch.setattr(safetensors, "save_file", full)
    assert train(here / "run", steps=STEPS) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "No space left on device" in line
    assert "step-00000" in line
    good(here / "run")
    monkeypatch.undo()
    assert train(here / "run", "--resume", steps=STEPS) == 0
    assert summary(here / "run")["steps"] == STEPS


def test_a_spoilt_checkpoint_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(here / "run") == 0
    (here / "run" / "summary.json").unlink()
    last = (here / "run" / "checkpoints" / "last").resolve()
    (last / "trainer.safetensors").write_bytes(b"nothing")
    capsys.readouterr()
    assert train(here / "run", "--resume") == 2
    assert f"{last}: cannot be gone on with" in capsys.readouterr().err.splitlines()[-1]


def test_adapters_are_trained_saved_and_gone_on_with(here: Path, tiny_models: tuple[Path, Path]) -> None:
    """LoRA and 4-bit LoRA: the base stays as it is, and plain peft loads what was learnt."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    agents = [f"--agent={name}=hf:{folder}" for name, folder in zip(("senior", "junior"), tiny_models, strict=True)]
    small = [
        "--set",
        "rollouts.limit=24",
        "--set",
        "objective.c=1",
        "--set",
        "lora.rank=4",
        "--set",
        "rollouts.problems=6",
    ]
    for name, more in (("lora", []), ("qlora", ["--set", "agents.senior.four_bit=true"])):
        flags = [*agents, *small, *more]
        assert train(here / name, *flags, steps=3) == 0
        last = here / name / "checkpoints" / "last"
        assert {path.name for path in last.iterdir()} >= {"adapter_config.json", "adapter_model.safetensors"}
        assert not (last / "model.safetensors").exists()
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_models[0]), last)
        moved = [weight for key, weight in model.named_parameters() if "lora_B" in key]
        assert moved
        assert all(bool((weight != 0).any()) for weight in moved)
        assert all(line["mismatch"]["max"] < 1e-4 for line in metrics(here / name)[1:])
        # Stopped after two of the three steps, it goes on to the same adapter.
        assert train(here / f"{name}-2", *flags, steps=3) == 0
        third = here / f"{name}-2" / "checkpoints"
        assert torch.equal(
            torch.tensor(list((third / "last" / "adapter_model.safetensors").read_bytes())),
            torch.tensor(list((last / "adapter_model.safetensors").read_bytes())),
        )


def test_two_processes_compute_what_one_does(here: Path) -> None:
    """accelerate launch with two CPU processes: same rollouts, weights after 5 steps within 1e-5.

    --multi_gpu is how accelerate starts several processes, also where there is no GPU; --cpu alone starts one.
    """
    from safetensors.torch import load_file

    flags = [*SMALL, "--steps", "5", "--set", "objective.c=-0.2"]
    assert cli([*flags, "--out", str(here / "one")]) == 0
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    done = subprocess.run(
        [*launch, "-m", "training.run", *flags, "--out", str(here / "two")],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for folder in ("", "validation"):
        one, two = ({e["id"]: e for e in plain(here / name / folder)} for name in ("one", "two"))
        assert one.keys() == two.keys()
        assert all(one[name]["text"] == two[name]["text"] for name in one)
    first, second = (load_file(here / name / "checkpoints" / "last" / "model.safetensors") for name in ("one", "two"))
    assert max(float((first[name] - second[name]).abs().max()) for name in first) < 1e-5
    assert (summary(here / "one")["processes"], summary(here / "two")["processes"]) == (1, 2)
    assert (here / "one" / "config.toml").read_bytes() == (here / "two" / "config.toml").read_bytes()
