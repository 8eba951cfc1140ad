"""``python -m arena.run`` stopped: closed pipes, full disks, kill -9, Ctrl-C. Nothing is lost, and it goes on."""

from __future__ import annotations

import json
import os
import random
import resource
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from arena.run import cli
from tests.conftest import SCRIPTS
from tests.running import ENVIRONMENT, PYTHON, ids, only_line, plain


def test_a_reader_who_leaves_does_not_stop_the_run(here: Path, scripts: list[str]) -> None:
    """``| head -1``: what is shown goes nowhere, what is stored is whole."""
    for number, both in enumerate((False, True)):
        flags = [*scripts, "--episodes", "30", "--show", "30", "--out", f"run{number}"]
        child = subprocess.Popen(
            [*PYTHON, *flags],
            cwd=here,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if both else subprocess.PIPE,
        )
        assert child.stdout
        child.stdout.close()
        said = b"" if both or not child.stderr else child.stderr.read()
        assert (child.wait(60), said) == (0, b"")
        assert len(plain(here / f"run{number}")) == 30
        assert (here / f"run{number}" / "summary.json").is_file()


def test_text_that_the_output_cannot_spell_is_escaped(here: Path) -> None:
    flags = ["--pair", "a", "--agent=a=script:\u00e9\u4f60{end}", "--episodes", "1", "--out", "run"]
    env = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*PYTHON, *flags], capture_output=True, text=True, cwd=here, env=env, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\xe9\\u4f60" in done.stdout


def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(here: Path, scripts: list[str]) -> None:
    flags = [*scripts, "--episodes", "8", "--show", "0", "--out", "run"]

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))

    done = subprocess.run(
        [*PYTHON, *flags], capture_output=True, text=True, cwd=here, env=ENVIRONMENT, preexec_fn=small
    )
    assert done.returncode == 2
    line = only_line(done.stderr)
    for word in ("--out run", "File too large", "--resume"):
        assert word in line
    assert 0 < len(plain(here / "run")) < 8
    assert not (here / "run" / "summary.json").exists()
    assert cli([*flags, "--resume"]) == 0
    assert cli([*flags[:-1], "whole"]) == 0
    assert plain(here / "run") == plain(here / "whole")


SLOW = ["--handoff", "word:call=tests.slow:author", "--limit", "40", "--show", "0"]


def uninterrupted(here: Path, flags: list[str]) -> Path:
    assert cli([*flags, "--out", str(here / "whole")]) == 0
    return here / "whole"


def assert_same_run(one: Path, other: Path) -> None:
    assert plain(one) == plain(other)
    assert (one / "config.toml").read_bytes() == (other / "config.toml").read_bytes()
    assert sorted(os.listdir(one)) == sorted(os.listdir(other))
    summaries = [json.loads((run / "summary.json").read_text()) for run in (one, other)]
    for summary in summaries:
        for measures in (summary, *summary["conditions"].values()):
            measures.update(seconds=0, tokens_per_second=0)
    assert summaries[0] == summaries[1]


def lines_in(folder: Path) -> int:
    path = folder / "episodes.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_at_random_moments_and_resumed_a_run_is_what_it_would_have_been(here: Path, scripts: list[str]) -> None:
    flags = [*scripts, *SLOW, "--episodes", "12", "--baselines"]
    picks = random.Random(7)
    command = [*PYTHON, *flags, "--out", "run", "--resume"]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, cwd=here, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    killed = 0
    for attempt in range(8):
        child, before = start(), lines_in(here / "run")
        if attempt >= 3:  # the first ones are killed at any moment, also before the folder is there
            while child.poll() is None and lines_in(here / "run") == before:
                time.sleep(0.002)
            time.sleep(picks.uniform(0, 0.25))
        else:
            time.sleep(picks.uniform(0.05, 0.8))
        child.kill()
        killed += child.wait() == -signal.SIGKILL
    assert killed >= 4
    assert start().wait(60) == 0
    assert_same_run(here / "run", uninterrupted(here, flags))


