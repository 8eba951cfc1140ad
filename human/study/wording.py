"""What the pages of a study say, beside what its file says: the same for whoever takes part and in the preview."""

from __future__ import annotations

from human.study.config import Study

CONSENT, CHECK, REST, QUESTIONS, FEEDBACK, EXIT, END = (
    "Taking part",
    "Is everything clear?",
    "A break",
    "About this problem",
    "That was practice",
    "Some last questions",
    "Thank you",
)
"""Titles."""
DECLINE = "I do not take part."
CHOICE = "Do you take part?"
AGAIN = "Not all answers were right. Please read the pages again."
CLOSED = "Your place is closed"


def paragraphs(text: str) -> tuple[str, ...]:
    """Of a text in the study's file: an empty line ends one."""
    return tuple(" ".join(part.split()) for part in text.split("\n\n") if part.strip())


def consent(study: Study) -> tuple[str, ...]:
    """What one has to know before agreeing, the parts that stand in other tables included."""
    out = [*paragraphs(study.consent.text)]
    if study.consent.minutes:
        out.append(f"It takes about {study.consent.minutes} minutes.")
    out += paragraphs(study.withdrawal.text)
    out += paragraphs(study.retention)
    if study.contact:
        out.append(f"Questions: {study.contact}")
    if study.ethics:
        out.append(f"Ethics: {study.ethics}")
    return tuple(out)


def instructions(study: Study, number: int) -> str:
    """The title of a page of them, from 1."""
    return f"How it works, {number} of {len(study.instructions.pages)}"


def rest(done: int, of: int) -> str:
    return f"You have done {done} of {of}. Go on when you like: no clock runs now."


def goodbye(study: Study, person: str, code: str, *, debriefed: bool) -> tuple[str, ...]:
    """The last page: what it was about, how to have all deleted and under which name, and a code if there is one."""
    out = [paragraph for page in study.debrief.pages for paragraph in paragraphs(page)] if debriefed else []
    out += paragraphs(study.withdrawal.text)
    out.append(f"Your name in our records is {person}.")
    if code:
        out.append(f"Your code: {code}")
    if study.contact:
        out.append(f"Questions: {study.contact}")
    return tuple(out)


def away(study: Study) -> str:
    minutes = study.withdrawal.rejoin_minutes
    return f"You were away for more than {minutes} minutes, so your place is closed. What you had finished is kept."
