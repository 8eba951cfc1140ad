"""A run that is gone on with: with more episodes, in other batches, after kill -9, by two at once."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from agents.contract import Span, Turn
from arena.episode import Episode
from arena.run import cli
from arena.store import Run
from tests.far import FarSeat
from tests.running import ENVIRONMENT, PYTHON, ids, only_line, plain

FAR = [
    "--pair=ann:far",
    "--agent=ann=script:She has 3 boxes of 4 pens, so 12. ",
    "--agent=far=python:tests.far:unsteady",
    "--limit=40",
    "--show=0",
]
"""Episodes that end in another order than they began in, some of them by a failure."""
MODELS = ["--pair=senior:junior", "--limit=40", "--show=0"]


def lines_of(folder: Path) -> list[bytes]:
    """A run's lines as they are in the file, but for the timings."""
    out = []
    for line in (folder / "episodes.jsonl").read_bytes().splitlines():
        out.append(json.dumps({**json.loads(line), "timings": None}, ensure_ascii=False).encode())
    return out


def summary_of(folder: Path) -> str:
    """A run's summary as it is in the file, but for how long it took."""
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    for measures in (summary, *summary["conditions"].values()):
        measures.update(seconds=0, tokens_per_second=0)
    return json.dumps(summary)


def assert_same_run(one: Path, other: Path) -> None:
    """To the byte, but for timings; the order of what is in them, too."""
    assert lines_of(one) == lines_of(other)
    assert summary_of(one) == summary_of(other)
    assert (one / "config.toml").read_bytes() == (other / "config.toml").read_bytes()
    rows = [pq.read_table(run / "episodes.parquet").column("id").to_pylist() for run in (one, other)]
    assert rows[0] == rows[1] == ids(one)


