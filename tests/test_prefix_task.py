"""A run from prefixes whose task cannot give the parents' problems."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.run import cli
from tests.running import only_line

TASK = """
from arena.tasks import Problem, TaskError


class Far:
    name = "far"

    def problems(self, split):
        return [Problem("far/0", "Why?", "12")]

    def find(self, problem_id):
        raise TaskError("far: could not get it from the hub")

    def extract(self, text):
        return text
"""


def test_a_task_that_cannot_find_the_problem_of_a_parent_is_a_line(
    here: Path, scripts: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "far_task.py").write_text(TASK)
    monkeypatch.syspath_prepend(str(here))
    flags = [*scripts, "--task", "python:far_task:Far", "--episodes", "1", "--show", "0"]
    assert cli([*flags, "--pair", "ann", "--out", "ann"]) == 0
    capsys.readouterr()
    assert cli([*flags, "--handoff", "word:solo=bob", "--prefix", "ann@0.5", "--out", "run"]) == 2
    assert "--prefix: far: could not get it from the hub" in only_line(capsys.readouterr().err)
    assert not (here / "run").exists()
