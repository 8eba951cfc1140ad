"""``python -m arena.grade RUN``: a stored run graded again."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from arena.episode import Episode
from arena.grade import main
from arena.lines import read_episodes
from arena.proof import problems_of
from arena.run import cli
from arena.store import Run, read_config

PROBLEMS = [{"id": f"q/{n}", "question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(14)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A finished run of 14 problems, all answered with 3: one is right."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(problem) + "\n" for problem in PROBLEMS))
    flags = ["--task", "jsonl:p.jsonl", "--pair", "ann", "--agent=ann=script:#### 3 {end}", "--episodes", "14"]
    assert cli([*flags, "--show", "0", "--out", "run"]) == 0
    capsys.readouterr()
    return tmp_path / "run"


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def change_grades(run: Path, **changes: Any) -> None:
    """Gives every episode of a run another grade; None takes the grade away."""
    episodes = []
    for episode in read_episodes(run):
        grade = {**(episode.grade or {}), **changes} if changes else None
        episodes.append(dataclasses.replace(episode, grade=grade))
    (run / "episodes.jsonl").write_bytes(b"".join(episode.line() for episode in episodes))


def verdicts(run: Path) -> list[str]:
    return [(episode.grade or {})["verdict"] for episode in read_episodes(run)]


RIGHT = ["correct" if problem["answer"] == "3" else "wrong" for problem in PROBLEMS]


def test_nothing_changes_where_nothing_has_changed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run)
    for more in ([], ["--write"]):
        assert main([str(run), *more]) == 0
        said = capsys.readouterr().out.splitlines()
        assert said[:3] == [
            "before: 1 correct, 13 wrong, 0 unreadable",
            "after: 1 correct, 13 wrong, 0 unreadable",
            "0 of 14 verdicts changed",
        ]
        after = contents(run)
        assert {name for name in before if name != "episodes.parquet" and before[name] != after[name]} == set()


def test_without_write_it_is_only_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_grades(run, verdict="correct")
    before = contents(run)
    assert main([str(run)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "before: 14 correct, 0 wrong, 0 unreadable"
    assert said[2] == "13 of 14 verdicts changed"
    assert said[3] == "  q/0#0: correct -> wrong: '3' for '1' (not equal)"
    assert sum(" -> " in line for line in said) == 10
    assert said[-2] == "  and 3 more"
    assert "--write" in said[-1]
    assert contents(run) == before


def test_write_replaces_grades_summary_and_parquet(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = list(read_episodes(run))
    summary = json.loads((run / "summary.json").read_text())
    change_grades(run, verdict="correct", answer="no")
    (run / "summary.json").write_text(json.dumps({**summary, "accuracy": 1.0, "steps": 70}))
    assert main([str(run), "--write", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["episodes"], said["changed"], len(said["changes"]), said["written"]) == (14, 13, 10, True)
    assert said["before"] == {"correct": 14, "wrong": 0, "unreadable": 0}
    assert said["after"] == {"correct": 1, "wrong": 13, "unreadable": 0}
    assert list(read_episodes(run)) == whole
    assert all(problems_of(episode) == [] for episode in read_episodes(run))
    assert json.loads((run / "summary.json").read_text()) == {**summary, "steps": 70}
    import pyarrow.parquet as pq

    grades = pq.read_table(run / "episodes.parquet", columns=["grade"]).to_pylist()
    assert [row["grade"]["verdict"] for row in grades] == RIGHT
    assert not [name for name in os.listdir(run) if name.startswith(".episodes")]


def test_a_run_without_grades_is_graded_by_its_task(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_grades(run)
    assert main([str(run), "--write"]) == 0
    assert "before: 0 correct, 0 wrong, 0 unreadable, 14 not graded" in capsys.readouterr().out
    assert verdicts(run) == RIGHT


def test_another_task_reads_answers_its_own_way(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The expected answers stay those of the episodes; how an answer is marked is the other task's."""
    assert main([str(run), "--task", "arithmetic", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] == 0
    change_grades(run)
    before = contents(run)
    assert main([str(run), "--task", "arithmetic", "--write"]) == 2
    said = capsys.readouterr().err
    for word in ("q/0#0", "'q/0'", "arithmetic", "--task"):
        assert word in said
    assert contents(run) == before


def test_an_unfinished_run_stays_unfinished(run: Path) -> None:
    for name in ("summary.json", "episodes.parquet"):
        (run / name).unlink()
    with (run / "episodes.jsonl").open("ab") as file:
        file.write(b'{"id": "torn')
    assert main([str(run), "--write"]) == 0
    assert verdicts(run) == RIGHT
    assert sorted(os.listdir(run)) == [".lock", "config.toml", "episodes.jsonl", "metrics.jsonl"]
    assert cli(["--config", str(run / "config.toml"), "--out", str(run), "--resume"]) == 0
    assert (run / "summary.json").exists()


def test_a_failed_episode_stays_unreadable(run: Path) -> None:
    failed = Episode("f#0", "q/2", 0, "?", "#### 3", [], ["ann"], "word:solo", 0, "error", 9, error="ann: away")
    with Run(run, read_config(run), resume=True) as stored:
        stored.append(failed)
    assert main([str(run), "--write"]) == 0
    assert verdicts(run) == [*RIGHT, "unreadable"]


def test_mistakes_are_one_line_and_change_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.toml").write_text("")
    cases: list[tuple[list[str], list[str]]] = [
        ([], ["RUN", "--answers"]),
        ([str(run), "--answers", "a.jsonl", "--out", "b", "--task", "arithmetic"], ["RUN", "--answers"]),
        ([str(run), "--out", "b.jsonl"], ["--out", "--write"]),
        (["--answers", "a.jsonl", "--task", "arithmetic"], ["--out"]),
        (["--answers", "a.jsonl", "--out", "b"], ["--task"]),
        (["--answers", "a.jsonl", "--out", "b", "--task", "arithmetic", "--write"], ["--write"]),
        ([str(run), "--task", "arithmetik"], ["arithmetik", "did you mean"]),
        ([str(run), "--seconds", "0"], ["--seconds"]),
        ([str(run), "--workers", "many"], ["--workers"]),
        (["nothing"], ["nothing", "config.toml"]),
        ([str(tmp_path / "bare")], ["--task"]),
        ([str(tmp_path / "bare"), "--task", "arithmetic"], ["episodes.jsonl"]),
    ]
    before = contents(run)
    for flags, words in cases:
        assert main(flags) == 2, flags
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1
        for word in words:
            assert word in said.err
    with Run(run, read_config(run), resume=True):
        assert main([str(run), "--write"]) == 2
        assert "another process" in capsys.readouterr().err
        assert main([str(run)]) == 0  # reading is free
    assert contents(run) == before


def test_a_write_that_fails_leaves_the_old_grades(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change_grades(run, verdict="correct")
    before = contents(run)

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main([str(run), "--write"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert contents(run) == before
