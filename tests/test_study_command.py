"""``python -m human.study``: from a draft to a lock, and mistakes that are one line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from arena.command import UserError
from human.study import Stimuli, Study, Trial, read_study, trials_for
from human.study.__main__ import cli
from human.study.config import Stopping, parse_study
from human.study.lock import locked, sealed_slots
from human.study.lock import seal as seal_of
from human.study.preview import as_html
from human.study.stimuli import read_stimuli
from tests.running import ENVIRONMENT, only_line
from tests.studies import EXAMPLE, made, replacing, study_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = study_file(tmp_path)
    made(found)
    return found


def mistake(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    capsys.readouterr()
    assert cli([str(one) for one in argv]) == 2
    return only_line(capsys.readouterr().err)


def test_new_writes_a_study_that_can_be_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["new", "mine.toml"]) == 0
    assert read_study(Path("mine.toml")).name == "mine"
    assert "next: python -m human.study check mine.toml" in capsys.readouterr().out
    assert "is there already" in mistake(capsys, "new", "mine.toml")
    assert "ends in .toml" in mistake(capsys, "new", "mine")
    assert cli(["check", "mine.toml"]) == 2
    assert "error: [study] ethics: is empty" in capsys.readouterr().out


def test_every_commented_key_of_the_template_can_be_given(here: Path) -> None:
    """What the template shows as optional is what the reader knows."""
    assert cli(["new", "mine.toml"]) == 0
    kept = []
    for line in Path("mine.toml").read_text(encoding="utf-8").splitlines():
        shown = line.removeprefix("# ")
        kept.append(shown if "=" in shown or shown.startswith("[") else line)
    Path("full.toml").write_text("\n".join(kept), encoding="utf-8")
    study = parse_study(Path("full.toml"))
    assert study.trials.prefixes == 1
    assert study.condition("turns").partner == "senior"


def test_stimuli_are_replaced_only_on_request(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["stimuli", str(path)]) == 0
    assert "trained: 24, of solutions 24 of which end rightly, " in capsys.readouterr().out
    study_file(path.parent, replacing(("seed = 20270301", "seed = 3")))
    assert "add --again to replace them" in mistake(capsys, "stimuli", path)
    assert cli(["stimuli", str(path), "--again"]) == 0


def test_check_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["check", str(path), "--json"]) == 0
    assert {one["level"] for one in json.loads(capsys.readouterr().out)} == {"warning"}


def test_preview_shows_what_a_person_sees(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["preview", str(path), "--slot", "2"]) == 0
    said = capsys.readouterr().out
    for title in (
        "== Taking part",
        "== Is everything clear?",
        "== Practice",
        "== A break",
        "== Problem 12 of 12",
        "== Thank you",
    ):
        assert title in said
    shown = "\n".join(line for line in said.splitlines() if not line.startswith("   ["))
    assert "senior" not in shown
    assert "trained" not in shown
    assert "--slot must be 0 or more" in mistake(capsys, "preview", path, "--slot", "-1")


def test_preview_says_what_is_written_and_not_what_was_cut(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = 'senior = "runs/after"\nfraction = 0.5'
    study_file(path.parent, replacing((old, old + '\nunit = "sentence"')))
    assert cli(["stimuli", str(path), "--again"]) == 0
    capsys.readouterr()
    assert cli(["preview", str(path), "--slot", "0"]) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if re.match(r"   \[t\d\d:", line)]
    trained = [line for line in notes if ", trained," in line]
    assert len(trained) == 4
    assert all(", words to the end" in line for line in notes)
    assert all(re.search(r", after the first \d+ sentences of arithmetic/test/", line) for line in trained)
    assert all(re.search(r", after the first \d+ words of ", line) for line in notes if ", jargon," in line)


def test_a_page_cannot_be_broken_by_its_texts(path: Path) -> None:
    evil = "<script>alert(1)</script>\\u001b[31m\\u202e & <b>"
    study_file(path.parent, replacing(("Work in your head", f"Work in {evil} head")))
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('partner_name = "your partner"', 'partner_name = "<img src=x>"'), encoding="utf-8")
    study = read_study(path)
    page = as_html(study, read_stimuli(study), 0)
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "default-src 'none'" in page


def test_a_lock_holds_until_something_changes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="the study is not locked; lock it with"):
        locked(path)
    assert cli(["lock", str(path), "--studies", "50"]) == 0
    study, stimuli, lock = locked(path)
    assert (lock.toml, lock.stimuli) == (study.sha256, stimuli.sha256)
    assert lock.rules["exclusion"]["fewest_trials"] == 9
    assert lock.power.startswith("With 48 people")
    assert "is locked already" in mistake(capsys, "lock", path, "--studies", "50")
    whole, seal = path.read_bytes(), study.lock_path.read_bytes()

    path.write_bytes(whole + b"\n")
    with pytest.raises(UserError, match=r"handoff\.toml: was changed after .*, when the study was locked"):
        locked(path)
    path.write_bytes(whole)
    changed = stimuli.path.read_bytes()
    stimuli.path.write_bytes(changed.replace(b"Then", b"Next", 1))
    with pytest.raises(UserError, match=r"handoff\.stimuli\.jsonl: was changed"):
        locked(path)
    stimuli.path.write_bytes(changed)
    study.lock_path.write_bytes(seal.replace(b'"fewest_trials": 9', b'"fewest_trials": 1'))
    with pytest.raises(UserError, match="its rules are not those that were locked"):
        locked(path)
    study.lock_path.write_bytes(seal.replace(lock.trials.encode(), b"0" * 64))
    with pytest.raises(UserError, match="deals other trials than"):
        locked(path)
    for old, new in ((b"With 48 people", b"With 480 people"), (lock.locked.encode(), b"2020-01-01T00:00:00+00:00")):
        assert seal.count(old) == 1
        study.lock_path.write_bytes(seal.replace(old, new))
        with pytest.raises(UserError, match="is not what was written when the study was locked"):
            locked(path)
    study.lock_path.write_bytes(b'{"schema": 1}')
    with pytest.raises(UserError, match="schema 1 is not 2"):
        locked(path)
    study.lock_path.write_bytes(b"[]")
    with pytest.raises(UserError, match="cannot be read as a lock"):
        locked(path)
    study.lock_path.write_bytes(b"{")
    with pytest.raises(UserError, match="cannot be read as a lock"):
        locked(path)
    study.lock_path.write_bytes(seal)
    assert locked(path)[2] == lock
    study_file(path.parent, replacing(("seed = 20270301", "seed = 3")))
    assert "the study is locked; put the runs back" in mistake(capsys, "stimuli", path, "--again")


def test_as_many_slots_are_sealed_as_people_may_begin(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = read_study(path)
    assert study.stopping.recruited > study.participants
    lock = seal_of(study, read_stimuli(study), "guessed")
    assert lock.slots == sealed_slots(study) == study.stopping.recruited
    assert sealed_slots(replace(study, stopping=Stopping())) == 2 * study.participants

    def others(study: Study, stimuli: Stimuli, slot: int) -> list[Trial]:
        return trials_for(study, stimuli, slot)[:: -1 if slot == lock.slots - 1 else 1]

    monkeypatch.setattr("human.study.lock.trials_for", others)
    with pytest.raises(UserError, match="deals other trials than"):
        locked(path)


def test_what_is_wrong_is_not_locked(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study_file(path.parent, replacing(("pace = 4.0", ""), ("minutes = 25", "")))
    assert "not locked: error: [consent] minutes: is missing" in (said := mistake(capsys, "lock", path))
    assert "(and 1 more)" in said


def test_simulate_writes_its_curve(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--people", "12", "--effects", "0.2", "--studies", "50"]
    assert cli(["simulate", str(path), *flags]) == 0
    said = capsys.readouterr().out
    assert "48 people, effect 0.000: power 0.0" in said
    assert "is taken for one in" in said
    first = {kind: (path.parent / f"handoff.power.{kind}").read_bytes() for kind in ("csv", "svg", "png")}
    assert first["csv"].count(b"\n") == 7
    assert cli(["simulate", str(path), *flags, "--json", "--out", str(path.parent / "again")]) == 0
    assert len(json.loads(capsys.readouterr().out)["points"]) == 6
    assert {kind: (path.parent / f"again.{kind}").read_bytes() for kind in first} == first


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "give one of new, check, stimuli, preview, lock, simulate"),
        (["chekc"], "did you mean check?"),
        (["check"], "FILE"),
        (["check", "no.toml"], "no.toml: No such file or directory; name the TOML file of a study"),
        (["preview", str(EXAMPLE), "--slots", "1"], "--slots"),
        (["simulate", str(EXAMPLE), "--studies", "5"], "--studies 5: leaves an error of more than seven points"),
        (["simulate", str(EXAMPLE), "--seed", "-1"], "--seed must be 0 or more"),
        (["lock", str(EXAMPLE), "--studies", "5"], "--studies 5"),
    ],
)
def test_mistakes_are_one_line(here: Path, capsys: pytest.CaptureFixture[str], argv: list[str], said: str) -> None:
    assert said in mistake(capsys, *argv)


def test_help_is_quick_and_needs_no_torch() -> None:
    code = (
        "import sys; from human.study.__main__ import cli\n"
        "try: cli(['simulate', '--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('torch', 'scipy', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert "--effects" in done.stdout
