"""Every senior with every junior: the same problems and coins in every cell, gone on with, partners met and not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.crossplay import cli
from arena.run import cli as arena_cli
from tests.running import only_line, plain

SMALL = ["--episodes", "6", "--limit", "64", "--seed", "3"]


def test_a_cell_is_the_run_that_arena_makes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--seniors", "senior,again", "--agent", "again=senior", "--juniors", "junior,junior-jargon", *SMALL]
    assert cli([*words, "--met", "senior:junior", "--out", "cross"]) == 0
    said = capsys.readouterr().out
    assert "senior: partners met - never met: " in said
    assert arena_cli(["--pair", "senior:junior", *SMALL, "--show", "0", "--out", "run"]) == 0
    assert plain(here / "cross" / "senior--junior") == plain(here / "run")
    found = json.loads((here / "cross" / "crossplay.json").read_text())
    assert set(found["cells"]) == {
        f"{a}:{b}" for a in ("senior", "again") for b in ("alone", "junior", "junior-jargon")
    }
    assert found["met"] == ["senior:junior"]
    # A model against itself: the same episodes, so no difference at all.
    assert found["compared"]["senior - again, over all partners"]["value"] == 0
    assert found["family"]["adjusted"][0] == 1
    assert {path.name for path in (here / "cross").glob("crossplay.*")} == {
        f"crossplay.{kind}" for kind in ("csv", "json", "svg", "png")
    }
    # Given again it plays nothing; with a cell missing, that one; a stored run enters as a column.
    (here / "cross" / "again--junior" / "summary.json").unlink()
    capsys.readouterr()
    assert cli([*words, "--run", "senior:people=run", "--out", "cross"]) == 0
    assert capsys.readouterr().err.count(" of 6: ") == 1
    assert json.loads((here / "cross" / "crossplay.json").read_text())["cells"]["senior:people"]["n"] == 6
    assert cli([*words, "--run", "senior:junior=run", "--out", "cross"]) == 2
    assert "senior has two columns that would be called junior" in only_line(capsys.readouterr().err)
    assert cli([*words, "--split", "train", "--out", "cross"]) == 2
    assert "was made otherwise: split was 'test', is 'train'" in only_line(capsys.readouterr().err)


def test_policies_are_columns_too(here: Path) -> None:
    words = ["--seniors", "senior", "--juniors", "junior", "--handoff", "word:p=0.5", "--handoff", "sentence:alternate"]
    assert cli([*words, *SMALL, "--out", "cross"]) == 0
    cells = json.loads((here / "cross" / "crossplay.json").read_text())["cells"]
    assert set(cells) == {"senior:alone", "senior:junior, word:p=0.5", "senior:junior, sentence:alternate"}
    assert {e["policy"] for e in plain(here / "cross" / "senior--junior--sentence_alternate")} == {"sentence:alternate"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seniors", "senior", "--juniors", "senior"], "--juniors senior: is among --seniors; give it a second name"),
        (["--seniors", "senior,", "--juniors", "junior"], "--seniors senior,: give different names"),
        (["--seniors", "big", "--juniors", "junior"], "big"),
        (["--seniors", "senior", "--juniors", "junior", "--agent", "big=senior"], "is neither among --seniors nor"),
        (["--seniors", "senior", "--juniors", "junior", "--met", "senior:nobody"], "there is no such pairing"),
        (["--seniors", "senior", "--juniors", "alone", "--agent", "alone=junior"], "senior has two columns"),
        (["--seniors", "senior", "--juniors", "junior", "--handoff", "word", "--handoff", "word"], "has two columns"),
        (["--seniors", "senior", "--juniors", "junior", "--run", "senior:x=nowhere"], "nowhere is no run"),
        (["--seniors", "senior", "--juniors", "junior", "--run", "x"], "write SENIOR:NAME=RUN"),
        (["--seniors", "senior", "--juniors", "junior", "--task", "nothing"], "--task nothing"),
        (["--seniors", "senior", "--juniors", "junior", "--episodes", "999999999"], "--episodes 999999999"),
        (["--seniors", "senior", "--juniors", "junior", "--handoff", "wrd:p=1"], "--handoff"),
    ],
)
def test_mistakes_are_one_line(here: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert cli([*words, "--out", "cross"]) == 2
    line = only_line(capsys.readouterr().err)
    assert said in line
    assert not (here / "cross").exists()


def test_a_run_of_other_problems_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its cell would else be taken for one of the same problems, which the picture says."""
    assert arena_cli(["--pair", "senior:junior", *SMALL, "--split", "train", "--show", "0", "--out", "train"]) == 0
    words = ["--seniors", "senior", "--juniors", "junior", *SMALL, "--run", "senior:people=train", "--out", "cross"]
    assert cli([*words, "--met", "senior:people"]) == 0
    remarks = [
        "senior, people is of other problems (6, 0 of them in common with the first cell); differences are over those "
        "in common.",
        "senior: partners met - never met: not compared, because they have no problem in common.",
    ]
    said = capsys.readouterr().out
    assert all(remark in said for remark in remarks)
    assert json.loads((here / "cross" / "crossplay.json").read_text())["remarks"] == remarks
    text = (here / "train" / "config.toml").read_text()
    (here / "train" / "config.toml").write_text(text.replace('"arithmetic"', '"gsm8k"', 1))
    assert cli(words) == 2
    assert "train is of the task gsm8k, not of arithmetic" in only_line(capsys.readouterr().err)
