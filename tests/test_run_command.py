"""``python -m arena.run``: what it plays, prints, refuses and survives."""

from __future__ import annotations

import json
import os
import pty
import random
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from arena.config import RunConfig
from arena.episode import Episode
from arena.run import cli
from arena.store import read_episodes
from arena.validate import problems_of
from tests.conftest import SCRIPTS

ROOT = Path(__file__).parents[1]
PYTHON = [sys.executable, "-m", "arena.run"]
# A command that the program prints begins with `python`; subprocesses find this one, and our packages, everywhere.
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    "PYTHONPATH": str(ROOT),
}


def plain(folder: Path) -> list[dict[str, Any]]:
    """A run's episodes, proven, without their timings."""
    out = []
    for episode in read_episodes(folder):
        assert problems_of(episode) == []
        out.append({**asdict(episode), "timings": None})
    return out


def ids(folder: Path) -> list[str]:
    return [episode.id for episode in read_episodes(folder)]


def only_line(text: str) -> str:
    assert text.count("\n") == 1, text
    return text


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_help_names_every_flag_and_is_quick() -> None:
    best = float("inf")
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([*PYTHON, "--help"], capture_output=True, text=True, cwd=ROOT, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert (done.returncode, done.stderr) == (0, "")
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if best < 0.5:
            break
    for field in fields(RunConfig):
        assert field.name == "agents" or f"--{field.name.replace('_', '-')}" in done.stdout
    assert best < 0.5, f"--help takes {best:.2f} s of computing"


def test_importing_the_command_imports_nothing_heavy() -> None:
    heavy = ["torch", "transformers", "tokenizers", "pyarrow", "pandas", "scipy", "datasets", "sympy", "math_verify"]
    code = f"import arena.run, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout == "[]\n", done.stderr


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
    assert cli(["--config", "run.toml", "--episodes", "4", "--agent", "bob=script:no", "--only", "x#0"]) == 0
    found = tomllib.loads(capsys.readouterr().out)
    assert (found["episodes"], found["handoff"], found["split"]) == (4, "sentence:alternate", "test")
    assert found["only"] == ["x#0"]
    assert found["agents"]["bob"]["address"] == "script:no"
    assert found["agents"]["teacher"]["prompt"] == "Solve: {question}\n"
    assert found["agents"]["teacher"]["temperature"] == 0.0
    assert list(found["agents"]) == ["teacher", "bob"]


MISTAKES: list[tuple[list[str], list[str]]] = [
    (["--pair", "seniro:junior"], ["--pair", "'seniro'", "did you mean 'senior'", "--agent seniro=ADDRESS"]),
    (["--pair", "zz:junior"], ["--pair", "'zz'", "known are senior, junior"]),
    (["--pair", "ann:ann"], ["--pair", "different names"]),
    (["--pair", "ann:"], ["--pair", "different names"]),
    (["--pair", ""], ["--pair"]),
    (["--pair", " :ann"], ["--pair"]),
    (["--pair", "ann:b\udcff"], ["--pair", "UTF-8"]),
    (["--agent", "ann"], ["--agent ann", "NAME=ADDRESS"]),
    (["--agent", "=script:x"], ["--agent", "NAME=ADDRESS"]),
    (["--pair", "senior"], ["--agent ann=script:", "--pair senior"]),
    (["--agent", "ann=ftp:x"], ["--agent ann=ftp:x", "hf:PATH-OR-ID"]),
    (["--agent", "ann=hf:"], ["--agent ann=hf:"]),
    (["--agent", "ann=hf:./no-such-model"], ["--agent", "./no-such-model", "no such folder"]),
    (["--agent", "ann=script: "], ["--agent", "script"]),
    (["--handoff", "wrod:p=0.5"], ["--handoff", "'wrod'", "UNIT[:SCHEDULE]"]),
    (["--handoff", "word:p=2"], ["--handoff", "between 0 and 1"]),
    (["--handoff", "word:p=0.2,0.3,0.5"], ["--handoff", "3 weights for 2 agents"]),
    (["--handoff", "word:script=ann,eve"], ["--handoff", "'eve'"]),
    (["--handoff", "word:call=no_such_module:f"], ["--handoff", "no_such_module"]),
    (["--handoff", "word:call=tests.test_policy:raising"], ["--handoff", "raising", "KeyError"]),
    (["--task", "arithmetik"], ["--task arithmetik", "did you mean 'arithmetic'"]),
    (["--task", "arithmetic:steps=99"], ["--task", "steps"]),
    (["--task", "jsonl:nothing.jsonl"], ["--task", "nothing.jsonl"]),
    (["--task", "jsonl"], ["--task", "jsonl:PATH"]),
    (["--task", "gsm8k:nothing"], ["--task", "nothing"]),
    (["--task", "jsonl:two.jsonl", "--split", "train"], ["--split train", "it has test"]),
    (["--task", "jsonl:two.jsonl", "--episodes", "3"], ["--episodes 3", "2 test problems", "ask for 2"]),
    (["--task", "jsonl:two.jsonl", "--episodes", "9", "--samples", "3"], ["--episodes 9", "ask for 6"]),
    (["--task", "jsonl:bad.jsonl"], ["--task", "bad.jsonl:1"]),
    (["--split", "dev"], ["--split", "held-out"]),
    (["--episodes", "7", "--samples", "2"], ["--episodes 7", "--samples 2"]),
    (["--episodes", "0"], ["--episodes", "at least 1"]),
    (["--episodes", "-3"], ["--episodes", "at least 1"]),
    (["--episodes", "many"], ["--episodes", "'many'"]),
    (["--episodes", "1.5"], ["--episodes", "'1.5'"]),
    (["--episodes"], ["--episodes"]),
    (["--samples", "0"], ["--samples", "at least 1"]),
    (["--limit", "-1"], ["--limit", "at least 1"]),
    (["--seed", "-1"], ["--seed", "from 0"]),
    (["--seed", str(2**63)], ["--seed", "from 0"]),
    (["--show", "-1"], ["--show", "0 or more"]),
    (["--temperature", "-0.5"], ["--temperature", "0 (greedy) or more"]),
    (["--temperature", "nan"], ["--temperature"]),
    (["--temperature", "inf"], ["--temperature"]),
    (["--temperature", "hot"], ["--temperature", "hot"]),
    (["--prefix", "run"], ["--prefix run", "RUN@0.5"]),
    (["--prefix", "@0.5"], ["--prefix @0.5", "RUN@0.5"]),
    (["--prefix", "nothing@0.5"], ["--prefix nothing", "episodes.jsonl"]),
    (["--prefix", "played@1.5"], ["--prefix", "@1.5", "0.0 to 1.0"]),
    (["--prefix", "played@-2"], ["--prefix", "@-2"]),
    (["--prefix", "played@half"], ["--prefix", "@half"]),
    (["--prefix", "played@0.5", "--handoff", "word:once=0.5"], ["--prefix", "once"]),
    (["--prefix", "played@0.5", "--baselines"], ["--baselines", "--prefix"]),
    (["--prefix", "played@0.5", "--episodes", "5"], ["--episodes 5", "2 episodes", "ask for 2"]),
    (["--prefix", "played@0.5", "--pair", "ann"], ["--prefix", "'bob'", "--pair"]),
    (["--prefix", "played@0.5", "--task", "jsonl:two.jsonl"], ["--prefix", "--task"]),
    (["--prefix", "twice@0.5", "--episodes", "4"], ["--prefix", "more than once"]),
    (["--prefix", "broken@0.5"], ["--prefix", "episodes.jsonl:1"]),
    (["--only", "arithmetic/test/77#0"], ["--only arithmetic/test/77#0", "arithmetic/test/0#0"]),
    (["--only", "x\udcff"], ["--only"]),
    (["--out", "played"], ["--out played", "--resume"]),
    (["--out", "played", "--resume"], ["--resume", "another configuration", "handoff was"]),
    (["--out", "two.jsonl"], ["--out two.jsonl", "file"]),
    (["--out", "."], ["--out .", "other files"]),
    (["--out", "two.jsonl/run"], ["--out two.jsonl/run"]),
    (["--resume"], ["--resume", "--out"]),
    (["--config", "nothing.toml"], ["--config nothing.toml", "No such file"]),
    (["--config", "."], ["--config", "directory"]),
    (["--config", "two.jsonl"], ["--config two.jsonl", "not TOML"]),
    (["--config"], ["--config"]),
    (["--config", "latin.toml"], ["--config latin.toml", "not TOML"]),
    (["--config", "field.toml"], ["--config field.toml", "'episods'"]),
    (["--config", "type.toml"], ["--config type.toml", "episodes", "int"]),
    (["--config", "bool.toml"], ["--config bool.toml", "episodes", "int"]),
    (["--config", "hot.toml"], ["--config hot.toml", "temperature", "float"]),
    (["--config", "split.toml"], ["--config split.toml", "split", "'dev'", "held-out"]),
    (["--config", "list.toml"], ["--config list.toml", "only"]),
    (["--config", "table.toml"], ["--config table.toml", "[agents.ann]", "'adress'"]),
    (["--config", "agents.toml"], ["--config agents.toml", "[agents.NAME]"]),
    (["--config", "agent.toml"], ["--config agent.toml", "[agents.NAME]"]),
    (["--config", "prompt.toml", "--pair", "eve:ann"], ["[agents.eve]", "{question}"]),
    (["--config", "value.toml"], ["[agents.ann]", "temperature", "float"]),
    (["--config", "self.toml"], ["--config self.toml", "'config'"]),
    (["--episode", "3"], ["--episode", "did you mean --episodes?"]),
    (["--frobnicate"], ["--frobnicate"]),
    (["something"], ["something"]),
]
FILES = {
    "two.jsonl": '{"question": "1 + 1?", "answer": 2}\n{"question": "1 + 2?", "answer": 3}\n',
    "bad.jsonl": "{]\n",
    "field.toml": "episods = 3",
    "type.toml": 'episodes = "3"',
    "bool.toml": "episodes = true",
    "hot.toml": "temperature = true",
    "split.toml": 'split = "dev"',
    "list.toml": "only = [3]",
    "table.toml": '[agents.ann]\nadress = "script:x"',
    "agents.toml": 'agents = "ann"',
    "agent.toml": '[agents]\nann = "script:x"',
    "prompt.toml": '[agents.eve]\naddress = "senior"\nprompt = "Solve this."',
    "value.toml": '[agents.ann]\naddress = "script:x"\ntemperature = "hot"',
    "self.toml": 'config = "self.toml"',
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory, scripts: list[str]) -> Path:
    """A folder with a run, two broken ones, and files that cannot be used."""
    folder = tmp_path_factory.mktemp("workplace")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "latin.toml").write_bytes(b'pair = "\xe9"')
    assert cli([*scripts, "--episodes", "2", "--handoff", "word:alternate", "--out", str(folder / "played")]) == 0
    line = (folder / "played" / "episodes.jsonl").read_bytes()
    for name, content in (("twice", line * 2), ("broken", b"{]\n")):
        (folder / name).mkdir()
        (folder / name / "episodes.jsonl").write_bytes(content)
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize(("flags", "words"), MISTAKES, ids=[" ".join(flags) for flags, _ in MISTAKES])
def test_a_mistake_is_one_line_that_names_the_flag_and_leaves_nothing(
    workplace: Path,
    scripts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(workplace)
    before = everything(workplace)
    defaults = ["--show", "0", "--episodes", "2"]
    out = [] if "--resume" in flags else ["--out", "new/run"]
    assert cli([*scripts, *defaults, *out, *flags]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    line = only_line(said.err)
    assert line.startswith("error: ")
    assert "Traceback" not in line
    for word in words:
        assert word in line
    left = everything(workplace)
    assert left.keys() - before.keys() <= {str(workplace / "new")}
    assert {name: left[name] for name in before} == before


def test_mistakes_as_a_command(workplace: Path) -> None:
    for flags in (
        ["--pair", "seniro"],
        ["--episodes", "x"],
        ["--config", "nothing.toml"],
        ["--pair=a", "--agent=a=hf:./x"],
    ):
        done = subprocess.run([*PYTHON, *flags], capture_output=True, text=True, cwd=workplace, env=ENVIRONMENT)
        assert (done.returncode, done.stdout) == (2, "")
        assert only_line(done.stderr).startswith("error: ")


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
        assert cli([*flags, *more]) == 0
        episodes = plain(here / "run")
        assert [episode["ended"] for episode in episodes] == ["error"] * 2
        assert "does not open a paragraph" in episodes[0]["error"]
        assert episodes[0]["text"] == "#### 12"
        assert episodes[0]["grade"]["verdict"] == "unreadable"
        summary = json.loads((here / "run" / "summary.json").read_text())
        assert (summary["episodes"], summary["unreadable"], summary["accuracy"]) == (2, 2, 0.0)
        assert summary["ended"] == {"error": 2}
    assert "ended by error: bob: " in capsys.readouterr().out
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
    flags = [*scripts, *SLOW, "--episodes", "12"]
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
    assert 1 <= done < 12  # one that was being written is owed again
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
