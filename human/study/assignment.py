"""Who meets what: a pure function of the study's seed and a slot's number.

Slots are dealt in blocks. The problems stand in a circle, in an order drawn for each block; a window of ``per_person``
neighbours moves round it. The next ``C`` slots (C conditions) share a window: its problems get conditions by a drawn
sequence, shifted by one from slot to slot, so that in every C slots in a row each of these problems stands under each
condition once. When the windows have come round to where they began, the block is over, and every problem has been met
equally often under every condition; before that, counts differ by 1 at most after every C slots, by 2 in between.

A slot is not a person. Whoever takes the slot of somebody who was excluded meets the same trials, so blocks stay as
they are, whoever leaves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.chance import Picks, stable_key
from agents.contract import Span
from agents.replay import Reader
from agents.units import RULES
from arena.policy import Policy, Solo, parse
from arena.tasks import Problem
from human.study.config import PARTNER, PERSON, PRACTICE, Condition, Probe, Question, Study
from human.study.stimuli import Stimuli, Stimulus


@dataclass(frozen=True)
class Trial:
    """One problem for one person."""

    id: str
    """Unique within the slot."""
    problem: Problem
    condition: str
    """Never shown, nor sent to where a person could see it."""
    policy: str
    prefix: tuple[Span, ...] = ()
    parent_id: str | None = None
    prefix_units: int | None = None
    number: int = 0
    """Which of the prefixes of its problem and condition."""
    partner: str | None = None
    """Who writes live with the person."""
    partner_first: bool = False
    practice: bool = False
    feedback: str = ""
    """After practice."""
    rest: bool = False
    """A break comes before it."""
    questions: tuple[Question, ...] = ()
    """In the order in which they are asked, after the solution."""

    @property
    def names(self) -> tuple[str, ...]:
        """Who sits down, in the order of the pair."""
        if self.partner is None:
            return (PERSON,)
        return (self.partner, PERSON) if self.partner_first else (PERSON, self.partner)


@dataclass(frozen=True)
class Cell:
    """A problem under a condition, with one of its prefixes."""

    problem: int
    condition: int
    number: int


def block_of(problems: int, per_person: int, conditions: int) -> int:
    """Slots of a block: after so many every problem was met equally often under every condition."""
    return conditions * problems // math.gcd(problems, per_person)


def even_after(problems: int, per_person: int, conditions: int, prefixes: int) -> int:
    """Slots after which every prefix, too, was met equally often: some blocks."""
    met = per_person // math.gcd(problems, per_person)
    return block_of(problems, per_person, conditions) * prefixes // math.gcd(prefixes, met)


def cells(seed: int, problems: int, per_person: int, conditions: int, prefixes: int, slot: int) -> list[Cell]:
    """What a slot meets, in order: in every C trials in a row every condition once, as far as they go.

    So neither fatigue nor leaving early falls on one condition.
    """
    block, within = divmod(slot, block_of(problems, per_person, conditions))
    window, shift = divmod(within, conditions)
    circle = Picks(seed, stable_key("study block", block)).shuffled(range(problems))
    base = Picks(seed, stable_key("study window", block, window)).shuffled(k % conditions for k in range(per_person))
    met = per_person // math.gcd(problems, per_person)  # times that a block's windows pass a problem
    by_condition: list[list[Cell]] = [[] for _ in range(conditions)]
    for k in range(per_person):
        passed, place = divmod(window * per_person + k, problems)
        condition = (base[k] + shift) % conditions
        by_condition[condition].append(Cell(circle[place], condition, (block * met + passed) % prefixes))
    picks = Picks(seed, stable_key("study order", slot))
    columns = [picks.shuffled(column) for column in by_condition]
    out: list[Cell] = []
    for turn in range(max(map(len, columns))):
        out += picks.shuffled(column[turn] for column in columns if turn < len(column))
    return out


def trials_for(study: Study, stimuli: Stimuli, slot: int) -> list[Trial]:
    """All trials of a slot, practice first."""
    trials = study.trials
    seen, problems = study.seen, stimuli.problems
    found = cells(study.seed, len(problems), trials.per_person, len(seen), trials.prefixes, slot)
    picks = Picks(study.seed, stable_key("study questions", slot))
    checks = _checks(study.attention, len(found), picks)
    offsets = {one.id: picks.between(0, one.every - 1) for one in study.probes}
    fitting = dict.fromkeys(offsets, 0)
    out = practice_trials(study)
    for place, cell in enumerate(found):
        condition = seen[cell.condition]
        stimulus = stimuli.at(problems[cell.problem].id, condition.name, cell.number)
        asked: list[Question] = []
        for probe in study.probes:
            question = _asked(probe, condition, stimulus)
            if question is not None:
                if fitting[probe.id] % probe.every == offsets[probe.id]:
                    asked.append(question)
                fitting[probe.id] += 1
        trial = _trial(f"t{place + 1:02d}", condition, stimulus)
        rest = bool(place and trials.break_every and place % trials.break_every == 0)
        questions = (*asked, *study.rating, *checks.get(place, ()))
        out.append(replace(trial, rest=rest, questions=questions))
    return out


def practice_trials(study: Study) -> list[Trial]:
    """The trials that do not count, the same for every slot."""
    return [
        Trial(
            f"p{number:02d}",
            Problem(f"practice/{number}", one.question, one.answer),
            PRACTICE,
            str(Policy("word", Solo(PERSON))),
            (Span(PARTNER, one.prefix),) if one.prefix else (),
            parent_id=f"practice/{number}:written" if one.prefix else None,
            prefix_units=len(RULES["word"].openings(one.prefix)) if one.prefix else None,
            practice=True,
            feedback=one.feedback,
        )
        for number, one in enumerate(study.practice, start=1)
    ]


def played(trial: Trial) -> Policy:
    """The policy that a trial is played by. Who goes on alone to the end writes words, whatever a beginning was cut by.

    Else what is asked for, and what counts when the time is up, would tell conditions apart. Only where a beginning
    breaks off so that no word can open, its own unit has to do.
    """
    given, words = parse(trial.policy), Policy("word", Solo(PERSON))
    alone = trial.partner is None
    return words if alone and words.rule.can_open(beginning(trial, words).state) else given


def beginning(trial: Trial, policy: Policy) -> Reader:
    """A reader of the beginning in units of a policy."""
    reader = Reader(policy.rule)
    for span in trial.prefix:
        reader.skip(span.steps())
    return reader


def _trial(name: str, condition: Condition, stimulus: Stimulus) -> Trial:
    if condition.live:
        return Trial(
            name,
            stimulus.problem,
            condition.name,
            condition.policy,
            partner=condition.partner,
            partner_first=condition.partner_first,
            number=stimulus.number,
        )
    return Trial(
        name,
        stimulus.problem,
        condition.name,
        str(Policy(condition.unit, Solo(PERSON))),
        stimulus.prefix,
        stimulus.parent.id if stimulus.parent else None,
        stimulus.units,
        stimulus.number,
    )


def _asked(probe: Probe, condition: Condition, stimulus: Stimulus) -> Question | None:
    """The probe as a question about this beginning; None where there is nothing to ask."""
    if condition.alone:
        return None
    if probe.kind != "results":
        return Question(probe.id, probe.text, probe.kind, probe.options, None, probe.optional, probe.points)
    if stimulus.probe is None:
        return None
    options = (*stimulus.probe.options, *probe.options)
    return Question(probe.id, probe.text, "choice", options, stimulus.probe.right, probe.optional)


def _checks(questions: Sequence[Question], trials: int, picks: Picks) -> dict[int, tuple[Question, ...]]:
    """Attention checks by the place of their trial: one in each equal part of the session, anywhere in it."""
    out: dict[int, tuple[Question, ...]] = {}
    for n, one in enumerate(picks.shuffled(questions)):
        low, high = n * trials // len(questions), (n + 1) * trials // len(questions) - 1
        place = picks.between(low, max(low, high))
        out[place] = (*out.get(place, ()), one)
    return out
