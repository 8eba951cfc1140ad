"""``python -m arena.run``: what it plays, prints, refuses and survives."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest

from arena.config import RunConfig
from arena.episode import Episode
from arena.run import cli
from tests.running import ENVIRONMENT, PYTHON, ROOT, ids, only_line, plain


def test_help_names_every_flag() -> None:
    """How long it takes is measured by ``python -m benchmarks.startup``; what it imports, by test_packages."""
    done = subprocess.run([*PYTHON, "--help"], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    for field in fields(RunConfig):
        assert field.name == "agents" or f"--{field.name.replace('_', '-')}" in done.stdout


def test_a_pair_of_scripts_is_played_graded_stored_and_summed_up(
    here: Path, scripts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli([*scripts, "--episodes", "3", "--baselines", "--out", "run"]) == 0
    out = capsys.readouterr().out
    assert out.count("=> ") == 3
    assert "[ann]" in out
    assert "[bob]" in out
    assert "stored in run" in out
    assert "\x1b" not in out
    assert ids(here / "run") == [
        f"arithmetic/test/{n}#0{condition}" for n in range(3) for condition in (":solo:ann", ":solo:bob", "")
    ]
    summary = json.loads((here / "run" / "summary.json").read_text())
    for name in (
        "episodes", "accuracy", "accuracy_ci95", "unreadable", "jargon_rate", "handoffs_per_episode", "author_share",
        "tokens", "tokens_per_second", "seconds",
    ):  # fmt: skip
        assert name in summary
    assert summary["episodes"] == 3
    assert list(summary["conditions"]) == ["team", "solo:ann", "solo:bob"]
    assert summary["conditions"]["solo:ann"]["author_share"] == {"ann": 1.0}
    assert {"ann", "bob"} == set(summary["author_share"])


def test_a_folder_of_its_own_is_found(here: Path, scripts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        assert cli([*scripts, "--episodes", "1", "--show", "0"]) == 0
        assert f"stored in runs/ann-bob-arithmetic-{number}" in capsys.readouterr().out
    assert cli(["--pair", "../a b", "--agent=../a b=script:x", "--episodes", "1", "--show", "0"]) == 0
    assert sorted(os.listdir("runs")) == ["___a_b-arithmetic-1", "ann-bob-arithmetic-1", "ann-bob-arithmetic-2"]


def test_the_summary_as_json_is_all_there_is(
    here: Path, scripts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli([*scripts, "--episodes", "2", "--json", "--out", "run"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == json.loads((here / "run" / "summary.json").read_text())
    assert said.err == ""


def test_a_dry_run_prints_what_can_be_run(here: Path, scripts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    flags = [*scripts, "--handoff", "word:p=.25", "--episodes", "2", "--seed", "9", "--temperature", "0.5"]
    assert cli([*flags, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert os.listdir(here) == []
    (here / "again.toml").write_text(printed)
    assert cli(["--config", "again.toml", "--dry-run"]) == 0
    assert capsys.readouterr().out == printed
    assert cli([*flags, "--out", "one", "--show", "0"]) == cli(["--config=again.toml", "--out", "two"]) == 0
    assert (here / "one" / "config.toml").read_text() == (here / "two" / "config.toml").read_text() == printed
    assert plain(here / "one") == plain(here / "two")
    assert tomllib.loads(printed)["agents"]["ann"]["temperature"] == 0.5
    # A stored configuration begins another run of the same episodes.
    assert cli(["--config", "one/config.toml", "--out", "three", "--show", "0"]) == 0
    assert plain(here / "one") == plain(here / "three")


def test_flags_win_over_a_config_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "run.toml").write_text(
        """
        pair = "teacher:bob"
        handoff = "sentence:alternate"
        episodes = 6
        dry-run = true
        only = ["arithmetic/test/1#0"]
        agent = ["bob=script:yes"]
        [agents.teacher]
        address = "senior"
        prompt = "Solve: {question}\\n"
        temperature = 0
        [agents.unused]
        address = "junior"
        """
    )
    assert (
        cli(["--config", "run.toml", "--episodes", "4", "--agent", "bob=script:no", "--only", "arithmetic/test/2#0"])
        == 0
    )
    found = tomllib.loads(capsys.readouterr().out)
    assert (found["episodes"], found["handoff"], found["split"]) == (4, "sentence:alternate", "test")
    assert found["only"] == ["arithmetic/test/2#0"]
    assert found["agents"]["bob"]["address"] == "script:no"
    assert found["agents"]["teacher"]["prompt"] == "Solve: {question}\n"
    assert found["agents"]["teacher"]["temperature"] == 0.0
    assert list(found["agents"]) == ["teacher", "bob"]


def test_a_third_author(here: Path, scripts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--pair", "ann:bob:cid", "--agent=cid=script:(yes) ", "--episodes", "4", "--show", "1", "--out", "run"]
    assert cli([*scripts, *flags]) == 0
    assert {span["author"] for episode in plain(here / "run") for span in episode["spans"]} == {"ann", "bob", "cid"}
    assert "word:p=equal" in capsys.readouterr().out


def test_one_agent_alone(here: Path, scripts: list[str]) -> None:
    assert cli([*scripts, "--pair", "ann", "--episodes", "2", "--out", "run", "--show", "0"]) == 0
    assert [episode["policy"] for episode in plain(here / "run")] == ["word:solo"] * 2


def test_models_and_a_script_play_together(
    here: Path, tiny_models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    agents = [f"--agent={name}=hf:{folder}" for name, folder in zip("ab", tiny_models, strict=True)]
    agents.append("--agent=cid=script: (yes) 3 + 4")
    assert cli([*agents, "--pair", "a:b:cid", "--episodes", "2", "--limit", "30", "--out", "run", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert set(summary["author_share"]) == {"a", "b", "cid"}
    assert summary["tokens"] >= 30
    assert summary["tokens_per_second"] > 0
    assert len(plain(here / "run")) == 2


def test_samples_have_coins_of_their_own(here: Path, scripts: list[str]) -> None:
    assert cli([*scripts, "--episodes", "6", "--samples", "3", "--out", "run", "--show", "0"]) == 0
    assert ids(here / "run") == [f"arithmetic/test/{n}#{sample}" for n in range(2) for sample in range(3)]
    assert len({json.dumps(episode["spans"]) for episode in plain(here / "run")}) > 3
    summary = json.loads((here / "run" / "summary.json").read_text())
    assert (summary["problems"], summary["episodes"]) == (2, 6)


def test_one_episode_is_redone_identically(here: Path, scripts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    flags = [*scripts, "--episodes", "6", "--samples", "2", "--show", "0"]
    assert cli([*flags, "--out", "all", "--baselines"]) == 0
    wanted = "arithmetic/test/1#1"
    assert cli(["--config", "all/config.toml", "--only", wanted, "--out", "one", "--show", "0"]) == 0
    assert plain(here / "one") == [episode for episode in plain(here / "all") if episode["id"] == wanted]
    # A solo solution has an id, too; and what was asked for and is there is not played again.
    solo = f"{wanted}:solo:bob"
    again = ["--config", "all/config.toml", "--only", solo, "--only", wanted, "--out", "two", "--show", "0"]
    for more in ([], ["--resume"]):
        assert cli([*again, *more]) == 0
        assert ids(here / "two") == [solo, wanted]
    capsys.readouterr()
    assert cli([*again[:4], "--out", "three", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["conditions"]) == ["solo:bob"]


def test_once_hands_over_the_first_agents_own_solution(here: Path, scripts: list[str]) -> None:
    flags = [*scripts, "--handoff", "word:once=0.5", "--episodes", "4", "--show", "0"]
    assert cli([*flags, "--out", "run"]) == 0
    episodes = plain(here / "run")
    assert [episode["condition"] for episode in episodes] == ["solo:ann", "team"] * 4
    for solo, team in zip(episodes[::2], episodes[1::2], strict=True):
        assert team["parent_id"] == solo["id"]
        cut = team["spans"][0]["end"]
        assert team["text"][:cut] == solo["text"][:cut]
        assert [span["author"] for span in team["spans"]] == ["ann", "bob"]
    # Alone, by its key; with everybody's baselines; and resumed in the middle of a pair of episodes.
    assert cli([*flags, "--only", "arithmetic/test/2#0", "--out", "one"]) == 0
    assert plain(here / "one") == episodes[4:6]
    assert cli([*flags, "--baselines", "--out", "more"]) == 0
    assert [e for e in plain(here / "more") if e["condition"] != "solo:bob"] == episodes
    lines = (here / "run" / "episodes.jsonl").read_bytes().splitlines(keepends=True)
    for kept in range(len(lines) + 1):
        (here / "run" / "episodes.jsonl").write_bytes(b"".join(lines[:kept]))
        assert cli([*flags, "--out", "run", "--resume"]) == 0
        assert plain(here / "run") == episodes


@pytest.mark.parametrize("place", ["0.5", "3", "0", "0.0", "1.0", "999"])
def test_a_stored_run_is_gone_on_with_from_its_prefixes(here: Path, scripts: list[str], place: str) -> None:
    assert cli([*scripts, "--pair", "ann", "--episodes", "3", "--out", "ann", "--show", "0"]) == 0
    flags = ["--handoff", "word:solo=bob", "--prefix", f"ann@{place}", "--episodes", "6", "--samples", "2"]
    assert cli([*scripts, *flags, "--out", "run", "--show", "0", "--limit", "60"]) == 0
    parents = {episode["id"]: episode for episode in plain(here / "ann")}
    episodes = plain(here / "run")
    assert [episode["id"] for episode in episodes] == [
        f"arithmetic/test/{n}#{sample}" for n in range(3) for sample in range(2)
    ]
    for episode in episodes:
        parent = parents[episode["parent_id"]]
        end = max((span["end"] for span in episode["spans"][: episode["prefix_spans"]]), default=0)
        assert episode["text"][:end] == parent["text"][:end]
        assert (end == 0) == (place in ("0", "0.0"))
        assert (end == len(parent["text"])) == (place in ("1.0", "999"))
    summary = json.loads((here / "run" / "summary.json").read_text())
    assert summary["author_share"] == {"bob": 1.0}  # nobody is credited with a prefix


def test_a_failed_episode_is_data(here: Path, scripts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It is stored, counted, shown with its reason, unreadable whatever its text says, and not tried again."""
    (here / "p.jsonl").write_text('{"question": "?", "answer": "12"}\n{"question": "!", "answer": "12"}\n')
    flags = [*scripts, "--agent=ann=script:#### 12{end}", "--task", "jsonl:p.jsonl", "--episodes", "2"]
    assert cli([*flags, "--pair", "ann", "--out", "ann", "--show", "0"]) == 0
    # What was written ends in no newline, so nothing that bob says can open a paragraph.
    flags = [*flags, "--prefix", "ann@1.0", "--handoff", "paragraph:solo=bob", "--out", "run"]
    for more in ([], ["--resume"]):
        assert cli([*flags, *more]) == 1
        assert "2 of 2 episodes failed" in capsys.readouterr().err
        episodes = plain(here / "run")
        assert [episode["ended"] for episode in episodes] == ["error"] * 2
        assert "does not open a paragraph" in episodes[0]["error"]
        assert episodes[0]["text"] == "#### 12"
        assert episodes[0]["grade"]["verdict"] == "unreadable"
        summary = json.loads((here / "run" / "summary.json").read_text())
        assert (summary["episodes"], summary["unreadable"], summary["accuracy"]) == (2, 2, 0.0)
        assert summary["ended"] == {"error": 2}
    assert cli([*flags[:-4], "--prefix", "run@0.5", "--handoff", "word:solo=bob", "--out", "more"]) == 2
    assert "0 episodes to begin with" in only_line(capsys.readouterr().err)  # nobody goes on from a failure


