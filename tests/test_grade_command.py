"""``python -m arena.grade``."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from arena.grade import main
from arena.tasks import load_task

ROOT = Path(__file__).parents[1]


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(answers: Path, out: Path, *more: str, task: str = "arithmetic") -> int:
    return main(["--task", task, "--answers", str(answers), "--out", str(out), *more])


def test_lines_come_out_as_they_went_in_with_their_grades(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = load_task("arithmetic").problems("test")[17]
    lines = [
        {"problem_id": problem.id, "text": problem.solution, "mine": {"kept": [1, None]}},
        {"expected": "1/2", "text": "#### 0.5"},
        {"expected": 35, "text": "é\ud800 none"},
        {"expected": "35", "text": "#### 36"},
        {"expected": "35", "text": "#### 35", "cut_off": True},
    ]
    out = tmp_path / "out.jsonl"
    assert run(write(tmp_path / "in.jsonl", *lines), out) == 0
    graded = read(out)
    assert [line["verdict"] for line in graded] == ["correct", "correct", "unreadable", "wrong", "unreadable"]
    assert [line["answer"] for line in graded] == [problem.answer, "0.5", None, "36", "35"]
    assert all(line["reason"] for line in graded)
    added = ("verdict", "answer", "reason")
    assert [{name: value for name, value in line.items() if name not in added} for line in graded] == lines
    assert capsys.readouterr().out == "5 graded, 2 correct, 1 wrong, 2 unreadable\n"


def test_json_summary_and_grading_in_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.jsonl", {"expected": "35", "text": "#### 35"})
    for _ in range(2):  # grading a graded file again is the same
        assert run(path, path, "--json") == 0
        assert json.loads(capsys.readouterr().out) == {"graded": 1, "correct": 1, "wrong": 0, "unreadable": 0}
        assert read(path) == [
            {"expected": "35", "text": "#### 35", "verdict": "correct", "answer": "35", "reason": "equal numbers"}
        ]
    assert os.listdir(tmp_path) == ["a.jsonl"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


GOOD = {"expected": "35", "text": "#### 35"}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([GOOD, {"problem_id": "arithmetic/test/x", "text": ""}], ["in.jsonl:2", "'arithmetic/test/x'", "arithmetic"]),
        ([{"expected": "35"}], ["in.jsonl:1", "'text'"]),
        ([{"expected": "35", "text": 3}], ["in.jsonl:1", "'text'"]),
        ([{"text": ""}], ["in.jsonl:1", "'problem_id' or 'expected'"]),
        ([{"expected": [], "text": ""}], ["in.jsonl:1", "'expected'"]),
        ([{**GOOD, "cut_off": "no"}], ["in.jsonl:1", "'cut_off'"]),
        ([GOOD, '{"text'], ["in.jsonl:2", "not a JSON object"]),
        ([], ["no lines in"]),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[object], words: list[str]
) -> None:
    out = write(tmp_path / "out.jsonl", "before")
    assert run(write(tmp_path / "in.jsonl", *lines), out) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    for word in words:
        assert word in said.err
    assert out.read_text() == "before\n"
    assert sorted(os.listdir(tmp_path)) == ["in.jsonl", "out.jsonl"]


def test_bad_options_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = write(tmp_path / "in.jsonl", GOOD)
    assert run(answers, tmp_path / "out", task="arithmetik") == 2
    assert run(tmp_path / "none.jsonl", tmp_path / "out") == 2
    assert run(answers, tmp_path / "no" / "out") == 2
    assert run(answers, tmp_path / "out", "--seconds", "0") == 2
    assert run(answers, tmp_path) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("error: ") for line in lines)
    assert os.listdir(tmp_path) == ["in.jsonl"]


def test_as_a_command(tmp_path: Path) -> None:
    answers = write(tmp_path / "in.jsonl", {"expected": "1/2", "text": "#### 2/4"}, {"expected": "1", "text": "#### ("})
    command = [sys.executable, "-m", "arena.grade", "--task", "arithmetic", "--answers", str(answers)]
    command += ["--out", str(tmp_path / "out.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 graded, 1 correct, 0 wrong, 1 unreadable\n", "")
    done = subprocess.run([*command, "--task", "x"], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="waits for a signal, which this system cannot")
def test_processes_that_were_still_starting_end_without_a_word(tmp_path: Path) -> None:
    """The second waits until the first has answered and the grader ends its processes; only then it looks for locks."""
    (tmp_path / "script.py").write_text(
        """
import os, signal, sys
from arena.grading import Grader, Item
from arena.tasks import load_task
if __name__ == "__main__":
    with Grader(seconds=60, workers=2) as grader:
        print(grader.grade([Item("#### 2/4", "1/2", load_task("arithmetic"))])[0].verdict)
else:
    try:
        os.mkdir(sys.argv[1])
    except FileExistsError:
        before = signal.signal(signal.SIGTERM, lambda *_: None)
        signal.sigtimedwait([signal.SIGTERM], 30)
        signal.signal(signal.SIGTERM, before)
        open(sys.argv[1] + ".late", "w").close()
"""
    )
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "first")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "correct\n", "")
    assert (tmp_path / "first.late").exists(), "the second was not there yet when it was told to end"
