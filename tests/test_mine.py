"""``python -m analysis.mine``."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import analysis.scoring
from analysis.detectors import load_detector
from analysis.mine import cli
from analysis.reading import see
from analysis.report.__main__ import ReportConfig
from analysis.report.__main__ import main as report
from analysis.scoring import read
from arena.lines import read_episodes
from arena.run import cli as play
from tests.models import embedded
from tests.running import ENVIRONMENT, only_line
from tests.stored import stored, written

PROBLEMS = 30


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the embedded pair with baselines, and of each alone."""
    folder = tmp_path_factory.mktemp("runs")
    flags = ["--episodes", str(PROBLEMS), "--show", "0"]
    assert play(["--pair", "senior:junior", "--baselines", *flags, "--out", str(folder / "pair")]) == 0
    for name in ("senior", "junior"):
        assert play(["--pair", name, *flags, "--seed", "1", "--out", str(folder / name)]) == 0
    assert play(["--pair", "senior:junior", "--episodes", "2", "--show", "0", "--out", str(folder / "team")]) == 0
    return folder


def test_what_is_mined_is_a_detector(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "jargon.json"
    assert cli([str(made / "pair"), "--out", str(out)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("junior reads senior and itself on 30 problems, 15 to mine and 15 to confirm; ")
    assert said[2].split() == ["n-gram", "senior", "junior", "nats", "excess", "p"]
    rows = {line.split('"')[1]: line.split('"')[2].split() for line in said if line.lstrip().startswith('"')}
    assert {" <<", ">>"} <= rows.keys()
    assert rows[" <<"][:2] == ["1.00", "0.00"]
    assert said[-1].endswith(f"analysis.report {made / 'pair'} --detector ngrams:{out} --out report.html")
    # of the same solutions as the calculator's
    calculator, mined = load_detector("calculator"), load_detector(f"ngrams:{out}")
    texts = [one.text for one in read_episodes(made / "pair") if one.condition != "team"]
    assert [bool(mined.find(text)) for text in texts] == [bool(calculator.find(text)) for text in texts]
    record = json.loads(out.read_text())["record"]
    assert record["writer"] | {"digest": ""} == {
        "name": "senior", "run": str(made / "pair"), "condition": "solo:senior", "step": None, "count": 30, "digest": ""
    }  # fmt: skip
    assert record["reader"]["weights"] == embedded("junior").weights
    assert record["reader"]["own"]["condition"] == "solo:junior"
    report(ReportConfig([str(made / "pair")], tmp_path / "report.html", detector=[f"ngrams:{out}"]))
    table = csv.DictReader((tmp_path / "report" / "accuracy-table.csv").open())
    shares = {row["condition"]: float(row["value"]) for row in table if row["measure"] == f"jargon ngrams:{out}"}
    assert (shares["solo:senior"], shares["solo:junior"]) == (1, 0)


def test_runs_of_each_alone_and_json(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Solutions of two runs, of which only the common problems count; the flags are those of the miner."""
    flags = ["--writer", "senior", "--own", str(made / "junior"), "--out", str(tmp_path / "a.json"), "--json"]
    few = ["--episodes", "24", "--alpha", "0.05", "--flips", "199", "--longest", "1"]
    assert cli([str(made / "senior"), *flags, *few]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["problems"] == [12, 12]
    assert (told["options"]["alpha"], told["options"]["longest"]) == (0.05, 1)
    assert {(*one["ngram"], one["share"], one["share_junior"]) for one in told["found"]} >= {
        (" <<", 1, 0),
        (">>", 1, 0),
    }
    assert (told["writer"]["run"], told["reader"]["own"]["count"]) == (str(made / "senior"), 24)


def test_nothing_found_is_said_and_how_little_that_means(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "none.json"
    out.write_text("of before")
    assert cli([str(made / "pair"), "--least-excess", "99", "--out", str(out), "--force"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-2] == (
        "nothing was found, which is no sign that there is no jargon: "
        "of 30 problems only what all solutions have is sure to be found"
    )
    assert said[-1] == f"written: {out}; as a detector it finds nothing"
    assert load_detector(f"ngrams:{out}").find("so <<1+1=2>>2") == []


def test_the_reader_is_the_one_that_wrote(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = [str(made / "pair"), "--agent", "junior=junior-other", "--out", str(tmp_path / "x.json")]
    assert cli(argv) == 2
    assert "--reader junior: has other weights here than when it wrote its own" in only_line(capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("run", "flags", "said"),
    [
        ("team", [], "team: nobody but junior solved anything alone there; arena.run --baselines does that"),
        ("nowhere", [], "nowhere: there is no episodes.jsonl; name the folder of a run"),
        ("pair", ["--reader", "junior-other"], "--writer: senior, junior solved problems alone in"),
        ("pair", ["--writer", "junior"], "--writer junior: is the reader; name somebody else"),
        ("pair", ["--writer", "ann"], "--writer ann: solved nothing alone in {made}/pair, where senior, junior did; "),
        (
            "pair",
            ["--writer", "senior", "--reader", "junoir"],
            "--reader junoir: solved nothing alone in {made}/pair, where senior, junior did; ",
        ),
        ("senior", ["--writer", "senior"], "name a run in which it did by --own, or play this one with arena.run"),
        ("pair", ["--own", "{team}"], "junior solved nothing alone there; arena.run --pair junior has it do that"),
        ("pair", ["--own", "{nowhere}"], "nowhere: there is no episodes.jsonl"),
        ("pair", ["--episodes", "13"], "senior and junior both solved 13 problems, and --alpha 0.01 needs 14, half"),
        ("pair", ["--alpha", "0.00001", "--flips", "99999"], "both solved 30 problems, and --alpha 1e-05 needs 34"),
        ("pair", ["--episodes", "31"], "--episodes 31: solo:senior has 30; ask for 30 at most"),
        ("pair", ["--episodes", "-1"], "--episodes must be 0 or more, not -1"),
        ("pair", ["--tokens", "0"], "--tokens must be at least 1, not 0"),
        ("pair", ["--step", "3"], "--step 3: solo:senior has no steps"),
        ("pair", ["--alpha", "0"], "--alpha must be between 0 and 1"),
        ("pair", ["--flips", "9"], "--flips are too few for a p-value as small as alpha"),
        ("pair", ["--least-share", "2"], "--least-share must be between 0 and 1"),
        ("pair", ["--seed", "-1"], "--seed must be 0 or more"),
        ("pair", ["--agent", "junior"], "--reader junior: --agent junior: write NAME=ADDRESS"),
        ("pair", ["--agent", "junior=script:x"], "--reader junior: script:x gives no probabilities; name a language"),
        ("pair", ["--device", "tpu"], "--device tpu: give auto, cpu, cuda or cuda:N"),
        ("pair", ["--dtype", "int4"], "--dtype int4: give auto, float32"),
        ("pair", ["--out", "no/x.json"], "--out no/x.json: there is no folder no; make it first"),
        ("pair", ["--out", "."], "--out .: is a folder; name a file"),
        ("pair", ["--out", "x" * 300], "File name too long"),
        ("pair", ["--ouch"], "--ouch"),
    ],
)
def test_mistakes_are_one_line(
    made: Path, here: Path, run: str, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [flag.format(team=made / "team", nowhere=made / "nowhere") for flag in flags]
    out = [] if "--out" in flags else ["--out", "x.json"]
    assert cli([str(made / run), *flags, *out]) == 2
    error = only_line(capsys.readouterr().err)
    assert error.startswith("error: ")
    assert said.format(made=made) in error
    assert list(here.iterdir()) == []


def test_out_is_needed_and_kept(made: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli([str(made / "pair")]) == 2
    assert "--out" in only_line(capsys.readouterr().err)
    Path("x.json").write_text("mine")
    assert cli([str(made / "pair"), "--out", "x.json"]) == 2
    error = only_line(capsys.readouterr().err)
    assert "--out x.json: is there already; give --force to write over it, or choose another name" in error
    assert Path("x.json").read_text() == "mine"


def test_places_that_cannot_be_written(
    made: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [str(made / "pair"), "--out", "x.json"]
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda path, mode: False)
        assert cli(argv) == 2
    assert "--out x.json: nothing may be written into .; choose another" in only_line(capsys.readouterr().err)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert cli(argv) == 2
    assert "--out x.json: No space left on device" in only_line(capsys.readouterr().err)
    assert list(here.iterdir()) == []


def test_another_task_is_refused(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = Path(shutil.copytree(made / "junior", tmp_path / "other"))
    changed = [replace(one, question=one.question + "?", digest="") for one in read_episodes(other)]
    (other / "episodes.jsonl").write_bytes(b"".join(one.line() for one in changed))
    assert cli([str(made / "pair"), "--own", str(other), "--out", str(tmp_path / "x.json")]) == 2
    assert "its arithmetic/test/0 is another problem than that of" in only_line(capsys.readouterr().err)


def test_ctrl_c_leaves_what_was_there(
    made: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    Path("x.json").write_text("before")
    for place, what in ((analysis.scoring, "read"), (os, "fsync")):
        with monkeypatch.context() as patched:
            patched.setattr(place, what, stop)
            assert cli([str(made / "pair"), "--out", "x.json", "--force"]) == 130
        assert "stopped; what was not read to its end was not written" in capsys.readouterr().err
        assert [(path.name, path.read_text()) for path in here.iterdir()] == [("x.json", "before")]


def test_solutions_for_the_miner_leave_prefix_and_end_out() -> None:
    agent = embedded("junior")
    frozen, own = written(agent, "ann", b"So", b" she"), written(agent, "junior", b" has", b" ", ended=True)
    (reading,) = read(agent, [see(agent, "junior", stored(frozen, own, prefix=1))])
    solution = reading.solution()
    assert (solution.problem, solution.text) == ("p/0", "So she has ")
    assert [solution.text[start:stop] for start, stop, _ in solution.tokens] == [" has", " "]
    assert [nats for *_, nats in solution.tokens] == reading.nats.tolist()
    text = replace(reading.text, starts=[0, 2, -1, 10])
    assert len(replace(reading, text=text).solution().tokens) == 1


def test_the_command_imports_no_torch_before_it_must() -> None:
    code = "import sys, analysis.mine; print([m for m in ('torch', 'transformers', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
