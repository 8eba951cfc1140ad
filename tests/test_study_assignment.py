"""Who meets what: even over problems and conditions, never the same problem twice, whatever the numbers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from human.study import trials_for
from human.study.assignment import Cell, block_of, cells, even_after
from tests.studies import made, replacing, study_file

SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 24), st.integers(1, 5), st.integers(1, 3)).map(
    lambda shape: (max(shape[:2]), min(shape[:2]), *shape[2:])
)


def met(shape: tuple[int, int, int, int], seed: int, slots: int) -> list[list[Cell]]:
    problems, per_person, conditions, prefixes = shape
    return [cells(seed, problems, per_person, conditions, prefixes, slot) for slot in range(slots)]


def spread(shape: tuple[int, int, int, int], found: list[list[Cell]]) -> int:
    """Largest less smallest number of times that a problem was met under a condition."""
    counts = Counter((cell.problem, cell.condition) for slot in found for cell in slot)
    every = [counts[problem, condition] for problem in range(shape[0]) for condition in range(shape[2])]
    return max(every) - min(every)


@given(SHAPES, st.integers(0, 3), st.integers(0, 40))
def test_a_person_meets_no_problem_twice_and_conditions_evenly(
    shape: tuple[int, int, int, int], seed: int, slot: int
) -> None:
    problems, per_person, conditions, _ = shape
    found = cells(seed, *shape, slot)
    assert found == cells(seed, *shape, slot)
    assert len({cell.problem for cell in found}) == len(found) == per_person
    assert all(0 <= cell.problem < problems and 0 <= cell.condition < conditions for cell in found)
    counts = Counter(cell.condition for cell in found)
    assert max(counts.values()) - min(counts[c] for c in range(conditions)) <= 1
    for end in range(0, per_person // conditions * conditions, conditions):  # whoever leaves has met them evenly
        assert {cell.condition for cell in found[end : end + conditions]} == set(range(conditions))


@given(SHAPES, st.integers(0, 3), st.integers(1, 60))
def test_any_number_of_people_is_nearly_even(shape: tuple[int, int, int, int], seed: int, people: int) -> None:
    _, _, conditions, _ = shape
    assert spread(shape, met(shape, seed, people)) <= (1 if people % conditions == 0 else 2)


@given(SHAPES, st.integers(0, 3), st.integers(1, 2))
def test_whole_blocks_are_even(shape: tuple[int, int, int, int], seed: int, blocks: int) -> None:
    problems, per_person, conditions, prefixes = shape
    found = met(shape, seed, blocks * block_of(problems, per_person, conditions))
    assert spread(shape, found) == 0
    found = met(shape, seed, even_after(*shape))
    counts = Counter((cell.problem, cell.condition, cell.number) for slot in found for cell in slot)
    assert len(counts) == problems * conditions * prefixes
    assert len(set(counts.values())) == 1


def test_other_seeds_deal_otherwise() -> None:
    assert cells(1, 24, 12, 3, 1, 0) != cells(2, 24, 12, 3, 1, 0)
    assert cells(1, 24, 12, 3, 1, 0) != cells(1, 24, 12, 3, 1, 6)


def test_conditions_do_not_hang_on_the_place(tmp_path: Path) -> None:
    """Over many slots each place of a session has each condition about equally often."""
    counts = Counter(
        (place, cell.condition) for slot in range(600) for place, cell in enumerate(cells(5, 24, 12, 3, 1, slot))
    )
    assert all(150 < counts[place, condition] < 250 for place in range(12) for condition in range(3))


def test_trials_have_all_that_a_person_needs(tmp_path: Path) -> None:
    study, stimuli = made(study_file(tmp_path))
    for slot in range(6):
        trials = trials_for(study, stimuli, slot)
        assert trials == trials_for(study, stimuli, slot)
        assert [one.practice for one in trials] == [True] * 2 + [False] * 12
        assert trials[1].prefix[0].author == "partner"
        assert trials[1].feedback
        assert len({one.id for one in trials}) == 14
        assert [one.id for one in trials if one.rest] == ["t07"]
        asked = Counter(question.id for one in trials for question in one.questions)
        assert asked["attention-1"] == asked["attention-2"] == 1
        assert asked["ease"] == 12
        assert asked["followed"] == asked["clarity"] == 8
        can = sum(stimuli.at(one.problem.id, one.condition, 0).probe is not None for one in trials[2:])
        assert can > 2
        assert asked["worked-out"] in (can // 2, (can + 1) // 2)
        places = [n for n, one in enumerate(trials[2:]) for question in one.questions if question.id.startswith("att")]
        assert places[0] < 6 <= places[1]
        for one in trials[2:]:
            assert one.policy == "word:solo=human"
            assert one.names == ("human",)
            assert bool(one.prefix) == bool(one.parent_id) == bool(one.prefix_units) == (one.condition != "alone")
            for question in one.questions:
                if question.id == "worked-out":
                    assert question.kind == "choice"
                    assert question.right in question.options
                    assert question.options[-1] == "I do not know"


def test_live_trials(tmp_path: Path) -> None:
    live = 'name = "turns"\npolicy = "sentence:alternate"\npartner = "senior"\npartner_first = true'
    study, stimuli = made(study_file(tmp_path, replacing(("[trials]", f"[[conditions]]\n{live}\n\n[trials]"))))
    found = [one for one in trials_for(study, stimuli, 0) if one.condition == "turns"]
    assert len(found) == 3
    for one in found:
        assert (one.policy, one.names, one.prefix) == ("sentence:alternate", ("senior", "human"), ())
        assert "followed" in [question.id for question in one.questions]
        assert "worked-out" not in [question.id for question in one.questions]


@pytest.mark.parametrize("every", [1, 3])
def test_probes_are_asked_as_often_as_said(tmp_path: Path, every: int) -> None:
    study, stimuli = made(study_file(tmp_path, replacing(("every = 2", f"every = {every}"))))
    for slot in range(9):
        trials = trials_for(study, stimuli, slot)
        asked = sum(question.id == "worked-out" for one in trials for question in one.questions)
        can = sum(stimuli.at(t.problem.id, t.condition, 0).probe is not None for t in trials if not t.practice)
        assert asked in (can // every, -(-can // every))
