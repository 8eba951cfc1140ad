"""``python -m agents.conformance``: its table, its JSON, and one line for every mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from agents.conformance.runner import CHECKS
from agents.registry import BUILT_IN
from agents.units import RULES
from tests.running import ENVIRONMENT, ROOT


def command(*words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "agents.conformance", *words]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, timeout=120)


def test_the_command_prints_a_table() -> None:
    done = command("script:She has 3 boxes.")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ok      stops where its turn ends\n" in done.stdout
    assert "-       hears without reading twice (its seat does not listen)\n" in done.stdout
    assert done.stdout.splitlines()[-1] == "agent: 24 passed, 0 failed, 3 not applicable"
    assert len(done.stdout.splitlines()) == len(CHECKS) + 1


def test_the_command_tries_an_endpoint(served_junior: str) -> None:
    done = command(served_junior, "--units", "word")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_command_reports_faults() -> None:
    done = command("python:tests.mutants:faulty", "--json", "--units", "word,line")
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads(done.stdout)
    assert not report["passed"]
    assert [check["name"] for check in report["checks"] if check["passed"] is False] == ["keeps its budget"]
    done = command("python:tests.mutants:faulty")
    assert "FAILED  keeps its budget\n          it wrote 57 words; its budget was 56\n" in done.stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "the following arguments are required: ADDRESS; see --help"),
        (["seniour"], f"there is no agent 'seniour'; did you mean 'senior'? known are {', '.join(BUILT_IN)}"),
        (["human"], "human: a person cannot be asked so much; docs/CONFORMANCE.md says how a desk is tried"),
        (["hf:/no/where"], "hf:/no/where: there is no such folder"),
        (["openai:x"], "an endpoint is openai:MODEL@URL, as in openai:my-model@http://127.0.0.1:8000/v1"),
        (["script:{end}"], "script: needs some text to write"),
        (["script:a", "--units", "word,verse"], f"there is no unit 'verse'; known are {', '.join(RULES)}"),
        (["script:a", "--partner", "gone"], f"there is no agent 'gone'; known are {', '.join(BUILT_IN)}"),
        (["script:a", "--bogus"], "unrecognized arguments: --bogus; see --help"),
        (["script:a", "--timeout", "0"], "timeout and promptly must be above 0 seconds, not 0 and 5"),
        (["script:a", "--config", "/no/file"], "--config /no/file: No such file or directory"),
    ],
)
def test_the_command_says_what_is_wrong_in_a_line(words: list[str], why: str) -> None:
    done = command(*words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {why}\n")


def test_names_may_come_from_a_file(tmp_path: Any) -> None:
    (tmp_path / "agents.toml").write_text('[agents.ann]\naddress = "script:It is 12."\n')
    done = command("ann", "--config", str(tmp_path / "agents.toml"), "--units", "word")
    assert done.returncode == 0, done.stderr
