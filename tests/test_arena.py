"""The Arena as a library."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Literal

import pytest

from agents.registry import AgentConfig
from agents.scripted import Scripted
from arena import Arena
from tests.running import ENVIRONMENT, ROOT


def test_both_engines_give_the_same_graded_episodes():
    def play(engine: Literal["torch", "reference"]) -> dict[str, Any]:
        pair: dict[str, AgentConfig | str] = {"senior": "senior", "junior": AgentConfig("junior", temperature=0.8)}
        with Arena(pair, handoff="word:p=0.5", seed=3, limit=80, engine=engine, batch_size=4) as arena:
            episodes = list(arena.episodes(5, samples=2))
        return {e.id: (e.text, e.ended, [s.author for s in e.spans], e.grade) for e in episodes}

    found = play("torch")
    assert len(found) == 10
    assert found == play("reference")


def test_an_engine_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="torch, vllm or reference, not 'vlm'"):
        Arena({"a": Scripted(lambda view, text, turn: " word")}, engine="vlm")  # type: ignore[arg-type]


def test_scripts_alone_play_without_torch():
    code = """
import sys
from agents.scripted import Scripted
from arena import Arena
if __name__ == "__main__":
    with Arena({"a": Scripted(lambda v, s, t: " so"), "b": "script: and"}, limit=9) as arena:
        print(len(list(arena.episodes(3))), "torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, timeout=120
    )
    assert done.stdout.strip() == "3 False", done.stderr
