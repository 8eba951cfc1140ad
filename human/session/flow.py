"""The way through a study, from consent to debriefing. It reads as it is walked; whoever comes back walks on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

from human.messages import Page, Question
from human.record.people import Person, give_slot, people
from human.session.forms import Answers, asked, wrong
from human.session.judged import taken
from human.session.session import Session
from human.session.stopping import OVER, turned_away
from human.study import Study, Trial, trials_for, wording
from human.study.exclusion import reasons


async def take_part(session: Session) -> None:
    """A person's whole session."""
    study = session.hall.study
    if session.past.left:
        _closed(session)
        return
    if not session.past.over and not _may_begin(study, session.person, people(session.hall.record)):
        session.show(_last(wording.CLOSED, OVER))
        return
    if session.past.over == "declined" or not await _consents(session):
        await session.declines()
        session.show(_last("You do not take part", "Nothing is stored of you. You can leave."))
        return
    if not await _understands(session) and study.exclusion.comprehension:
        await _end(session, (), debriefed=False)
        return
    may = partial(_may_begin, study, session.person)
    if (slot := await give_slot(session.hall.record, session.person, may)) is None:
        session.show(_last(wording.CLOSED, OVER))
        return
    trials = trials_for(study, session.hall.stimuli, slot)
    counted = sum(not trial.practice for trial in trials)
    for number, trial in enumerate(trials, start=1 - (len(trials) - counted)):
        if trial.rest:
            text = wording.rest(number - 1, counted)
            await session.ask(Page(id=f"{trial.id}/rest", title=wording.REST, text=(text,)))
        await _trial(session, trial, number, counted)
    await session.ask(Page(id="exit", title=wording.EXIT, questions=asked(study.exit)))
    await _end(session, trials, debriefed=True)


def _may_begin(study: Study, person: Person, everybody: list[Person]) -> bool:
    return not turned_away(study, person, everybody, date.today())


async def _consents(session: Session) -> bool:
    consent = session.hall.study.consent
    choice = Question(
        id="consent",
        text=wording.CHOICE,
        kind="choice",
        options=(consent.agree, wording.DECLINE),
    )
    page = Page(
        id=f"consent/{consent.version}",
        title=wording.CONSENT,
        text=wording.consent(session.hall.study),
        questions=(choice,),
    )
    return (await session.ask(page))["consent"] == consent.agree


async def _understands(session: Session) -> bool:
    """Instructions and the check of them, as often as they may be taken."""
    study = session.hall.study
    for attempt in range(1, study.instructions.attempts + 1):
        again = (wording.AGAIN,) if attempt > 1 else ()
        for number, text in enumerate(study.instructions.pages, start=1):
            said = (*(again if number == 1 else ()), *wording.paragraphs(text))
            title = wording.instructions(study, number)
            await session.ask(Page(id=f"instructions/{attempt}/{number}", title=title, text=said))
        if not study.comprehension:
            return True
        page = Page(id=f"comprehension/{attempt}", title=wording.CHECK, questions=asked(study.comprehension))
        if not wrong(study.comprehension, await session.ask(page)):
            return True
    return False


async def _trial(session: Session, trial: Trial, number: int, of: int) -> None:
    """One problem, the questions after it, and after practice what was right."""
    name = f"{trial.id}/questions"

    async def questions() -> Answers:
        if not trial.questions:
            return {}
        return await session.ask(Page(id=name, title=wording.QUESTIONS, questions=asked(trial.questions)))

    await session.solve(trial, number if not trial.practice else 0, 0 if trial.practice else of, questions)
    await questions()
    if trial.practice and trial.feedback:
        await session.ask(Page(id=f"{trial.id}/feedback", title=wording.FEEDBACK, text=(trial.feedback,)))


async def _end(session: Session, trials: Sequence[Trial], *, debriefed: bool) -> None:
    """Debriefing and a code; who is excluded gets another, or none."""
    study = session.hall.study
    why = reasons(study.exclusion, taken(study, trials, session.past))
    await session.over("excluded" if why else "finished", reasons=why)
    code = study.screened_code if why else study.completion_code
    session.show(_last(wording.END, *wording.goodbye(study, session.person.id, code, debriefed=debriefed)))


def _closed(session: Session) -> None:
    """For who comes back after its place was closed. Whoever left gets the same code, however much was finished."""
    study = session.hall.study
    text = wording.goodbye(study, session.person.id, study.screened_code, debriefed=True)
    session.show(_last(wording.CLOSED, wording.away(study), *text))


def _last(title: str, *text: str) -> Page:
    return Page(id="end", title=title, text=text, last=True)
