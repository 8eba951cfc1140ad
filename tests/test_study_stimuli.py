"""Stimuli: cut from stored solutions, the same bytes again, and what a probe may ask."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.chance import Picks
from agents.contract import joined_text
from arena.command import UserError
from arena.lines import read_episodes
from arena.tasks.arithmetic import Arithmetic
from human.study import read_stimuli, read_study
from human.study.results import number, numbers, probe, results, states, written
from human.study.stimuli import Stimulus, make_stimuli
from tests.stored import alone
from tests.studies import made, replacing, solved, study_file, write_run


def test_stimuli_are_the_beginnings_of_the_stored_solutions(tmp_path: Path) -> None:
    study, stimuli = made(study_file(tmp_path))
    assert len(stimuli.problems) == 24
    assert len(stimuli.all) == 24 * 5
    parents = {one.id: one for name in ("before", "after") for one in read_episodes(tmp_path / "runs" / name)}
    digests = {
        (name, one.id): one.digest for name in ("before", "after") for one in read_episodes(tmp_path / "runs" / name)
    }
    for one in stimuli.all:
        condition = study.condition(one.condition)
        assert (one.parent is None) == condition.alone
        if one.parent:
            run = one.parent.run.removeprefix("runs/")
            assert one.parent.digest == digests[run, one.parent.id]
            assert one.parent.id in parents
        if condition.cut:
            assert one.text == joined_text(one.prefix)
            assert one.units == round(0.5 * (one.of or 0))
            assert {span.author for span in one.prefix} == {"senior"}
            assert "####" not in one.text
            assert 3 <= (one.problem.steps or 0) <= 4
        else:
            assert one.prefix == ()


def test_the_file_is_the_same_again_and_gives_the_spans_back(tmp_path: Path) -> None:
    path = study_file(tmp_path)
    study = read_study(path)
    first = make_stimuli(study)
    assert make_stimuli(study).data == first.data
    study.stimuli_path.write_bytes(first.data)
    assert read_stimuli(study).all == tuple(first.stimuli)
    other = read_study(study_file(tmp_path, replacing(("seed = 20270301", "seed = 2"))))
    assert {one.problem.id for one in make_stimuli(other).stimuli} != {one.problem.id for one in first.stimuli}


def test_tokens_of_a_model_come_back(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "senior"
    run.mkdir(parents=True)
    (run / "episodes.jsonl").write_bytes(b"".join(one.line() for one in alone("senior", 12)))
    change = replacing(
        ('name = "jargon"\nsenior = "runs/before"', 'name = "jargon"\nsenior = "runs/senior"'),
        (
            'name = "trained"\nsenior = "runs/after"\nfraction = 0.5',
            'name = "trained"\nsenior = "runs/senior"\nfraction = 0.3',
        ),
        ("problems = 24\nsteps = [3, 4]", "problems = 4"),
        ("per_person = 12", "per_person = 3"),
    )
    study, stimuli = made(study_file(tmp_path, change))
    for before, after in zip(make_stimuli(study).stimuli, stimuli.all, strict=True):
        assert before == after
    prefix = stimuli.of("jargon")[0].prefix
    assert prefix[0].token_ids
    assert prefix[0].tokeniser
    assert not prefix[0].logprobs


def test_prefixes_that_state_the_answer_are_left_out(tmp_path: Path) -> None:
    """At .9 of a plain solution the answer has been worked out, or even marked."""
    change = replacing(
        ('senior = "runs/after"\nfraction = 0.5', 'senior = "runs/after"\nfraction = 0.95'),
        ("problems = 24", "problems = 12"),
    )
    with pytest.raises(UserError, match=r"only 0 fit .*the prefix of 'trained' states the answer.*ask for fewer"):
        make_stimuli(read_study(study_file(tmp_path, change)))


def test_nothing_to_cut_is_left_out(tmp_path: Path) -> None:
    change = replacing(('senior = "runs/after"\nfraction = 0.5', 'senior = "runs/after"\nfraction = 0.001'))
    with pytest.raises(UserError, match=r"at fraction 0\.001 'trained' has nothing of it"):
        make_stimuli(read_study(study_file(tmp_path, change)))


def test_several_prefixes_of_a_problem(tmp_path: Path) -> None:
    path = study_file(tmp_path, replacing(("problems = 24", "problems = 24\nprefixes = 2")), samples=2)
    _, stimuli = made(path)
    assert {one.number for one in stimuli.of("jargon")} == {0, 1}
    problem = stimuli.problems[0].id
    assert stimuli.at(problem, "jargon", 1).parent != stimuli.at(problem, "jargon", 0).parent
    assert stimuli.at(problem, "jargon", 1).text.startswith("Well:")


def test_runs_that_are_not_there_or_were_changed(tmp_path: Path) -> None:
    path = study_file(tmp_path)
    study, _ = made(path)
    with pytest.raises(UserError, match=r"\[\[conditions\]\] jargon senior .*there is no episodes.jsonl"):
        make_stimuli(read_study(study_file(tmp_path, lambda text: text.replace("runs/before", "runs/lost"))))
    with pytest.raises(UserError, match=r"\[\[conditions\]\] trained solo:nobody: .* has solo:senior"):
        make_stimuli(
            read_study(
                study_file(
                    tmp_path,
                    replacing(
                        (
                            'senior = "runs/after"\nfraction = 0.5',
                            'senior = "runs/after"\nsolutions = "solo:nobody"\nfraction = 0.5',
                        )
                    ),
                )
            )
        )
    episodes = tmp_path / "runs" / "before" / "episodes.jsonl"
    episodes.write_bytes(episodes.read_bytes().replace(b"Then", b"Next", 1))
    with pytest.raises(UserError, match="was changed after it was written"):
        make_stimuli(study)


def test_another_task_than_the_runs(tmp_path: Path) -> None:
    path = study_file(tmp_path, replacing(('task = "arithmetic"', 'task = "arithmetic:seed=3"')))
    with pytest.raises(UserError, match="is no problem of it; give the runs' task"):
        make_stimuli(read_study(path))


def test_stimuli_of_another_study_are_refused(tmp_path: Path) -> None:
    study, stimuli = made(study_file(tmp_path))
    other = read_study(study_file(tmp_path, replacing(("problems = 24", "problems = 18"))))
    with pytest.raises(UserError, match=r"is of 24 problems, not \[trials\] problems 18; make them"):
        read_stimuli(other)
    renamed = read_study(
        study_file(tmp_path, lambda text: text.replace('"jargon"', '"dense"').replace("jargon = ", "dense = "))
    )
    with pytest.raises(UserError, match=r"has no stimulus of .* under 'dense'"):
        read_stimuli(renamed)
    whole, lines = stimuli.path.read_bytes(), len(stimuli.all)
    for more, said in ((b"\n", "an empty line"), (b"[]\n", "not a stimulus"), (b"{,}\n", "not JSON: ")):
        stimuli.path.write_bytes(whole + more)
        with pytest.raises(UserError, match=rf":{lines + 1}: {said}.*; make them with"):
            read_stimuli(study)
    stimuli.path.write_bytes(b"{}\n")
    with pytest.raises(UserError, match=r":1: not a stimulus"):
        read_stimuli(study)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("He has 29 + 6 = 35 pens.", [35]),
        ("He has 29 + 6 = <<29+6=35>>35 pens.", [35]),
        ("9 * 3 = 27, and 27 - 2 = 25.", [27, 25]),
        ("= 3 + 5 = 8", [8]),
        ("It costs $3 * 2 = $6.50 or 1,000 = 1,000", ["6.50", 1000]),
        ("There is no result: 12 pens.", []),
        ("x =-4 y", [-4]),
    ],
)
def test_results_of_a_text(text: str, found: list[object]) -> None:
    assert results(text) == [Decimal(str(one)) for one in found]


def test_a_number_that_is_cut_is_no_result() -> None:
    text = "29 + 6 = 35 pens"
    assert results(text, text.index("5 pens")) == []
    assert results(text, text.index(" pens")) == [35]


def test_what_states_the_answer() -> None:
    assert states("so 6 + 1 = 7 pens", [Decimal(7)], "Six and 1?", "7")
    assert states("that makes 7 pens", [], "Six and 1?", "7")
    assert not states("first there are 7 pens", [], "He has 7 pens.", "7")
    assert states(r"it is \frac{1}{2} then", [], "?", r"\frac{1}{2}")


@given(st.integers(0, 400), st.floats(0.05, 0.95), st.integers(0, 5))
def test_a_probe_has_one_right_answer_and_no_other_result(index: int, share: float, seed: int) -> None:
    problem = Arithmetic(style="plain").problem("test", index)
    text = problem.solution or ""
    end = round(share * len(text))
    found = probe(problem.question, text, end, Picks(seed, index))
    done = results(text, end)
    if found is None:
        assert not done or done[-1] in numbers(problem.question)
        return
    shown = [number(option) for option in found.options]
    assert len(set(shown)) == 4
    assert [value for value in shown if value in done] == [number(found.right)] == [done[-1]]
    later = [value for value in results(text) if value not in numbers(text[:end])]
    assert not later or later[0] in shown


def test_a_probe_hangs_on_its_seed_alone() -> None:
    problem = Arithmetic(style="plain").problem("test", 0)
    text = problem.solution or ""
    assert probe(problem.question, text, 60, Picks(1, 2)) == probe(problem.question, text, 60, Picks(1, 2))


def test_numbers_are_written_plainly() -> None:
    assert [written(Decimal(one)) for one in ("1000", "3.50", "0.0", "-2", "1E+2")] == ["1000", "3.5", "0", "-2", "100"]


def test_a_line_holds_no_factors(tmp_path: Path) -> None:
    _, stimuli = made(study_file(tmp_path))
    assert b"logprob" not in b"".join(one.line() for one in stimuli.all)
    assert isinstance(stimuli.all[0], Stimulus)


def test_peoples_own_solutions_are_not_cut(tmp_path: Path) -> None:
    path = study_file(tmp_path)
    run = tmp_path / "runs" / "after" / "episodes.jsonl"
    people = [
        replace(one, spans=[replace(span, author="human") for span in one.spans], digest="")
        for one in read_episodes(run)
    ]
    run.write_bytes(b"".join(one.line() for one in people))
    with pytest.raises(UserError, match=r"trained: .* was written by 'human'.*cut another run"):
        make_stimuli(read_study(path))


def test_wrong_solutions_are_cut_too(tmp_path: Path) -> None:
    """A senior that errs is met as it is."""
    write_run(tmp_path / "runs" / "after", "plain", count=40)
    path = tmp_path / "runs" / "after" / "episodes.jsonl"
    problem = Arithmetic().problem("test", 40)
    wrong = solved(problem, problem.solution or "")
    wrong.grade = {"verdict": "wrong"}
    path.write_bytes(path.read_bytes() + wrong.line())
    _, stimuli = made(study_file(tmp_path, replacing(("problems = 24\nsteps = [3, 4]", "problems = 38"))))
    assert {one.parent.verdict for one in stimuli.all if one.parent} <= {"correct", "wrong"}