def assert_nearly_same_run(one: Path, other: Path) -> None:
    """Of models in other batches: the same, and log-probabilities to 1e-4."""
    for a, b in zip(plain(one), plain(other), strict=True):
        for x, y in zip(a["spans"], b["spans"], strict=True):
            assert x.pop("logprobs") == pytest.approx(y.pop("logprobs"), abs=1e-4)
            assert x.pop("end_logprob") == pytest.approx(y.pop("end_logprob"), abs=1e-4)
        a["digest"] = b["digest"] = ""
        assert a == b
    assert summary_of(one) == summary_of(other)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that nobody interrupted: ``far`` and ``models``."""
    folder = tmp_path_factory.mktemp("whole")
    assert cli([*FAR, "--episodes", "16", "--baselines", "--out", str(folder / "far")]) == 1  # some episodes fail
    assert cli([*MODELS, "--episodes", "12", "--out", str(folder / "models")]) == 0
    return folder


@pytest.mark.parametrize("size", ["1", "5", "64"])
def test_episodes_end_in_any_order_and_are_stored_in_that_of_the_plan(
    here: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    ended: list[str] = []
    append = Run.append

    def noting(run: Run, *episodes: Episode) -> None:
        ended.extend(episode.id for episode in episodes)
        append(run, *episodes)

    monkeypatch.setattr(Run, "append", noting)
    assert cli([*FAR, "--episodes", "16", "--baselines", "--batch-size", size, "--out", "run"]) == 1
    planned = [f"arithmetic/test/{n}#0{condition}" for n in range(16) for condition in (":solo:ann", ":solo:far", "")]
    assert ids(here / "run") == planned
    assert sorted(ended) == sorted(planned)
    assert (ended == planned) == (size == "1")
    assert_same_run(here / "run", whole / "far")


def test_a_run_grows(here: Path, whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """More episodes are asked for, in other batches; fewer are refused."""
    for episodes, size in (("3", "2"), ("4", "64"), ("16", "7")):
        flags = ["--episodes", episodes, "--batch-size", size, "--baselines", "--resume"]
        assert cli([*FAR, *flags, "--out", "far"]) in (0, 1)
    assert_same_run(here / "far", whole / "far")
    for episodes, engine in (("5", "torch"), ("7", "reference"), ("12", "torch")):
        flags = ["--episodes", episodes, "--batch-size", "3", "--engine", engine, "--resume"]
        assert cli([*MODELS, *flags, "--out", "models"]) == 0
    assert_nearly_same_run(here / "models", whole / "models")
    before = (here / "models" / "episodes.jsonl").read_bytes()
    capsys.readouterr()
    assert cli([*MODELS, "--episodes", "8", "--resume", "--out", "models"]) == 2
    assert "episodes was 12, is 8" in only_line(capsys.readouterr().err)
    assert (here / "models" / "episodes.jsonl").read_bytes() == before


def lines_in(folder: Path) -> int:
    path = folder / "episodes.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def start(here: Path, *flags: str) -> subprocess.Popen[str]:
    command = [*PYTHON, *flags, "--resume", "--out", "run"]
    return subprocess.Popen(
        command, cwd=here, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("name", ["far", "models"])
def test_killed_in_the_middle_of_a_batch_and_resumed_in_another(here: Path, whole: Path, name: str) -> None:
    flags = [*FAR, "--episodes=16", "--baselines"] if name == "far" else [*MODELS, "--episodes=12"]
    child = start(here, *flags, "--batch-size", "4")
    while child.poll() is None and lines_in(here / "run") < 3:
        time.sleep(0.001)
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert 3 <= lines_in(here / "run") < 48
    assert cli([*flags, "--batch-size", "9", "--resume", "--out", "run"]) == (name == "far")
    (assert_same_run if name == "far" else assert_nearly_same_run)(here / "run", whole / name)


def test_a_run_of_a_script_and_a_model_is_gone_on_with_where_the_models_baseline_comes_first(here: Path) -> None:
    flags = ["--pair=ann:senior", "--agent=ann=script:so 3 + 4 = 7. {end}", "--handoff=word:once=0.5", "--baselines"]
    flags += ["--episodes=3", "--limit=30", "--show=0"]
    assert cli([*flags, "--out", "whole"]) == cli([*flags, "--out", "run"]) == 0
    path = here / "run" / "episodes.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert cli([*flags, "--out", "run", "--resume"]) == 0
    assert_nearly_same_run(here / "run", here / "whole")


def test_an_agent_that_breaks_in_one_episode_stops_the_run_which_goes_on_when_it_is_mended(
    here: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write, turns = FarSeat.write, 0

    async def breaking(seat: FarSeat, turn: Turn) -> Span:
        nonlocal turns
        turns += 1
        return await write(seat, turn) if turns < 50 else await write(seat, None)  # type: ignore[arg-type]

    flags = [*FAR, "--episodes", "16", "--baselines", "--batch-size", "3", "--out", "run"]
    with monkeypatch.context() as patched:
        patched.setattr(FarSeat, "write", breaking)
        with pytest.raises(AttributeError) as raised:
            cli(flags)
    assert raised.value.__notes__ == ["while 'far' wrote"]
    kept = len(ids(here / "run"))
    assert 0 < kept < 48
    said = f"{kept} of 48 episodes are stored; what was written is kept, --resume goes on with it"
    assert only_line(capsys.readouterr().err).strip() == said
    assert cli([*flags, "--resume"]) == 1
    assert_same_run(here / "run", whole / "far")


def test_other_weights_under_the_same_address_are_one_line(
    here: Path, tiny_models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_models[0], here / "model")
    flags = ["--pair=m", "--agent=m=hf:./model", "--limit=8", "--show=0", "--out=run"]
    assert cli([*flags, "--episodes=2"]) == 0
    shutil.copy(tiny_models[1] / "model.safetensors", here / "model")
    before = (here / "run" / "episodes.jsonl").read_bytes()
    capsys.readouterr()
    assert cli([*flags, "--episodes=4", "--resume"]) == 2
    assert "--resume: the weights of 'm' are not those" in only_line(capsys.readouterr().err)
    assert (here / "run" / "episodes.jsonl").read_bytes() == before


def test_three_at_once_on_one_folder(here: Path, scripts: list[str]) -> None:
    """One plays, and does not notice the others, which are refused in a line."""
    flags = [*scripts, "--handoff=word:call=tests.slow:author", "--limit=40", "--episodes=8", "--show=0"]
    children = [start(here, *flags) for _ in range(3)]
    said = [child.communicate(timeout=60)[1] for child in children]
    assert {child.returncode for child in children} in ({0, 2}, {0})  # who comes when all is done finds it done
    for child, line in zip(children, said, strict=True):
        assert (line == "") == (child.returncode == 0)
        assert not line or "--out run: another process is writing this run" in only_line(line)
    assert cli([*flags, "--out", "alone"]) == 0
    assert_same_run(here / "run", here / "alone")