def test_ctrl_c_keeps_the_episodes_and_the_printed_command_goes_on(here: Path, scripts: list[str]) -> None:
    flags = [*scripts, *SLOW, "--episodes", "40"]
    child = subprocess.Popen(
        [*PYTHON, *flags, "--out", "my run"],
        cwd=here,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while child.poll() is None and lines_in(here / "my run") < 2:
        time.sleep(0.002)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to the grader's processes, too
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert out == ""
    done = lines_in(here / "my run")
    assert 1 <= done < 40  # one that was being written is owed again
    assert f"stopped; {done} episodes are stored. To go on: " in err
    assert "Traceback" not in err
    assert not (here / "my run" / "summary.json").exists()
    goes_on = shlex.split(err.partition("To go on: ")[2].strip())
    again = subprocess.run([*goes_on, "--show", "0"], capture_output=True, text=True, cwd=here, env=ENVIRONMENT)
    assert again.returncode == 0, again.stderr
    assert_same_run(here / "my run", uninterrupted(here, flags))


@pytest.mark.parametrize("delay", [0.02, 0.15, 0.3])
def test_ctrl_c_before_the_first_episode_has_no_traceback(here: Path, delay: float) -> None:
    agent = ["--pair", "ann", "--agent=ann=script:no answer {end}"]
    command = [sys.executable, "-c", _INTERRUPTED_AT_START, str(delay), *agent, "--episodes", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=here, env=ENVIRONMENT, timeout=60)
    assert done.returncode in (0, 130)
    assert "Traceback" not in done.stderr


_INTERRUPTED_AT_START = """
import _thread, sys, threading
from arena.run import cli
timer = threading.Timer(float(sys.argv[1]), _thread.interrupt_main)
timer.daemon = True
timer.start()
sys.exit(cli(sys.argv[2:]))
"""


def test_ctrl_c_while_the_graders_processes_start_does_not_reach_them(here: Path) -> None:
    """It goes to the whole group, as from a terminal; the fork server, which imports sympy first, must not see it."""
    (here / "test.jsonl").write_text('{"problem": "?", "answer": "1", "id": "a"}\n')
    command = [sys.executable, "-c", _GRADES_A_FORMULA]
    child = subprocess.Popen(
        command, cwd=here, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert child.stdout
    assert child.stdout.readline() == b"grading\n"
    while child.poll() is None:
        os.killpg(child.pid, signal.SIGINT)
        time.sleep(0.02)
    assert child.communicate(timeout=60) == (b"correct\n", b"")


_GRADES_A_FORMULA = """
import signal
from arena.grading import Grader, Item
from arena.tasks import load_task
if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: None)
    print("grading", flush=True)
    with Grader() as grader:
        item = Item(r"so \\boxed{\\frac{x^2}{2}}", r"\\frac{1}{2}x^2", load_task("math:test.jsonl"))
        print(grader.grade([item])[0].verdict, flush=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python tidies up
"""


@pytest.mark.parametrize(
    "before",
    [
        "threading.Thread(target=time.sleep, args=(30,)).start(); threading.Timer(1, os.kill, ME).start()",  # hurries
        "atexit.register(os.kill, *ME)",
        "late = Late()",  # when Python has put its handlers away already
        "try:\n    exec('raise KeyboardInterrupt')\nexcept KeyboardInterrupt:\n    pass",  # as in an import
    ],
)
def test_ctrl_c_after_the_end_changes_nothing(here: Path, before: str) -> None:
    (here / "leaves.py").write_text(_LEAVES.replace("BEFORE", before))
    command = [sys.executable, "-m", "leaves"]
    done = subprocess.run(command, capture_output=True, cwd=here, env=ENVIRONMENT, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"", b"")


_LEAVES = """
import atexit, os, signal, threading, time
from arena.command import leave
ME = (os.getpid(), signal.SIGINT)
class Late:
    def __del__(self, kill=os.kill, me=ME):
        kill(*me)
BEFORE
leave(7)
"""


def test_in_the_background_of_a_script_ctrl_c_is_for_somebody_else(here: Path, scripts: list[str]) -> None:
    child = subprocess.Popen(
        [*PYTHON, *scripts, *SLOW, "--episodes", "6", "--out", "run"],
        cwd=here,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    while child.poll() is None and lines_in(here / "run") < 2:
        time.sleep(0.002)
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=60)[1] == b""
    assert (child.returncode, len(plain(here / "run"))) == (0, 6)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (MemoryError(), "--limit 256: out of memory"),
        (OSError(28, "No space left on device"), "--out run: No space left on device"),
    ],
)
def test_what_breaks_a_run_is_one_line(
    here: Path,
    scripts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    word: str,
) -> None:
    import arena.run
    from arena.grading import GraderError

    for raised, said in ((error, word), (GraderError("the grader does not work here"), "grader")):
        count = 0

        def breaking(
            pairs: object, task: object, grader: object, raised: BaseException = raised
        ) -> list[dict[str, Any]]:
            nonlocal count
            count += 1
            if count == 3:
                raise raised
            return [{"verdict": "wrong", "answer": None, "expected": "", "reason": ""}]

        with monkeypatch.context() as patched:
            patched.setattr("arena.regrade.graded", breaking)
            out = ["--out", "run", "--resume", "--show", "0"]
            assert arena.run.cli([*scripts, "--episodes", "9", *out]) == 2
        line = only_line(capsys.readouterr().err)
        assert said in line
        assert "--resume goes on" in line
    assert len(ids(here / "run")) == 4


def test_scripts_are_as_they_are_named() -> None:
    assert set(SCRIPTS) == {"ann", "bob"}
