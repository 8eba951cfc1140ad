"""``python -m analysis.read``."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import analysis.reading_files
import analysis.readings
from analysis.matching import LENGTH, matched, shared_length
from analysis.read import cli
from analysis.reading_files import COLUMNS, Place, kept, stored
from arena.episode import Episode
from arena.lines import StoreError, read_episodes
from arena.run import cli as play
from tests.running import ENVIRONMENT, ROOT, only_line


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the embedded pair with baselines, and one of a script."""
    folder = tmp_path_factory.mktemp("runs")
    pair = ["--pair", "senior:junior", "--baselines", "--episodes", "8", "--show", "0"]
    assert play([*pair, "--out", str(folder / "pair")]) == 0
    script = [
        "--pair",
        "ann",
        "--agent=ann=script:She has 3 \u00e9clairs.\n#### 3 {end}",
        "--episodes",
        "3",
        "--show",
        "0",
    ]
    assert play([*script, "--out", str(folder / "script")]) == 0
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A copy of the pair's run, without readings."""
    return Path(shutil.copytree(made / "pair", tmp_path / "pair"))


@pytest.fixture
def scripted(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "script", tmp_path / "script"))


def figures(run: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "readings" / f"{name}.json").read_text())
    return found


def test_figures_and_tokens_are_stored_and_agree(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli([str(run), "--reader", "junior", "--drift"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("junior reads solo:senior: 8 solutions of 8 problems, ")
    assert any(line.startswith("drift: KL(senior || junior) ") for line in said)
    assert any(line.startswith("drift: KL(junior || senior) ") for line in said)
    names = sorted(path.name for path in (run / "readings").iterdir())
    stems = ("junior--solo:senior", "senior--solo:junior")
    assert names == [f"{stem}.{end}" for stem in stems for end in ("json", "parquet")]
    for stem in stems:
        found, table = figures(run, stem), pq.read_table(run / "readings" / f"{stem}.parquet").to_pydict()
        assert list(table) == [name for name, _, _ in COLUMNS]
        assert len(table["token"]) == found["rows"]["count"]
        counted = ~np.array(table["is_end"]) & ~np.array(table["prefix"])
        nats = np.array(table["surprisal"])
        assert found["legibility"]["nats_per_token"] == pytest.approx(nats[counted].mean())
        assert found["legibility"]["end_nats"] == pytest.approx(nats[np.array(table["is_end"])].mean())
        assert found["drift"]["kl_per_token"] == pytest.approx(np.mean(table["kl"]))
        assert found["drift"]["log_ratio_estimates_kl"] is True
        assert sum(row["nats"] for row in found["solutions"]) == pytest.approx(nats[counted].sum())
        assert found["reader"]["weights"] != found["writer"]["weights"]
        episodes = {episode.id: episode for episode in read_episodes(run)}
        for identity in dict.fromkeys(table["episode"]):
            rows = [n for n, one in enumerate(table["episode"]) if one == identity]
            text = episodes[identity].text
            assert "".join(table["token"][n] for n in rows) == text
            assert "".join(text[table["start"][n] : table["stop"][n]] for n in rows) == text
            assert {table["author"][n] for n in rows} == {stem.partition(":")[2]}


def test_the_docs_name_what_is_there(run: Path) -> None:
    assert cli([str(run), "--reader", "junior", "--drift"]) == 0
    found = figures(run, "junior--solo:senior")
    text = (ROOT / "docs" / "READINGS.md").read_text()
    named = set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+)+)`", text)) - {"suppress_tokens"}
    assert named <= found["legibility"].keys() | found["drift"].keys()
    assert len(named) > 15


def test_where_it_is_computed_makes_no_other_reading(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli([str(run), "--reader", "junior"]) == 0
    assert cli([str(run), "--reader", "junior", "--device", "cpu", "--tokens", "300"]) == 0
    assert "is there already" in capsys.readouterr().out
    assert cli([str(run), "--reader", "junior", "--dtype", "bfloat16"]) == 2
    assert "made with another reader" in only_line(capsys.readouterr().err)


def test_what_is_there_already_is_left(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = [str(run), "--reader", "junior", "--condition", "solo:senior", "--json"]
    assert cli(argv) == 0
    first = json.loads(capsys.readouterr().out)
    path = run / "readings" / "junior--solo:senior.json"
    before = path.stat().st_mtime_ns
    assert first == json.loads(path.read_text())
    assert cli(argv) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert path.stat().st_mtime_ns == before
    assert cli(argv[:-1]) == 0
    assert "is there already" in capsys.readouterr().out
    assert cli([*argv, "--episodes", "4"]) == 2
    assert "made with another episodes; --force replaces it" in only_line(capsys.readouterr().err)
    assert cli([*argv, "--agent", "junior=junior-jargon"]) == 2
    assert "made with another reader" in only_line(capsys.readouterr().err)
    assert path.stat().st_mtime_ns == before
    assert cli([*argv, "--drift"]) == 0  # more is asked for, and nothing lost
    both = json.loads(capsys.readouterr().out)
    assert both[0]["legibility"] == first["legibility"]
    assert cli(argv) == 0  # less is asked for
    assert json.loads(capsys.readouterr().out) == both[0]
    assert cli([*argv, "--episodes", "4", "--force"]) == 0
    assert json.loads(capsys.readouterr().out)["legibility"]["solutions"] == 4


def test_stored_readings_are_compared_without_a_model(run: Path) -> None:
    assert cli([str(run), "--reader", "junior", "--drift"]) == 0
    before = stored(run, "junior", "solo:senior")
    assert cli([str(run), "--reader", "junior", "--condition", "solo:junior"]) == 0
    after = stored(run, "junior", "solo:junior")
    assert len(before.rows) == len(before.nats) == len(after.rows) == 8
    for row in before.rows:
        assert row.nats == pytest.approx(before.nats[row.problem_id, row.sample].sum())
    found = matched(before.rows, after.rows, LENGTH, seed=0, bins=2)
    assert found.unmatched_difference is not None
    assert found.unmatched_difference < -4
    assert shared_length(before.nats, after.nats, seed=0).pairs == 8
    with pytest.raises(StoreError, match="--reader senior --condition team makes it"):
        stored(run, "senior", "team")


def test_a_table_that_does_not_belong_to_its_figures_is_no_reading(run: Path) -> None:
    assert cli([str(run), "--reader", "junior"]) == 0
    place = Place.of(run, "junior", "solo:senior")
    assert kept(place) is not None
    place.table.write_bytes(place.table.read_bytes()[:-1])
    assert kept(place) is None
    assert cli([str(run), "--reader", "junior"]) == 0
    assert kept(place) is not None


def test_names_of_files_hold_no_separators(tmp_path: Path) -> None:
    found = Place.of(tmp_path, "hf:./a/b", "solo:x", 60).table.name
    assert found == "hf:.%2Fa%2Fb--solo:x@60.parquet"


def test_solutions_of_scripts_are_read(scripted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli([str(scripted), "--reader", "senior", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["condition"], found["drift"]) == ("team", None)
    assert found["legibility"]["solutions"] == 3
    assert found["legibility"]["barred_tokens"] > 0  # the embedded models never write an \u00e9
    assert found["solutions"][0]["end_nats"] is not None
    assert cli([str(scripted), "--drift"]) == 2
    assert only_line(capsys.readouterr().err).startswith("error: --agent ann: script:She has 3")


def test_a_model_from_a_folder_with_other_tokens(
    run: Path, tiny_models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [str(run), "--reader", "tiny", "--agent", f"tiny=hf:{tiny_models[0]}", "--condition", "solo:senior"]
    assert cli([*argv, "--drift"]) == 0
    said = capsys.readouterr().out
    assert "senior and tiny have other tokens, so there is no KL per token" in said
    assert "log p_senior / p_tiny: " in said
    found = figures(run, "tiny--solo:senior")
    assert "kl_per_token" not in found["drift"]
    assert found["drift"]["log_ratio_per_character"] > 0
    table = pq.read_table(run / "readings" / "tiny--solo:senior.parquet").to_pydict()
    assert set(table["kl"]) == {None}


def test_a_reader_of_another_name_is_not_taken_for_the_one_that_wrote(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [str(run), "--reader", "junior", "--condition", "solo:senior", "--drift"]
    assert cli([*argv, "--agent", "senior=junior"]) == 2
    error = only_line(capsys.readouterr().err)
    assert "'senior' has other weights here than when it wrote solo:senior" in error
    assert not (run / "readings").exists()
    assert cli([*argv, "--agent", "junior=junior-jargon"]) == 0
    said = capsys.readouterr()
    assert "solo:junior was written by other weights than this reader's, and is not read" in said.err
    assert not (run / "readings" / "senior--solo:junior.json").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--reader", "junoir"], "--reader junoir: there is no agent 'junoir'; did you mean 'junior'?"),
        (["--reader", "ann", "--agent=ann=script:x"], "--reader ann: script:x gives no probabilities; name a language"),
        (["--reader", "x", "--agent=x=hf:./nowhere"], "./nowhere: there is no such folder"),
        (["--agent", "x"], "--agent x: write NAME=ADDRESS"),
        (["--condition", "solo:me"], "--condition solo:me: this run has solo:senior, solo:junior, team"),
        (["--step", "3"], "--step 3: solo:senior has no steps"),
        (["--episodes", "9"], "--episodes 9: solo:senior has 8; ask for 8 at most, or leave it out for all"),
        (["--episodes", "-1"], "--episodes must be 0 or more"),
        (["--tokens", "0"], "--tokens must be at least 1"),
        (["--seed", "-1"], "--seed must be 0 or more"),
        (["--drift", "--condition", "team"], "--drift: team was not written by one model alone; give --condition"),
        (["--view", "nobody#0"], "--view nobody#0: no episode of this run has that id; its first is arithmetic/"),
        (["--html", "x.html"], "--html: goes with --view"),
        (["--view", "x", "--html", "none/x.html"], "--html none/x.html: there is no folder none"),
        (["--device", "tpu"], "--device tpu: give auto, cpu, cuda or cuda:N"),
        (["--readre", "x"], "--readre"),
    ],
)
def test_mistakes_are_one_line(made: Path, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli([str(made / "pair"), *flags]) == 2
    error = only_line(capsys.readouterr().err)
    assert error.startswith("error: ")
    assert said in error
    assert not (made / "pair" / "readings").exists()


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        assert cli([str(folder)]) == 2
        assert "there is no episodes.jsonl; name the folder of a run" in only_line(capsys.readouterr().err)
    (tmp_path / "episodes.jsonl").write_text("")
    assert cli([str(tmp_path)]) == 2
    assert "there is no episode in it yet" in only_line(capsys.readouterr().err)


def test_nothing_that_can_be_read(scripted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in (scripted / "episodes.jsonl").read_text().splitlines()]
    failed = [Episode.from_dict({**line, "ended": "error", "error": "x", "digest": "x"}) for line in lines]
    for episode in failed:
        episode.digest = episode.fingerprint()
    (scripted / "episodes.jsonl").write_bytes(b"".join(episode.line() for episode in failed))
    assert cli([str(scripted)]) == 2
    assert "none of the solutions of team can be read: 3 failed" in only_line(capsys.readouterr().err)


def test_ctrl_c_leaves_nothing(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(analysis.readings, "read", stop)
        assert cli([str(run)]) == 130
    assert not (run / "readings").exists()
    with monkeypatch.context() as patched:  # between the two files
        patched.setattr(analysis.reading_files, "replace_file", stop)
        assert cli([str(run)]) == 130
    assert list((run / "readings").iterdir()) == []
    with monkeypatch.context() as patched:  # in the middle of the table
        patched.setattr(analysis.reading_files, "_add", stop)
        assert cli([str(run)]) == 130
    assert list((run / "readings").iterdir()) == []
    assert "stopped; what was not read to its end was not written" in capsys.readouterr().err


def test_what_cannot_be_written_is_one_line(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(analysis.reading_files, "replace_file", full)
        assert cli([str(run)]) == 2
    assert "junior--solo:senior.json: cannot be written: No space left" in only_line(capsys.readouterr().err)
    assert list((run / "readings").iterdir()) == []
    (run / "readings").rmdir()
    (run / "readings").write_text("in the way")
    assert cli([str(run)]) == 2
    assert "is a file; readings are kept in a folder of this name" in only_line(capsys.readouterr().err)


def test_the_view(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = "arithmetic/test/0#0:solo:senior"
    assert cli([str(run), "--view", identity]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{identity} as junior reads it: ")
    assert "[<<|" in said
    page = tmp_path / "page.html"
    assert cli([str(run), "--view", identity, "--html", str(page)]) == 0
    assert capsys.readouterr().out == f"written to {page}\n"
    assert page.read_text().startswith("<!doctype html>")
    assert not (run / "readings").exists()


def test_steps_of_training_are_apart(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = []
    for step in (0, 5):
        for episode in read_episodes(run):
            if episode.condition == "solo:senior":
                name = episode.id.replace("#0", f"#0@{step}")
                made.append(replace(episode, id=name, step=step, digest=""))
    (run / "episodes.jsonl").write_bytes(b"".join(episode.line() for episode in made))
    assert cli([str(run)]) == 2
    assert "name one of 0, 5" in only_line(capsys.readouterr().err)
    assert cli([str(run), "--step", "5"]) == 0
    assert "junior reads solo:senior at step 5: 8 solutions" in capsys.readouterr().out
    assert figures(run, "junior--solo:senior@5")["step"] == 5


def test_the_command_imports_no_torch_before_it_must() -> None:
    code = "import sys, analysis.read; print([m for m in ('torch', 'transformers', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