def test_an_episode_that_failed_is_unreadable_whatever_it_says() -> None:
    from arena.grading import Grader
    from arena.regrade import graded
    from arena.tasks import load_task

    fine = Episode("a#0", "a", 0, "?", "#### 12", [], ["ann"], "word:solo", 0, "end", 9)
    failed = Episode("b#0", "b", 0, "?", "#### 12", [], ["ann"], "word:solo", 0, "error", 9, error="ann: away")
    with Grader() as grader:
        grades = graded([(failed, "12"), (fine, "12"), (failed, "13")], load_task("arithmetic"), grader)
    assert [grade["verdict"] for grade in grades] == ["unreadable", "correct", "unreadable"]
    assert [grade["expected"] for grade in grades] == ["12", "12", "13"]
    assert graded([], load_task("arithmetic"), grader) == []


HOSTILE = "\x1b[31m[red]R[/red] \x1b]0;title\x07 [/] \x9b5m \u202e \u2028 \x00 :smile: [link=x]y"


def test_hostile_text_is_shown_inertly(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = {"id": f"i{HOSTILE}", "question": f"q{HOSTILE}\ud800", "answer": "1"}
    (here / "p.jsonl").write_text(json.dumps(problem) + "\n")
    script = HOSTILE.replace("\x00", "") + " #### 1{end}"
    flags = ["--task", "jsonl:p.jsonl", "--pair", "[red]", f"--agent=[red]=script:{script}", "--episodes", "1"]
    assert cli([*flags, "--out", "run", "--baselines"]) == 0
    out = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\ud800-\udfff]", out)
    for part in ("[red]R[/red]", "[/]", ":smile:", "[link=x]y", "\u241b", "<U+202E>"):
        assert part in out
    assert len(plain(here / "run")) == 2
    (here / "e.jsonl").write_text(json.dumps({**problem, "answer": ["\x1b[31m"]}) + "\n")
    assert cli(["--task", "jsonl:e.jsonl\x1b[31m", "--pair", "a", "--agent=a=script:x"]) == 2
    assert "\x1b" not in only_line(capsys.readouterr().err)


def on_a_terminal(command: Sequence[str], cwd: Path, **environment: str) -> str:
    """What a command prints where standard output is a terminal (and standard error is not)."""
    ours, theirs = pty.openpty()
    env = {**ENVIRONMENT, "TERM": "xterm-256color", "COLUMNS": "80", **environment}
    child = subprocess.Popen(command, cwd=cwd, env=env, stdout=theirs, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    os.close(theirs)
    said = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        said += data
    assert child.communicate(timeout=60)[1] == b""
    os.close(ours)
    assert child.returncode == 0
    return said.decode()


def test_colours_on_a_terminal_marks_without(here: Path, scripts: list[str]) -> None:
    command = [*PYTHON, *scripts, "--episodes", "1"]
    coloured = on_a_terminal(command, here)
    assert "\x1b[3" in coloured
    assert "[ann]" not in coloured
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        bare = on_a_terminal(command, here, **environment)
        assert "\x1b" not in bare
        assert "[ann]" in bare
