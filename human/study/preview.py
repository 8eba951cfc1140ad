"""What a participant sees, in order, as text and as a page: to be read before anybody is asked to take part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from agents.asking import units
from agents.contract import joined_text
from arena.policy import parse
from arena.terminal import visible
from human.study import wording
from human.study.assignment import Trial, played, trials_for
from human.study.config import Question, Study
from human.study.stimuli import Stimuli

Kind = Literal["text", "problem", "prefix", "question", "options", "note"]


@dataclass(frozen=True)
class Part:
    """A paragraph of a screen. A note is for the experimenter: no participant sees it."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Screen:
    title: str
    parts: tuple[Part, ...]


def screens(study: Study, stimuli: Stimuli, slot: int) -> Iterator[Screen]:
    """What who takes this slot sees."""
    yield Screen(
        wording.CONSENT,
        (
            *_texts(wording.consent(study)),
            Part("question", wording.CHOICE),
            Part("options", f"( ) {study.consent.agree}\n( ) {wording.DECLINE}"),
            Part("note", f"version {study.consent.version}"),
        ),
    )
    for number, page in enumerate(study.instructions.pages, start=1):
        yield Screen(wording.instructions(study, number), _texts(wording.paragraphs(page)))
    if study.comprehension:
        said = f"{study.instructions.attempts} attempts; after each the instructions are shown again"
        yield Screen(wording.CHECK, (*_asked(study.comprehension), Part("note", said)))
    counted = 0
    for trial in trials_for(study, stimuli, slot):
        if trial.rest:
            yield Screen(wording.REST, _texts((wording.rest(counted, study.trials.per_person),)))
        counted += not trial.practice
        title = "Practice" if trial.practice else f"Problem {counted} of {study.trials.per_person}"
        yield Screen(title, tuple(_trial(study, trial)))
        if trial.questions:
            yield Screen(wording.QUESTIONS, tuple(_asked(trial.questions)))
        if trial.practice and trial.feedback:
            yield Screen(wording.FEEDBACK, _texts((trial.feedback,)))
    if study.exit:
        yield Screen(wording.EXIT, tuple(_asked(study.exit)))
    last = wording.goodbye(study, "p-abcd2345 (everybody has another)", study.completion_code, debriefed=True)
    other = f"who is excluded sees {study.screened_code!r}" if study.screened_code else "who is excluded sees no code"
    yield Screen(wording.END, (*_texts(last), Part("note", other)))


def _texts(texts: Iterable[str]) -> tuple[Part, ...]:
    return tuple(Part("text", text) for text in texts)


def _trial(study: Study, trial: Trial) -> Iterator[Part]:
    trials = study.trials
    yield Part("problem", trial.problem.question)
    text = joined_text(trial.prefix)
    if text:
        yield Part("prefix", f"{trials.partner_name}: {text}")
    if trial.partner:
        yield Part("text", f"You write it together with {trials.partner_name}.")
    limit = f"{trials.seconds:g} seconds" if trials.seconds else "no time limit"
    more = f", {trials.extensions} times {trials.extension_seconds:g} more on request" if trials.extensions else ""
    yield Part("text", f"It is your turn ({limit}{more}).")
    yield Part("note", _behind(trial, study))


def _behind(trial: Trial, study: Study) -> str:
    """What no participant may know."""
    said = f"{trial.id}: {trial.problem.id}, answer {trial.problem.answer}, {trial.condition}, {_policy(trial)}"
    if trial.parent_id and trial.prefix_units is not None:
        cut = parse(trial.policy).unit
        said += f", after the first {trial.prefix_units} {units(cut, trial.prefix_units)} of {trial.parent_id}"
    if trial.partner:
        said += f", with {trial.partner}"
    return f"{said}; partner's text at {study.trials.pace:g} units a second"


def _policy(trial: Trial) -> str:
    """What is played, which is not what a beginning was cut by."""
    policy = played(trial)
    return str(policy) if trial.partner else f"{units(policy.unit, 2)} to the end"


def _asked(questions: tuple[Question, ...]) -> Iterator[Part]:
    for one in questions:
        yield Part("question", f"{one.text}{' (optional)' if one.optional else ''}")
        if one.kind == "choice":
            yield Part("options", "\n".join(f"( ) {option}" for option in one.options))
        elif one.kind == "scale":
            low, high = one.options or ("", "")
            yield Part("options", f"{low} {' '.join(map(str, range(1, one.points + 1)))} {high}".strip())
        else:
            yield Part("options", "____ (a number)" if one.kind == "number" else "____ (text)")
        if one.right is not None:
            yield Part("note", f"{one.id}: right is {one.right!r}")


def as_text(study: Study, stimuli: Stimuli, slot: int) -> Iterator[str]:
    """Lines for a terminal; notes stand in brackets, and nothing that a text holds can act in it."""
    for screen in screens(study, stimuli, slot):
        yield f"== {screen.title}"
        for part in screen.parts:
            rows = [row for row in visible(part.text).splitlines() if row.strip()]
            if part.kind == "note":
                rows = [f"[{row}]" for row in rows]
            yield from (f"   {row}" for row in rows)
        yield ""


def as_html(study: Study, stimuli: Stimuli, slot: int) -> str:
    """A page that asks nobody for anything: its style is in it, its texts are escaped, it has no script."""
    import jinja2

    text = (resources.files("human.study") / "preview.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["visible"] = visible
    return environment.from_string(text).render(study=study, slot=slot, screens=list(screens(study, stimuli, slot)))
