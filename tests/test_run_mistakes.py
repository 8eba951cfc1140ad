"""``python -m arena.run``: every mistake is one line that names the flag, exit code 2, and nothing is left behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from arena.run import cli
from tests.running import ENVIRONMENT, PYTHON, only_line

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
    (["--pair", "x", "--agent", "x=x"], ["--pair", "there is no agent 'x'; known are senior", "--agent x=ADDRESS"]),
    (["--pair", "x:y", "--agent", "x=y", "--agent", "y=x"], ["--pair", "there is no agent 'x'"]),
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
