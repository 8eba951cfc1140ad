"""What keeps a study from being one at all: contradictions without which nothing further can be said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from arena.policy import Once, PolicyError, Solo, parse
from human.study.config import PERSON, PRACTICE, Condition, Probe, Question, Study


@dataclass(frozen=True)
class Finding:
    """Something wrong (error) or doubtful (warning)."""

    level: Literal["error", "warning"]
    where: str
    """The table and key."""
    text: str
    """What is wrong, and what to do."""

    def __str__(self) -> str:
        return f"{self.level}: {self.where}: {self.text}"


def defects(study: Study) -> Iterator[Finding]:
    """Errors only, in the order of the file."""
    for where, text in _defects(study):
        yield Finding("error", where, text)


def _defects(study: Study) -> Iterator[tuple[str, str]]:
    for key, least in (("participants", 1), ("limit", 1), ("seed", 0)):
        if getattr(study, key) < least:
            yield f"[study] {key}", f"must be {least} or more, not {getattr(study, key)}"
    yield from _trials(study)
    names = [one.name for one in study.conditions]
    yield from _unique(names, "[[conditions]] name")
    for condition in study.conditions:
        for text in _condition(condition, study):
            yield f"[[conditions]] {condition.name}", text
    if PRACTICE in names:
        yield f"[[conditions]] {PRACTICE}", "name: is what practice is recorded under; give the condition another name"
    seen = [one.name for one in study.seen]
    if len(seen) < 2:
        yield "[[conditions]]", "people meet fewer than two: give two with a fraction below 1 or a policy"
    for key in ("treated", "control"):
        if getattr(study.analysis, key) not in seen:
            yield f"[analysis] {key}", f"no condition that people meet; they meet {', '.join(seen)}"
    if study.analysis.treated == study.analysis.control:
        yield "[analysis] treated", "is also the control; name two conditions"
    if not 0 < study.analysis.alpha < 1:
        yield "[analysis] alpha", f"must be between 0 and 1, not {study.analysis.alpha:g}"
    for name, share in study.simulation.accuracy.items():
        if name not in seen:
            yield f"[simulation] accuracy.{name}", f"no condition that people meet; they meet {', '.join(seen)}"
        if not 0 < share < 1:
            yield f"[simulation] accuracy.{name}", f"must be strictly between 0 and 1, not {share:g}"
    for key in ("person_sd", "problem_sd", "prefix_sd", "person_effect_sd", "problem_effect_sd"):
        if getattr(study.simulation, key) < 0:
            yield f"[simulation] {key}", f"must be 0 or more, not {getattr(study.simulation, key):g}"
    if study.instructions.attempts < 1:
        yield "[instructions] attempts", f"must be 1 or more, not {study.instructions.attempts}"
    yield from _asked(study)


def _trials(study: Study) -> Iterator[tuple[str, str]]:
    trials = study.trials
    for key in ("per_person", "problems", "prefixes"):
        if getattr(trials, key) < 1:
            yield f"[trials] {key}", f"must be 1 or more, not {getattr(trials, key)}"
    for key in ("pace", "seconds", "extensions", "extension_seconds", "break_every"):
        if not 0 <= getattr(trials, key) < float("inf"):
            yield f"[trials] {key}", f"must be 0 or more, not {getattr(trials, key)}"
    if trials.per_person > trials.problems:
        yield (
            "[trials] per_person",
            f"{trials.per_person} of {trials.problems} problems: nobody meets one twice; raise problems to "
            f"{trials.per_person} at least",
        )
    if trials.steps and not (len(trials.steps) == 2 and 1 <= trials.steps[0] <= trials.steps[1]):
        yield "[trials] steps", f"must be [least, most], as [2, 4], not {list(trials.steps)}"


def _condition(condition: Condition, study: Study) -> Iterator[str]:
    if (condition.fraction is None) == (not condition.policy):
        yield "give it either a fraction (0 alone, 1 the senior alone, between them a prefix) or a live policy"
        return
    if condition.fraction is not None:
        if not 0 <= condition.fraction <= 1:
            yield f"fraction must be from 0 to 1, not {condition.fraction:g}"
        if condition.partner:
            yield "partner: nobody writes with the person after a prefix; leave it out, or give a policy"
        if condition.fraction and not condition.senior:
            yield "senior is missing: name the run whose solutions are cut"
        if not condition.fraction and condition.senior:
            yield "senior: at fraction 0 nothing is cut; leave it out"
        try:
            parse(condition.unit)
        except PolicyError as error:
            yield f"unit: {error}"
        return
    if condition.senior:
        yield "senior: a live policy cuts no stored run; leave it out, or give a fraction"
    if not condition.partner or condition.partner == PERSON:
        yield "partner is missing: name the agent that writes with the person"
        return
    from agents.contract import AgentError
    from agents.registry import resolve

    try:
        resolve(condition.partner, study.agents)
        policy = parse(condition.policy)
        policy.check((PERSON, condition.partner))
        if isinstance(policy.schedule, Once | Solo):
            yield f"policy: {condition.policy} lets one write all that is written live; give a fraction instead"
    except (PolicyError, AgentError) as error:
        yield f"policy: {error}" if isinstance(error, PolicyError) else f"partner: {error}"


def _asked(study: Study) -> Iterator[tuple[str, str]]:
    """Questions that cannot be asked, or not be told apart in the record."""
    asked: Sequence[tuple[str, Sequence[Question | Probe]]] = (
        ("comprehension", study.comprehension),
        ("probes", study.probes),
        ("rating", study.rating),
        ("attention", study.attention),
        ("exit", study.exit),
    )
    yield from _unique([one.id for _, questions in asked for one in questions], "questions: id")
    for name, questions in asked:
        for one in questions:
            for text in question_defects(one):
                yield f"[[{name}]] {one.id}", text
            if name in ("comprehension", "attention") and isinstance(one, Question) and one.right is None:
                yield f"[[{name}]] {one.id}", "right is missing: it is there to be answered rightly"


def question_defects(one: Question | Probe) -> Iterator[str]:
    """Why a question cannot be asked."""
    if not one.text.strip():
        yield "text is empty"
    if one.kind == "choice" and len(set(one.options)) < 2:
        yield "options: a choice needs two different ones at least"
    if one.kind == "scale" and (one.points < 2 or len(one.options) not in (0, 2)):
        yield "a scale needs 2 points or more, and as options the labels of its two ends or none"
    if isinstance(one, Probe):
        if one.every < 1:
            yield f"every must be 1 or more, not {one.every}"
        return
    if one.right is None:
        return
    points = [str(point) for point in range(1, one.points + 1)]
    if one.kind == "choice" and one.right not in one.options:
        yield f"right: {one.right!r} is none of its options"
    if one.kind == "scale" and one.right not in points:
        yield f"right: {one.right!r} is no point from 1 to {one.points}"
    if one.kind == "number":
        try:
            float(one.right)
        except ValueError:
            yield f"right: {one.right!r} is no number"


def _unique(names: Sequence[str], where: str) -> Iterator[tuple[str, str]]:
    for name, count in Counter(names).items():
        if not name.strip():
            yield where, "is empty; give it"
        elif count > 1:
            yield where, f"{name!r} is there {count} times; what is recorded could not be told apart"
