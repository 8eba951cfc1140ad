"""The page in a real browser: whole sessions, turns, the clock, leaving."""

from __future__ import annotations

import pytest

from human.messages import Answer, End, FromResearcher, Give, Pen, Welcome, Write
from tests.chromium import CONTROL, SHIFT, ChromiumError, Tab
from tests.page_server import PageServer, Session
from tests.page_study import study
from tests.paging import BOX, FOCUS, eventually, press, quiet, reach, together


def test_a_whole_session_by_keys_alone(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(study, pace=40.0, seconds=300.0)
    tab.go(page_server.link(session))
    tab.sees("Consent")
    assert tab.run("location.href") == f"http://{page_server.host}/"
    assert tab.run("document.activeElement.textContent") == "Consent"
    reach(tab, "Go on")
    tab.key("Enter")
    tab.sees("Please answer this question.")
    assert "I have read this" in tab.run(FOCUS), "the focus is on what is missing"
    tab.key(" ")
    reach(tab, "Go on")
    tab.key("Enter")
    tab.sees("Before you begin")
    reach(tab, "With the word END")
    tab.key(" ")
    reach(tab, "How old")
    tab.type("30,5")
    reach(tab, "1 not at all")
    for _ in range(4):
        tab.key("ArrowRight")
    reach(tab, "Go on")
    tab.key("Enter")
    tab.sees("Not right yet")
    assert "One question needs another look" in tab.run("document.activeElement.textContent")
    reach(tab, "With the word END")
    tab.key("ArrowDown")
    reach(tab, "Go on")
    tab.key("Enter")
    tab.sees("Problem 1 of 2")
    tab.sees("Your turn. Write one new sentence.")
    assert "TEXTAREA|Your text" in tab.run(FOCUS)
    tab.type("So it\nis so.")
    assert session.done[-1].type == "answer", "Enter makes a new line"
    tab.key("Enter", CONTROL)
    tab.sees("Your turn. Write one new sentence.")
    eventually(lambda: session.done[-1].type == "write")
    assert session.done[-1].text == "So it\nis so."
    tab.wait(f"{BOX}.value === ''")
    tab.sees("is so.")
    tab.wait(f"document.activeElement === {BOX}")
    tab.sees("Your turn")
    tab.type("#### 22")
    reach(tab, "Finish the solution")
    tab.key("Enter")
    tab.sees("About this problem")
    reach(tab, "1 very hard")
    tab.key(" ")
    reach(tab, "Go on")
    tab.key("Enter")
    tab.sees("Time for a break")
    reach(tab, "Go on")
    tab.key("Enter")
    tab.sees("HANDOFF-DONE")
    made = session.episodes[0]
    assert made.text.endswith("\n#### 22")
    assert "So it\nis so." in made.text
    answers = [one.answers for one in session.done if isinstance(one, Answer)]
    assert answers[0] == {"agree": "I have read this, and I want to take part."}
    assert answers[1] == {"end": "With the word END", "age": 30.5, "sure": 5, "remarks": None}
    assert answers[2]["age"] == 30.5, "what was typed is still there when it is asked again"
    assert answers[3] == {"ease": 1}
    quiet(tab)


def test_the_pen_is_taken_and_handed_back(tab: Tab, page_server: PageServer) -> None:
    words = " ".join(f"w{number}" for number in range(40))
    session = page_server.begin(together(f"{words} {{end}}", "word:demand"), pace=15.0)
    tab.go(page_server.link(session))
    tab.sees("w3")
    reach(tab, "Take over")
    tab.key("Enter")
    tab.sees("You asked to take over")
    tab.sees("Your turn. Write new words until you hand back")
    assert "TEXTAREA" in tab.run(FOCUS), "from the button that is gone to where the work goes on"
    tab.type("mine now")
    tab.key("Enter", CONTROL)
    tab.sees("You, not sent yet")
    press(tab, "Take back")
    tab.wait(f"{BOX}.value === 'mine now'")
    tab.sees("back in the box")
    press(tab, "Hand back")
    tab.sees("Partner is writing")
    assert [type(one) for one in session.done if not isinstance(one, Answer)][-1] is Give
    assert any(isinstance(one, Pen) for one in session.done)
    press(tab, "Take over")
    tab.sees("Your turn")
    press(tab, "Finish the solution")
    tab.sees("Time for a break")
    assert session.done[-1] == End(n=len(session.done), turn=session.done[-1].turn)
    quiet(tab)


def test_what_would_be_taken_is_said_while_typing(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("two. three.", "word:alternate"))
    tab.go(page_server.link(session))
    tab.sees("Your turn. Write one new word.")
    tab.key("Enter", CONTROL)
    tab.sees("Nothing is typed yet.")
    tab.type("one more")
    tab.sees("Only this would be taken: “one”")
    assert 0 < session.tries < 4, "asked when typing rests, not for every key"
    for _ in range(5):
        tab.call("Input.dispatchKeyEvent", type="rawKeyDown", key="Backspace", windowsVirtualKeyCode=8)
    tab.wait("!document.querySelector('.hint').textContent")


def test_text_that_is_not_taken_comes_back(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("two. three.", "word:alternate"))
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.type("one more")
    press(tab, "Finish the solution")
    tab.sees("not ended")
    tab.wait(f"{BOX}.value === 'one more'")
    assert session.episodes == []


def test_typing_ahead_is_kept_until_it_is_sent(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together(" ".join(["word"] * 30) + "."), pace=25.0)
    tab.go(page_server.link(session))
    tab.sees("Partner is writing")
    tab.run(f"{BOX}.focus()")
    tab.type("ahead")
    tab.key("Enter", CONTROL)
    tab.sees("It is not your turn yet")
    tab.sees("Your turn")
    assert tab.run(f"document.activeElement === {BOX} && {BOX}.value") == "ahead"
    assert not [one for one in session.done if isinstance(one, Write)]
    aloud = tab.run("document.querySelector('#said').textContent")
    assert "Your turn. Write one new sentence." in aloud, "who types hears that the turn has come"


def test_the_clock_can_be_stopped_and_extended(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine."), seconds=100.0)
    tab.go(page_server.link(session))
    tab.sees("About 100 seconds left")
    press(tab, "More time")
    tab.sees("About 3 minutes left")
    tab.type("draft")
    press(tab, "Pause")
    tab.sees("You asked for a pause.")
    assert "She has nine." not in tab.run("document.body.innerText")
    assert "Go on" in tab.run(FOCUS)
    tab.key("Enter")
    tab.sees("She has nine.")
    assert tab.run(f"document.activeElement === {BOX} && {BOX}.value") == "draft"
    session.seconds = 30.5
    page_server.call(lambda: _tell_time(session))
    tab.wait("document.querySelector('#said').textContent.includes('You can ask for more time.')")
    kinds = [one.type for one in session.done]
    assert kinds == ["extend", "pause", "resume"]


async def _tell_time(session: Session) -> None:
    for message in session.time():
        session.send(message)


def test_a_letter_of_the_researchers_stays_and_disturbs_nobody(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine."))
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.type("typi")
    before = tab.run(f"{BOX}.getBoundingClientRect().top")
    page_server.send(session, FromResearcher(text="Lunch is\nserved."))
    tab.sees("Lunch is\nserved.")
    assert abs(tab.run(f"{BOX}.getBoundingClientRect().top") - before) < 2, "the box stays where it is"
    assert tab.run("document.querySelector('.letter').getBoundingClientRect().top") >= 0, "and the letter is seen"
    tab.type("ng")
    assert tab.run(f"{BOX}.value") == "typing"
    tab.key("Enter", CONTROL)
    tab.sees("sentence is not over")
    tab.sees("Lunch is")
    reach(tab, "Close", SHIFT)
    tab.key("Enter")
    tab.wait("!document.querySelector('.letter')")
    page_server.send(session, Welcome(last=len(session.done), title="Solving together"))
    for text in ("Lunch is\nserved.", "Come again."):  # a server may tell them all again
        page_server.send(session, FromResearcher(text=text))
    tab.sees("Come again.")
    assert tab.run("document.querySelectorAll('.letter').length") == 1
    press(tab, "Close")
    assert tab.run(f"document.activeElement === {BOX}")


def test_leaving_and_withdrawing(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine."))
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.run("document.querySelector('summary').click()")
    press(tab, "Leave for now")
    tab.sees("You left")
    press(tab, "Come back")
    tab.sees("Your turn")
    tab.run("document.querySelector('details').open || document.querySelector('summary').click()")
    press(tab, "Stop and delete my data")
    tab.sees("Stop for good")
    assert "No, go back" in tab.run(FOCUS)
    tab.key("Escape")
    press(tab, "Stop and delete my data")
    press(tab, "Yes, stop and delete")
    tab.sees("You stopped")
    assert session.done[-1].type == "withdraw"
    assert tab.run("Object.keys(localStorage).filter((name) => name !== 'tandem-arena.aloud').length") == 0
    quiet(tab)


def test_away_pasted_and_copied_are_noted_as_counts(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine."))
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.run(
        f"const data = new DataTransfer(); data.setData('text/plain', 'so😀'); {BOX}.dispatchEvent("
        "new ClipboardEvent('paste', { clipboardData: data, bubbles: true }))"
    )
    tab.type("abcd")
    tab.run(f"{BOX}.setSelectionRange(1, 4); document.dispatchEvent(new ClipboardEvent('copy'))")
    eventually(lambda: len(session.notes) == 2)
    tab.run(
        "document.hasFocus = () => false; window.dispatchEvent(new Event('blur'));"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    tab.run("document.hasFocus = () => true; window.dispatchEvent(new Event('focus'))")
    eventually(lambda: len(session.notes) == 4)
    assert session.notes == [("pasted", 3), ("copied", 3), ("focus_lost", 0), ("focus_back", 0)]


def test_a_helper_that_fails_says_what_was_shown(tab: Tab, page_server: PageServer) -> None:
    tab.go(f"http://{page_server.host}/")
    with pytest.raises(ChromiumError, match="personal link"):
        tab.sees("never there", seconds=0.5)


def test_the_turn_takes_the_focus_from_no_control(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together(" ".join(["word"] * 20) + "."), pace=20.0)
    tab.go(page_server.link(session))
    tab.sees("Partner is writing")
    tab.run("document.querySelector('summary').focus()")
    tab.sees("Your turn")
    assert "SUMMARY" in tab.run(FOCUS)
    assert "Your turn. Write one new sentence." in tab.run("document.querySelector('#said').textContent")
