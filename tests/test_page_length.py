"""What is too long for a message: it is said, nothing is lost, and the session goes on."""

from __future__ import annotations

import json

import pytest

from agents.scripted import Reciting
from human.messages import TEXT, Page, Question, Refused, Write
from tests.chromium import CONTROL, Tab
from tests.page_server import PageServer, Session
from tests.page_study import LAST, QUESTION
from tests.paging import BOX, eventually, press, quiet, together

OUTBOX = "localStorage['tandem-arena.outbox']"


def written(session: Session) -> list[str]:
    return [one.text for one in session.done if isinstance(one, Write)]


def test_a_text_that_is_too_long_stays_in_the_box(tab: Tab, page_server: PageServer) -> None:
    """Taking back puts text before what was typed since: together they may be more than a message holds."""

    async def script(session: Session) -> None:
        await session.problem("p/1", QUESTION, Reciting("Hello there. Now you. "), "word:demand", limit=9000)

    session = page_server.begin(script, pace=20.0)  # else much of the limit is the partner's before the pen is taken
    tab.go(page_server.link(session))
    press(tab, "Take over")
    tab.sees("Your turn")
    tab.run(f"{BOX}.focus()")
    tab.insert("ab " * 1700)
    press(tab, "Send")
    tab.wait(f"{BOX}.value === ''")
    tab.sees("Take back")
    tab.insert("cd " * 1700)
    press(tab, "Take back")
    tab.wait(f"{BOX}.value.length > {TEXT}")
    eventually(lambda: len(session.done) == 3)
    for button in ("Send", "Hand back", "Finish the solution"):
        press(tab, button)
        tab.sees("Nothing was sent: a text has at most 8,000 characters, and this one has 10")
    assert tab.run(f"{BOX}.value.length") > TEXT
    assert not tab.run(f"{OUTBOX} ?? ''")
    tab.run(f"{BOX}.select()")
    tab.insert("short ")
    press(tab, "Send")
    eventually(lambda: written(session)[1:] == ["short "])
    quiet(tab)


def test_characters_are_counted_as_the_server_counts_them(tab: Tab, page_server: PageServer) -> None:
    """One beyond the basic plane is two of a box's units, and one character."""
    session = page_server.begin(together("She has nine. "))
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.run(f"{BOX}.value = '\\u{{1f600}}'.repeat({TEXT - 1}) + '.'")
    press(tab, "Send")
    eventually(lambda: [len(text) for text in written(session)] == [TEXT])


def test_what_could_not_be_read_is_refused_without_a_number(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine. Then she has five left."), pace=50.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    session.deaf = True
    tab.type("So two go.")
    tab.key("Enter", CONTROL)
    tab.wait(f"JSON.parse({OUTBOX})[0].n")
    page_server.send(session, Refused(name="malformed", text="no message"))
    tab.sees("could not read your text")
    assert tab.run(f"{BOX}.value") == "So two go."
    assert not tab.run(f"{OUTBOX} ?? ''")
    session.deaf = False
    tab.key("Enter", CONTROL)
    tab.sees("five left.")
    assert written(session) == ["So two go."]
    quiet(tab)


@pytest.mark.parametrize("size", [TEXT + 1, 70_000])
def test_what_is_too_long_and_on_its_way_blocks_nothing(tab: Tab, page_server: PageServer, size: int) -> None:
    """One the server refuses; with the other it closes the connection."""
    session = page_server.begin(together("She has nine. Then she has five left."), pace=50.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    assert session.desk
    assert session.desk.asked
    message = {"type": "write", "turn": session.desk.asked.turn, "text": "x" * size}
    tab.go("about:blank")
    eventually(lambda: session.socket is None)
    tab.go(f"http://{page_server.host}/main.js")
    tab.run(f"{OUTBOX} = {json.dumps(json.dumps([{'n': 0, 'message': message}]))}")
    tab.go(f"http://{page_server.host}/")
    tab.wait(f"{BOX}?.value.length === {size}")
    tab.sees("Your turn")
    tab.wait("document.querySelector('.banner').hidden")
    tab.run(f"{BOX}.select()")
    tab.insert("So two go.")
    press(tab, "Send")
    tab.sees("five left.")
    assert written(session) == ["So two go."]


def test_a_form_whose_answers_are_too_long_together(tab: Tab, page_server: PageServer) -> None:
    """Each is within what an answer may have, and there are fewer characters than bytes."""
    asked = tuple(Question(id=name, text=f"Say {name}", kind="text") for name in "abc")

    async def script(session: Session) -> None:
        await session.page(Page(id="f", title="Form", questions=asked))
        await session.page(LAST)

    session = page_server.begin(script)
    tab.go(page_server.link(session))
    tab.sees("Say c")
    for at in range(3):
        tab.run(f"document.querySelectorAll('textarea')[{at}].focus()")
        tab.insert("漢" * TEXT)
    press(tab, "Go on")
    tab.sees("too long to be sent together")
    assert tab.run("[...document.querySelectorAll('textarea')].map((one) => one.value.length)") == [TEXT] * 3
    assert (len(session.joins), session.done) == (1, [])
    tab.run("document.querySelector('textarea').select()")
    tab.insert("short")
    press(tab, "Go on")
    tab.sees("HANDOFF-DONE")
    assert [len(one) for one in session.done[0].answers.values()] == [5, TEXT, TEXT]
    quiet(tab)
