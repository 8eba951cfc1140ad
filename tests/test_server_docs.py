"""The walk-through in docs/SERVER.md: its commands are there, take these flags, and name what the example has."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from human.study.__main__ import COMMANDS
from tests.running import ENVIRONMENT
from tests.studies import EXAMPLE

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "SERVER.md").read_text(encoding="utf-8")
LINES = [line.strip() for line in TEXT.splitlines() if line.startswith("    python -m ")]
OPTIONS = {
    "human.serve": ("human.serve", "ServeConfig"),
    "human.links": ("human.links", "LinksConfig"),
    "human.bots": ("human.bots", "BotsConfig"),
    "human.withdraw": ("human.withdraw", "WithdrawConfig"),
    "human.export": ("human.export.__main__", "ExportConfig"),
    "arena.validate": ("arena.validate", "Options"),
    "analysis.report": ("analysis.report.__main__", "ReportConfig"),
}
"""By command: where its flags are."""


@pytest.mark.parametrize("line", LINES)
def test_every_flag_is_there(line: str) -> None:
    words = shlex.split(line.rstrip("&"), comments=True)[2:]
    flags = {word[2:].replace("-", "_") for word in words if word.startswith("--")}
    if words[0] == "human.study":
        options = COMMANDS[words[1]][0]
    else:
        module, name = OPTIONS[words[0]]
        options = getattr(importlib.import_module(module), name)
    assert flags <= {field.name for field in fields(options)}


def test_the_rehearsal_is_the_example_with_one_rule_less(tmp_path: Path) -> None:
    (command,) = re.findall(r"^    (sed .*?)(?:  +#.*)?$", TEXT, re.MULTILINE)
    (tmp_path / "handoff.toml").write_bytes(EXAMPLE.read_bytes())
    subprocess.run(command, shell=True, cwd=tmp_path, check=True, env=ENVIRONMENT)
    before, after = EXAMPLE.read_text("utf-8"), (tmp_path / "rehearsal.toml").read_text("utf-8")
    changed = [pair for pair in zip(before.splitlines(), after.splitlines(), strict=True) if pair[0] != pair[1]]
    assert changed == [("fastest_seconds = 4", "fastest_seconds = 0.1")]
