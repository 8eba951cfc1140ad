"""``--engine``, ``--batch-size``, ``--device`` and ``--dtype``: where and how models compute, not what they write."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from arena.run import cli
from tests.running import ENVIRONMENT, only_line, plain

PAIR = ["--episodes", "4", "--limit", "24", "--show", "0"]


def played(folder: str, *flags: str) -> list[dict[str, Any]]:
    """A run of the embedded pair, its log-probabilities apart: they are rounded as the batch is cut."""
    assert cli([*PAIR, *flags, "--out", folder]) == 0
    episodes = plain(Path(folder))
    for episode in episodes:
        for span in episode["spans"]:
            span["logprobs"] = span["end_logprob"] = None
        episode["digest"] = ""
    return episodes


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The run as the reference loop plays it."""
    return played(str(tmp_path_factory.mktemp("judged") / "run"), "--engine", "reference")


@pytest.mark.parametrize(
    "flags",
    [
        ["--engine", "torch"],
        ["--batch-size", "1"],
        ["--batch-size=3", "--device=cpu"],
        ["--batch-size", "1000000000"],  # no more memory than for the episodes that there are
        ["--dtype", "float32", "--device", "auto"],
        ["--engine", "reference", "--batch-size", "2", "--dtype", "auto"],
    ],
    ids=" ".join,
)
def test_they_change_nothing_that_is_written(here: Path, judged: list[dict[str, Any]], flags: list[str]) -> None:
    assert played("run", *flags) == judged


def test_bf16_is_computed_in_and_recorded(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    episodes = played("run", "--dtype", "bfloat16")
    stored = tomllib.loads((here / "run" / "config.toml").read_text())
    assert {table["dtype"] for table in stored["agents"].values()} == {"bfloat16"}
    assert all(episode["ended"] in ("end", "limit") for episode in episodes)
    assert {"senior", "junior"} == {span["author"] for episode in episodes for span in episode["spans"]}
    # Its own configuration begins the same run again, and it can be gone on with, but not in another dtype.
    assert cli(["--config", "run/config.toml", "--out", "again", "--show", "0"]) == 0
    assert plain(here / "again") == plain(here / "run")
    assert cli([*PAIR, "--dtype", "bfloat16", "--out", "run", "--resume"]) == 0
    capsys.readouterr()
    assert cli([*PAIR, "--out", "run", "--resume"]) == 2
    assert "agents.senior.dtype was 'bfloat16', is None" in only_line(capsys.readouterr().err)


def test_a_tables_own_place_wins_and_other_kinds_of_agents_have_none(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "run.toml").write_text(
        """
        pair = "a:b:c"
        engine = "torch"
        batch-size = 3
        dtype = "bfloat16"
        [agents.a]
        address = "senior"
        dtype = "float32"
        device = "cpu"
        [agents.b]
        address = "junior"
        [agents.c]
        address = "script: (yes)"
        """
    )
    assert cli(["--config", "run.toml", *PAIR, "--device", "cpu", "--out", "run"]) == 0
    tables = tomllib.loads((here / "run" / "config.toml").read_text())["agents"]
    assert [tables[name].get("dtype") for name in "abc"] == ["float32", "bfloat16", None]
    assert [tables[name].get("device") for name in "abc"] == ["cpu", "cpu", None]
    assert "engine" not in tomllib.loads((here / "run" / "config.toml").read_text())
    assert len(plain(here / "run")) == 4


MISTAKES = [
    (["--engine", "vlm"], ["--engine", "torch", "vllm", "reference"]),
    (["--engine", "Torch"], ["--engine", "torch"]),
    (["--engine"], ["--engine"]),
    (["--batch-size", "0"], ["--batch-size", "at least 1"]),
    (["--batch-size", "-4"], ["--batch-size", "at least 1"]),
    (["--batch-size", "1.5"], ["--batch-size", "'1.5'"]),
    (["--batch-size", "many"], ["--batch-size", "'many'"]),
    (["--device", "gpu"], ["--device gpu", "auto, cpu, cuda or cuda:N"]),
    (["--device", "cuda:"], ["--device cuda:", "cuda:N"]),
    (["--device", "cuda:-1"], ["--device cuda:-1", "cuda:N"]),
    (["--dtype", "bf16"], ["--dtype bf16", "bfloat16"]),
    (["--dtype", "float64"], ["--dtype float64", "float32"]),
    (["--config", "engine.toml"], ["--config engine.toml", "engine", "'vlm'", "torch, vllm, reference"]),
    (["--config", "batch.toml"], ["--batch-size", "at least 1"]),
    (["--config", "text.toml"], ["--config text.toml", "batch_size", "int"]),
    (["--config", "device.toml"], ["--device", "cuda:N"]),
    (["--config", "dtype.toml"], ["--dtype", "bfloat16"]),
    (["--config", "table.toml"], ["[agents.senior]", "dtype", "bfloat16"]),
]
FILES = {
    "engine.toml": 'engine = "vlm"',
    "batch.toml": "batch-size = 0",
    "text.toml": 'batch_size = "8"',
    "device.toml": 'device = "tpu"',
    "dtype.toml": 'dtype = "int4"',
    "table.toml": '[agents.senior]\naddress = "senior"\ndtype = "fp8"',
}


@pytest.mark.parametrize(("flags", "words"), MISTAKES, ids=[" ".join(flags) for flags, _ in MISTAKES])
def test_a_mistake_is_one_line_and_leaves_nothing(
    here: Path, capsys: pytest.CaptureFixture[str], flags: list[str], words: list[str]
) -> None:
    for name, text in FILES.items():
        (here / name).write_text(text)
    assert cli([*PAIR, "--out", "run", *flags]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    line = only_line(said.err)
    assert line.startswith("error: ")
    for word in words:
        assert word in line
    assert set(os.listdir(here)) == set(FILES)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:7"])
def test_a_device_that_is_not_there_is_one_line(here: Path, capsys: pytest.CaptureFixture[str], device: str) -> None:
    assert cli([*PAIR, "--out", "run", "--device", device]) == 2
    line = only_line(capsys.readouterr().err)
    assert f"device {device}: there are 0 CUDA devices here; leave device out, or say cpu" in line
    assert os.listdir(here) == []


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 163840000000 bytes"),
    ],
)
def test_too_large_a_batch_is_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def full(*_: object) -> Iterator[object]:
        raise error

    monkeypatch.setattr("arena.torch_engine.engine.TorchEngine.episodes", full)
    assert cli([*PAIR, "--out", "run"]) == 2
    line = only_line(capsys.readouterr().err)
    assert "--limit 24: out of memory; give that or --batch-size a smaller number" in line
    assert os.listdir(here) == []


def test_who_has_no_model_waits_for_no_torch(here: Path, scripts: list[str]) -> None:
    code = "import sys; from arena.run import cli; cli(sys.argv[1:]); print('torch' in sys.modules)"
    flags = [*scripts, "--episodes", "2", "--out", "run", "--show", "0"]
    done = subprocess.run(
        [sys.executable, "-c", code, *flags], capture_output=True, text=True, cwd=here, env=ENVIRONMENT
    )
    assert done.stdout.splitlines()[-1] == "False", done.stderr
