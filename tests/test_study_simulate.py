"""Simulated studies: the accuracies are those stated, nothing is found where nothing is, and rules are applied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.chance import Picks
from analysis.statistics import two_way_difference
from analysis.statistics.data import generator
from arena.command import UserError
from human.study import Study, read_study, trials_for
from human.study.config import Simulation
from human.study.estimate import Outcomes, primary
from human.study.people import BEHAVIOURS, act, answers
from human.study.power import as_csv, effects_of, own_points, sizes_of, stated_effect, statement
from human.study.simulate import Design, accuracies, people_of, point, run_once
from tests.studies import EXAMPLE, made, replacing, study_file


@pytest.fixture(scope="module")
def study() -> Study:
    return read_study(EXAMPLE)


def with_people(study: Study, **shares: float) -> Study:
    return replace(study, simulation=replace(study.simulation, people=shares))


def test_accuracies_come_out_as_stated(study: Study) -> None:
    """Of steady people without a limit, over many draws; errors of the problems' draws are the largest."""
    free = with_people(replace(study, trials=replace(study.trials, seconds=0.0)), steady=1.0)
    design = Design(free, 48, people_of(free))
    drawn = generator(1)
    by_condition: dict[str, list[int]] = {}
    for _ in range(60):
        rows = run_once(design, accuracies(free), drawn).rows
        for condition, right in zip(rows.condition, rows.right, strict=True):
            by_condition.setdefault(condition, []).append(right)
    for name, stated in study.simulation.accuracy.items():
        assert abs(float(np.mean(by_condition[name])) - stated) < 0.02


def test_no_effect_is_found_at_the_stated_rate_at_most(study: Study) -> None:
    none = point(study, 24, 0.0, 300, 3)
    assert none.power.power <= 0.05 + 2 * none.power.error
    assert none.failed == 0
    assert abs(none.found) < 0.02


def test_power_grows_with_effect_and_people(study: Study) -> None:
    small, large = point(study, 24, 0.1, 80, 0), point(study, 24, 0.3, 80, 0)
    more = point(study, 96, 0.1, 80, 0)
    assert small.power.power + 0.2 < large.power.power
    assert small.power.power + 0.1 < more.power.power


def test_a_point_hangs_on_itself_alone(study: Study) -> None:
    assert point(study, 24, 0.1, 50, 0) == point(study, 24, 0.1, 50, 0)
    assert point(study, 24, 0.1, 50, 0) != point(study, 24, 0.1, 50, 1)


@pytest.mark.parametrize(
    ("who", "why"), [("careless", "was too fast"), ("leaving", "finished too few trials"), ("model", "was too fast")]
)
def test_rules_find_whom_they_are_for(study: Study, who: str, why: str) -> None:
    mixed = with_people(study, steady=0.5, **{who: 0.5})
    found = run_once(Design(mixed, 24, people_of(mixed)), accuracies(mixed), generator(0))
    assert found.excluded[why] > 3
    assert found.recruited == found.kept + found.excluded.total()
    assert found.recruited <= 40  # [stopping] recruited, for half as many people
    assert len(set(found.rows.person)) == found.kept


def test_a_study_that_nobody_finishes_finds_nothing(study: Study) -> None:
    hopeless = point(with_people(study, model=1.0), 24, 0.15, 50, 0)
    assert (hopeless.power.power, hopeless.kept, hopeless.failed) == (0.0, 0.0, 50)


def test_slow_people_run_out_of_time(study: Study) -> None:
    slow = point(with_people(study, slow=1.0), 24, 0.15, 50, 0)
    steady = point(with_people(study, steady=1.0), 24, 0.15, 50, 0)
    assert slow.found < steady.found


def test_the_comparison_is_the_named_one(study: Study) -> None:
    rows = Outcomes([1, 0, 1, 0, 1, 1], ["trained", "jargon", "alone"] * 2, ["a"] * 3 + ["b"] * 3, [1, 2, 3, 2, 1, 3])
    found = primary(study, rows)
    same = two_way_difference([1, 0, 0, 1], [1, 0, 1, 0], ["a", "a", "b", "b"], [1, 2, 2, 1])
    assert (found.value, found.low, found.high) == (same.value, same.low, same.high)
    assert found.name == "trained - jargon"


def test_prefixes_belong_to_problems(study: Study) -> None:
    """What prefixes add to chance is in the interval: no more than .05 are wrong about nothing."""
    plan = Simulation(accuracy=dict(study.simulation.accuracy), prefix_sd=2.0, person_sd=0.5, people={"steady": 1.0})
    none = point(replace(study, simulation=plan), 48, 0.0, 200, 5)
    assert none.power.power <= 0.05 + 2 * none.power.error


def test_what_is_simulated(study: Study) -> None:
    assert stated_effect(study) == 0.15
    assert effects_of(study, "") == [0.0, 0.05, 0.1, 0.15, 0.2]
    assert effects_of(study, "0.3") == [0.0, 0.15, 0.3]
    assert sizes_of(study, "") == [24, 48, 96]
    assert sizes_of(study, "10") == [10, 48]
    for wrong in ("a", "0.5"):
        with pytest.raises(UserError, match="--effects"):
            effects_of(study, wrong)
    for wrong in ("a", "1"):
        with pytest.raises(UserError, match="--people"):
            sizes_of(study, wrong)
    with pytest.raises(UserError, match="there is no 'lazy'; there are steady, fast"):
        people_of(with_people(study, lazy=1.0))
    with pytest.raises(UserError, match=r"accuracy lacks alone, jargon"):
        accuracies(replace(study, simulation=Simulation(accuracy={"trained": 0.5})))


def test_the_statement_says_what_it_rests_on(study: Study) -> None:
    own, none = own_points(study, 50, 0)
    said = statement(study, own, none, 50)
    assert "With 48 people of 12 trials each on 24 problems, trained 0.75 against jargon 0.60" in said
    assert "problems 1, prefixes 0.5" in said
    rows = as_csv([own, none]).splitlines()
    assert rows[0].startswith("people,effect,power,error,found,recruited,kept,failed,excluded: ")
    assert rows[1].startswith("48,0.15,")


def test_bots_do_what_their_behaviour_says(tmp_path: Path) -> None:
    study, stimuli = made(study_file(tmp_path, replacing(("every = 2", "every = 1"))))
    trials = trials_for(study, stimuli, 0)[2:]
    picks = Picks(0, 0)
    steady = [act(BEHAVIOURS["steady"], one, True, picks) for one in trials * 20]
    careless = [act(BEHAVIOURS["careless"], one, True, picks) for one in trials * 20]
    assert np.median([one.seconds for one in careless]) < 4 < np.median([one.seconds for one in steady])
    assert all(
        one.text.endswith(f"#### {trial.problem.answer}") for one, trial in zip(steady, trials * 20, strict=True)
    )
    assert (
        np.mean([not one.text.endswith(f" {t.problem.answer}") for one, t in zip(careless, trials * 20, strict=True)])
        > 0.5
    )
    for kind in BEHAVIOURS.values():
        for trial in trials:
            given = answers(kind, trial.questions, picks)
            for question in trial.questions:
                if question.id not in given:
                    assert question.optional
                elif question.kind == "choice":
                    assert given[question.id] in question.options
    assert any(act(BEHAVIOURS["leaving"], trials[0], True, picks).leaves for _ in range(60))
    assert not any(act(BEHAVIOURS["steady"], trials[0], True, picks).follows for _ in range(9) if not trials[0].prefix)
