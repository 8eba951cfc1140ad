"""A short study for tests of the page: every kind of screen once."""

from __future__ import annotations

from human.messages import Page, Question
from tests.page_server import Session

CONSENT = Page(
    id="consent",
    title="Consent",
    text=(
        "You will solve short word problems, some of them begun by somebody else. We store what you write, your "
        "answers to our questions, and how long they took. Taking part is voluntary. You may stop at any time, without "
        "giving a reason.",
        "It takes about 25 minutes.",
    ),
    questions=(
        Question(
            id="agree", text="Do you agree?", kind="choice", options=("I have read this, and I want to take part.",)
        ),
    ),
)
CHECK = Page(
    id="check",
    title="Before you begin",
    text=("These questions make sure that the instructions are clear.",),
    questions=(
        Question(
            id="end",
            text="How does a solution end?",
            kind="choice",
            options=("With the word END", "With a line as #### 12", "It ends by itself"),
        ),
        Question(id="age", text="How old are you?", kind="number"),
        Question(
            id="sure", text="How sure are you of your first answer?", kind="scale", options=("not at all", "entirely")
        ),
        Question(id="remarks", text="Is there anything that you would like to say?", kind="text", optional=True),
    ),
)
RATING = Page(
    id="rating",
    title="About this problem",
    questions=(
        Question(
            id="ease",
            text="How easy was it to go on from what your partner had written?",
            kind="scale",
            options=("very hard", "very easy"),
        ),
    ),
)
BREAK = Page(id="break", title="Time for a break", text=("Take a break, and go on when you like.",))
LAST = Page(
    id="last", title="Thank you", text=("That was all. Your completion code:", "HANDOFF-DONE"), button="", last=True
)
QUESTION = (
    "Jane has 14 marbles. Then she doubles what she has. She loses 6. Then she doubles what she has. "
    "How many marbles does Jane have now?"
)


async def study(session: Session) -> None:
    """A whole session, with the embedded senior as the partner of the one problem."""
    from tests.models import embedded

    await session.page(CONSENT)
    answer = await session.page(CHECK)
    while answer.answers["end"] != CHECK.questions[0].options[1]:
        answer = await session.page(CHECK.model_copy(update={"wrong": ("end",)}))
    await session.problem("p/1", QUESTION, embedded("senior"), "sentence:alternate")
    await session.page(RATING)
    await session.page(BREAK)
    await session.page(LAST)
