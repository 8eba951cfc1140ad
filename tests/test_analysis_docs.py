"""docs/ANALYSIS.md: its tables are those of the code, its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.columns import EPISODES, METRICS, SPANS, TOKENS
from analysis.frames import described
from analysis.measures import MEASURES
from arena.run import cli

TEXT = (Path(__file__).parents[1] / "docs" / "ANALYSIS.md").read_text(encoding="utf-8")


def test_every_column_and_measure_is_described() -> None:
    for columns in (EPISODES, SPANS, TOKENS, METRICS):
        assert described(columns) in TEXT
    for one in MEASURES.values():
        assert f"| `{one.name}` | {one.definition} | {one.source} |" in TEXT


def test_the_example_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["--episodes", "8", "--baselines", "--show", "0", "--limit", "128", "--out", "runs/a"]) == 0
    (example,) = re.findall("```python\n(.*?)```", TEXT, flags=re.S)
    capsys.readouterr()
    exec(compile(example, "docs/ANALYSIS.md", "exec"), {})
    said = capsys.readouterr().out
    assert "retention: " in said
    assert "problems" in said
