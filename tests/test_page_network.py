"""The page when the network does not hold, the browser is reloaded, or the session is opened elsewhere."""

from __future__ import annotations

import asyncio
import time

import pytest

from agents.scripted import Reciting
from human.messages import Bye, Notice, Over, Page, Question, Refused, Write
from tests.chromium import CONTROL, Chromium, Tab
from tests.page_server import PageServer, Session
from tests.page_study import LAST, QUESTION
from tests.paging import BOX, FOCUS, eventually, press, quiet, together


def test_a_reload_keeps_text_and_draft(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine. Then she has five left."), pace=50.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.type("not sent, with\nquotes <b>")
    tab.call("Page.reload")
    tab.wait(f"{BOX}?.value === 'not sent, with\\nquotes <b>'")
    tab.sees("She has nine.")
    tab.sees("Your turn")
    assert [join.key != "" for join in session.joins] == [False, True]
    tab.go(f"http://{page_server.host}/")
    tab.wait(f"{BOX}?.value === 'not sent, with\\nquotes <b>'")
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    assert session.joins[-1].token == "", "the link of this session is not exchanged twice"
    stored = tab.run("JSON.stringify({ ...localStorage, ...sessionStorage })")
    assert session.token not in stored
    quiet(tab)


def test_a_form_keeps_what_was_typed_over_a_reload(tab: Tab, page_server: PageServer) -> None:
    page = Page(id="f", title="Form", questions=(Question(id="t", text="Say", kind="text"),))

    async def script(session: Session) -> None:
        await session.page(page)
        await session.page(LAST)

    session = page_server.begin(script)
    tab.go(page_server.link(session))
    tab.sees("Say")
    tab.run("document.querySelector('textarea').focus()")
    tab.type("half an ans")
    tab.call("Page.reload")
    tab.wait("document.querySelector('textarea')?.value === 'half an ans'")
    tab.run("document.querySelector('textarea').focus()")
    page_server.cut()
    tab.sees("connection is lost")
    tab.type("wer")
    page_server.mend()
    tab.wait("document.querySelector('.banner').hidden")
    assert "TEXTAREA" in tab.run(FOCUS), "a reconnection takes the focus from nobody"
    press(tab, "Go on")
    tab.sees("HANDOFF-DONE")
    assert session.done[-1].answers["t"].replace("wer", "") == "half an ans"
    assert "half an" not in tab.run("JSON.stringify({ ...localStorage })")


@pytest.mark.parametrize("lost", ["before it was sent", "on its way", "its answer"])
def test_what_was_sent_into_a_lost_connection_is_done_once(tab: Tab, page_server: PageServer, lost: str) -> None:
    session = page_server.begin(together("She has nine. Then she has five left."), pace=50.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.type("So two go.")
    session.deaf, session.mute = lost == "on its way", lost == "its answer"
    if lost != "before it was sent":
        tab.key("Enter", CONTROL)
        tab.wait("Object.keys(localStorage).some((name) => name.endsWith('outbox'))")
        eventually(lambda: session.deaf or any(isinstance(one, Write) for one in session.done))
        page_server.cut()
    else:
        page_server.cut()
        tab.sees("connection is lost")
        tab.key("Enter", CONTROL)
        tab.sees("sent as soon as the connection is back")
        tab.type("I type on.")
    tab.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    time.sleep(1.5)
    tab.sees("What you typed is kept")
    session.deaf = session.mute = False
    tab.call("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    page_server.mend()
    tab.run("[...document.querySelectorAll('.banner:not([hidden]) button')].forEach((one) => one.click())")
    tab.sees("five left.")
    tab.sees("Your turn")
    assert [one.text for one in session.done if isinstance(one, Write)] == ["So two go."]
    assert tab.run(f"{BOX}.value") == ("I type on." if lost == "before it was sent" else "")
    assert tab.run(f"document.activeElement === {BOX}")


def test_a_reload_with_something_unsent_sends_it_later(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine. Then she has five left."), pace=50.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    session.deaf = True
    tab.type("So two go.")
    tab.key("Enter", CONTROL)
    tab.sees("Sending")
    tab.call("Page.reload")
    session.deaf = False
    tab.sees("five left.")
    assert [one.text for one in session.done if isinstance(one, Write)] == ["So two go."]


@pytest.mark.parametrize("uses_up", [False, True])
def test_a_refusal_leaves_no_gap_and_loses_no_text(tab: Tab, page_server: PageServer, uses_up: bool) -> None:
    """Whether the server counts a refused message or not."""
    session = page_server.begin(together("She has nine. Then she has five left."), pace=50.0, uses_up=uses_up)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    asked = session.desk.asked if session.desk else None
    assert session.desk
    assert asked
    session.desk.asked = None  # the turn is over, and the page does not know it
    tab.type("Too late.")
    tab.key("Enter", CONTROL)
    tab.sees("this turn is not yours")
    assert tab.run(f"{BOX}.value") == "Too late."
    session.desk.asked = asked
    tab.key("Enter", CONTROL)
    tab.sees("five left.")
    assert [one.text for one in session.done if isinstance(one, Write)] == ["Too late."]


def test_a_session_opened_elsewhere(tab: Tab, chromium: Chromium, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine. Then she has five left."), pace=50.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.type("mine")
    other = chromium.tab(360, 740)
    try:
        other.go(page_server.link(session))
        other.sees("Your turn")
        tab.sees("This session is open elsewhere")
        assert tab.run("document.activeElement.textContent") == "This session is open elsewhere"
        time.sleep(1)
        assert len(session.joins) == 2, "nobody fights for the session"
        tab.call("Page.reload")  # its key is another device's now
        tab.sees("This link is not known.")
    finally:
        other.close()
    tab.go("about:blank")
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    assert session.joins[-1].token, "the key is another device's, so the link is tried"


def test_two_tabs_of_one_browser(tab: Tab, chromium: Chromium, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine. Then she has five left."), pace=50.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.type("mine")
    other = chromium.tab(context=tab.context)
    try:
        tab.wait("localStorage['tandem-arena.draft']?.includes('mine')")
        other.go(f"http://{page_server.host}/")
        other.sees("Your turn")
        other.wait(f"{BOX}.value === 'mine'")
        tab.sees("open elsewhere")
        time.sleep(1.2)
        assert len(session.joins) == 2, "nobody fights for the session"
        press(tab, "Go on here")
        tab.sees("Your turn")
        tab.wait(f"{BOX}.value === 'mine'")
        other.sees("open elsewhere")
    finally:
        other.close()


def test_a_lost_tab_leaves_the_session_to_another(tab: Tab, chromium: Chromium, page_server: PageServer) -> None:
    """What was on its way is sent once, by the tab that goes on, and stands in no box again."""
    session = page_server.begin(together("She has nine. Then she has five left. So it is."), pace=50.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    page_server.cut()
    tab.sees("connection is lost")
    tab.type("So two go.")
    tab.key("Enter", CONTROL)
    tab.sees("sent as soon as the connection is back")
    other = chromium.tab(context=tab.context)
    try:
        other.go(f"http://{page_server.host}/")
        tab.sees("This session is open elsewhere")
        page_server.mend()
        other.sees("five left.")
        other.sees("Your turn")
        other.type("I go on here.")
        other.wait("localStorage['tandem-arena.draft']?.includes('I go on here.')")
        tab.call(
            "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )
        tab.call(
            "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )
        joins = len(session.joins)
        press(tab, "Go on here")
        tab.wait(f"{BOX}?.value === 'I go on here.'")
        other.sees("This session is open elsewhere")
        assert len(session.joins) == joins + 1
    finally:
        other.close()
    tab.key("Enter", CONTROL)
    eventually(lambda: len([one for one in session.done if isinstance(one, Write)]) == 2)
    assert [one.text for one in session.done if isinstance(one, Write)] == ["So two go.", "I go on here."]
    quiet(tab, cut=True)


def test_a_lost_tab_that_was_not_told_looks_before_it_comes_back(tab: Tab, page_server: PageServer) -> None:
    """A tab that stood still in the background hears of nothing."""
    session = page_server.begin(together("She has nine. Then she has five left."), pace=50.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    page_server.cut()
    tab.sees("connection is lost")
    tab.type("So two go.")
    tab.key("Enter", CONTROL)
    tab.sees("sent as soon as the connection is back")
    joins = len(session.joins)
    tab.run("localStorage['tandem-arena.tab'] = '\"another\"'; localStorage.removeItem('tandem-arena.outbox')")
    page_server.mend()
    tab.sees("This session is open elsewhere")
    assert len(session.joins) == joins
    press(tab, "Go on here")
    tab.sees("Your turn")
    assert tab.run(f"{BOX}.value") == ""
    tab.type("And two.")
    tab.key("Enter", CONTROL)
    tab.sees("five left.")
    assert [one.text for one in session.done if isinstance(one, Write)] == ["And two."], "what was sent is not again"


def test_without_a_link_the_page_says_so(tab: Tab, page_server: PageServer) -> None:
    tab.go(f"http://{page_server.host}/")
    tab.sees("A personal link is needed")
    tab.go(f"http://{page_server.host}/#nobody%20knows")
    tab.sees("This link is not known.")
    assert "#" not in tab.run("location.href")
    quiet(tab)


def test_another_persons_link_on_a_shared_computer(tab: Tab, page_server: PageServer) -> None:
    first, second = (page_server.begin(together("She has nine.")) for _ in range(2))
    tab.go(page_server.link(first))
    tab.sees("Your turn")
    tab.type("a secret of the first")
    time.sleep(0.5)
    tab.go("about:blank")
    tab.go(page_server.link(second))
    tab.sees("Your turn")
    assert second.joins[0].token == second.token
    assert tab.run(f"{BOX}.value") == ""
    assert "secret" not in tab.run("JSON.stringify({ ...localStorage })")


def test_what_is_said_last_stays(tab: Tab, page_server: PageServer) -> None:
    async def script(session: Session) -> None:
        await session.page(LAST)

    session = page_server.begin(script)
    tab.go(page_server.link(session))
    tab.sees("HANDOFF-DONE")
    page_server.send(session, Bye(name="finished", text="That was all."))
    page_server.cut()
    time.sleep(0.3)
    assert tab.run("document.querySelector('.banner').hidden")
    tab.sees("HANDOFF-DONE")
    page_server.mend()
    tab.call("Page.reload")
    tab.sees("HANDOFF-DONE")
    press(tab, "Forget this session on this device")
    tab.sees("Nothing of this session is kept")
    assert tab.run("Object.keys(localStorage).length") == 0
    quiet(tab, cut=True)


def test_too_much_at_once_is_sent_again(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine. Then she has five left."), pace=50.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    session.deaf = True
    tab.type("So two go.")
    tab.key("Enter", CONTROL)
    tab.wait("Object.keys(localStorage).some((name) => name.endsWith('outbox'))")
    session.deaf = False
    page_server.send(session, Refused(name="too_fast", text="too many messages at once"))
    tab.sees("five left.", seconds=5)
    assert [one.text for one in session.done if isinstance(one, Write)] == ["So two go."]
    assert "too many" not in tab.run("document.body.innerText")


def test_the_clock_stands_while_the_connection_is_lost(tab: Tab, page_server: PageServer) -> None:
    """As the server's does: what it tells afterwards is where it goes on."""
    clock = "document.querySelector('.clock').textContent"
    session = page_server.begin(together("She has nine. "), seconds=48.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.run(  # an hour is over in no time
        "window.later = 0; const now = performance.now.bind(performance); performance.now = () => now() + later"
    )
    page_server.cut()
    tab.sees("connection is lost")
    before = tab.run(clock)
    assert before.startswith("About")
    tab.run("later = 3600e3")
    time.sleep(1.2)
    assert tab.run(clock) == before
    page_server.mend()
    tab.wait("document.querySelector('.banner').hidden")
    tab.wait(f"{clock}.startsWith('About')")
    tab.run("later = 7200e3")
    tab.wait(f"{clock} === 'The time is over'")


def test_why_a_problem_ended_is_said_on_the_next_screen(tab: Tab, page_server: PageServer) -> None:
    async def script(session: Session) -> None:
        async def out() -> None:
            await session.problem("p/1", QUESTION, Reciting("She has nine."))

        playing = asyncio.ensure_future(out())
        while not (session.desk and session.desk.asked):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        session.send(Notice(text="the time for this problem is over"))
        session.send(Over(ended="stopped"))
        playing.cancel()
        await session.page(LAST)

    session = page_server.begin(script)
    tab.go(page_server.link(session))
    tab.sees("HANDOFF-DONE")
    tab.sees("the time for this problem is over")
