"""The study's file: every key known and typed, contradictions named in a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.command import UserError
from human.study import read_study
from human.study.config import parse_study
from human.study.structure import defects
from tests.studies import EXAMPLE, replacing, study_file


def test_the_example_is_read() -> None:
    study = read_study(EXAMPLE)
    assert (study.name, study.participants, study.trials.per_person) == ("handoff", 48, 12)
    assert [one.name for one in study.seen] == ["alone", "jargon", "trained"]
    assert [one.right for one in study.attention] == ["6", "seven"]
    assert study.rules()["stopping"]["latest"] == "2027-12-31"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("pace = 4.0", "pase = 4.0", r"\[trials\]: there is no key 'pase'; did you mean 'pace'\?"),
        ("pace = 4.0", 'pace = "4"', r"\[trials\] pace must be of type float, not '4'"),
        ("per_person = 12", "per_person = true", r"\[trials\] per_person must be of type int"),
        ("problems = 24\n", "", r"\[trials\]: problems is missing"),
        ("steps = [3, 4]", "steps = [3, 4.5]", r"\[trials\] steps, item 2 must be of type int, not 4.5"),
        ("latest = 2027-12-31", 'latest = "2027-12-31"', r"\[stopping\] latest must be a date"),
        (
            'split = "test"',
            'split = "tests"',
            r"\[study\] split must be one of 'train', 'held-out', 'test', not 'tests'",
        ),
        ('kind = "results"', 'kind = "result"', r"\[\[probes\]\] 1 kind must be one of"),
        ("[withdrawal]", "[withdrawals]", r"there is no key 'withdrawals'; did you mean 'withdrawal'\?"),
        ("[study]", "[studie]", r"the table \[study\] is missing"),
        ("seed = 20270301", "seed = ", "not TOML"),
        ("alone = 0.75, jargon", 'alone = "a", jargon', r"\[simulation\] accuracy.alone must be of type float"),
        ("fraction = 0.0", "", r"\[\[conditions\]\] alone: give it either a fraction"),
        ('name = "alone"', 'name = "jargon"', r"\[\[conditions\]\] name: 'jargon' is there 2 times"),
        ('treated = "trained"', 'treated = "tuned"', r"\[analysis\] treated: no condition that people meet"),
        ('treated = "trained"', 'treated = "senior-trained"', r"\[analysis\] treated: no condition that people meet"),
        ("problems = 24", "problems = 8", r"12 of 8 problems: nobody meets one twice; raise problems to 12"),
        ('right = "seven"', 'right = "7"', r"\[\[attention\]\] attention-2: right: '7' is none of its options"),
        ('right = "6"', 'right = "8"', r"attention-1: right: '8' is no point from 1 to 7"),
        ('id = "tools"', 'id = "aids"', r"questions: id: 'aids' is there 2 times"),
        ("steps = [3, 4]", "steps = [4, 3]", r"\[trials\] steps: must be \[least, most\]"),
        ("participants = 48", "participants = 0", r"\[study\] participants: must be 1 or more"),
        ("attempts = 2", "attempts = 0", r"\[instructions\] attempts: must be 1 or more"),
        ("people = {", "prefix_sd = -1\npeople = {", r"\[simulation\] prefix_sd: must be 0 or more, not -1"),
        ("treated = ", "alpha = 2\ntreated = ", r"\[analysis\] alpha: must be between 0 and 1"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(replacing((old, new))(EXAMPLE.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(UserError, match=said) as caught:
        read_study(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('policy = "word:p=2"\npartner = "senior"', "policy: p must be between 0 and 1"),
        ('policy = "word:once=0.5"\npartner = "senior"', "give a fraction instead"),
        ('policy = "word:demand"', "partner is missing"),
        ('policy = "word:demand"\npartner = "nobody"', "partner: .*nobody"),
        ('policy = "word:demand"\npartner = "senior"\nsenior = "runs/a"', "a live policy cuts no stored run"),
        ("fraction = 0.5", "senior is missing"),
        ('fraction = 1.5\nsenior = "runs/a"', "fraction must be from 0 to 1"),
        ('fraction = 0.5\nsenior = "runs/a"\nunit = "page"', "unit: there is no unit 'page'"),
    ],
)
def test_conditions_that_cannot_be(tmp_path: Path, condition: str, said: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace(
        "[trials]", f'[[conditions]]\nname = "odd"\n{condition}\n\n[trials]'
    )
    path = tmp_path / "a.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_study(path)


def test_live_conditions_name_who_sits_down(tmp_path: Path) -> None:
    live = '[[conditions]]\nname = "turns"\npolicy = "sentence:alternate"\npartner = "mate"\n\n[trials]'
    table = '[agents.mate]\naddress = "script:Hello."\n'
    path = study_file(tmp_path, lambda text: text.replace("[trials]", live) + table)
    study = read_study(path)
    assert study.condition("turns").live
    assert study.agents["mate"].address == "script:Hello."


def test_all_defects_are_found_at_once(tmp_path: Path) -> None:
    change = replacing(
        ("seed = 20270301", "seed = -1"), ("problems = 24", "problems = 8"), ('right = "6"', 'right = "9"')
    )
    found = list(defects(parse_study(study_file(tmp_path, change))))
    assert [one.where for one in found] == ["[study] seed", "[trials] per_person", "[[attention]] attention-1"]
