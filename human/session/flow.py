"""The way through a study, from consent to debriefing. It reads as it is walked; whoever comes back walks on."""

from __future__ import annotations

from human.messages import Page, Question
from human.record.people import give_slot
from human.session.forms import Answers, asked, wrong
from human.session.session import Session
from human.study import Trial, trials_for
from human.study.exclusion import Taken, reasons

AGREE, DECLINE = "agree", "decline"


async def take_part(session: Session) -> None:
    """A person's whole session."""
    study = session.hall.study
    if not await _consents(session):
        await session.declines()
        session.show(_last("You do not take part", "Nothing is stored of you. You can close this window."))
        return
    understood = await _understands(session)
    if not understood and study.exclusion.comprehension:
        await _end(session, understood=False, attention=0)
        return
    slot = await give_slot(session.hall.record, session.person)
    trials = trials_for(study, session.hall.stimuli, slot)
    counted = sum(not trial.practice for trial in trials)
    attention = 0
    for number, trial in enumerate(trials, start=1 - (len(trials) - counted)):
        if trial.rest:
            text = f"You have done {number - 1} of {counted}. Go on when you like: no clock runs now."
            await session.ask(Page(id=f"{trial.id}/rest", title="A break", text=(text,)))
        answers = await _trial(session, trial, number, counted)
        checks = [one for one in trial.questions if one in study.attention]
        attention += len(wrong(checks, answers))
    await session.ask(Page(id="exit", title="Some last questions", questions=asked(study.exit)))
    await _end(session, understood=True, attention=attention)


async def _consents(session: Session) -> bool:
    consent = session.hall.study.consent
    choice = Question(
        id="consent",
        text="Do you take part?",
        kind="choice",
        options=(consent.agree, "I do not take part."),
    )
    page = Page(
        id=f"consent/{consent.version}",
        title="Taking part",
        text=_paragraphs(consent.text),
        questions=(choice,),
    )
    return (await session.ask(page))["consent"] == consent.agree


async def _understands(session: Session) -> bool:
    """Instructions and the check of them, as often as they may be taken."""
    study = session.hall.study
    for attempt in range(1, study.instructions.attempts + 1):
        for number, text in enumerate(study.instructions.pages, start=1):
            title = f"How it works, {number} of {len(study.instructions.pages)}"
            await session.ask(Page(id=f"instructions/{attempt}/{number}", title=title, text=_paragraphs(text)))
        if not study.comprehension:
            return True
        again = ("That was not all right. Please read the pages again.",) if attempt > 1 else ()
        page = Page(
            id=f"comprehension/{attempt}",
            title="Is everything clear?",
            text=again,
            questions=asked(study.comprehension),
        )
        if not wrong(study.comprehension, await session.ask(page)):
            return True
    return False


async def _trial(session: Session, trial: Trial, number: int, of: int) -> Answers:
    """One problem, the questions after it, and after practice what was right."""
    name = f"{trial.id}/questions"
    found: Answers = {}

    async def questions() -> Answers:
        if not trial.questions:
            return {}
        return await session.ask(Page(id=name, title="About this problem", questions=asked(trial.questions)))

    await session.solve(trial, number if not trial.practice else 0, 0 if trial.practice else of, questions)
    found = await questions()
    if trial.practice and trial.feedback:
        await session.ask(Page(id=f"{trial.id}/feedback", title="That was practice", text=(trial.feedback,)))
    return found


async def _end(session: Session, *, understood: bool, attention: int) -> None:
    """Debriefing and a code; who is excluded gets another, or none."""
    study = session.hall.study
    why = reasons(study.exclusion, Taken(understood, attention, session.seconds()))
    await session.over("excluded" if why else "finished", reasons=why)
    code = study.screened_code if why else study.completion_code
    text = [paragraph for page in study.debrief.pages for paragraph in _paragraphs(page)] if understood else []
    if study.withdrawal.text:
        text += _paragraphs(study.withdrawal.text)
    text.append(f"Your name in our records is {session.person.id}.")
    if code:
        text.append(f"Your code: {code}")
    if study.contact:
        text.append(f"Questions: {study.contact}")
    session.show(_last("Thank you", *text))


def _last(title: str, *text: str) -> Page:
    return Page(id="end", title=title, text=text, last=True)


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in text.split("\n\n") if part.strip())
