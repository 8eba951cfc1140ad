"""The page in a real browser: whole sessions, what is shown and when, and lost connections."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator

import pytest

from agents.plain import visible
from agents.scripted import Reciting
from human.messages import Answer, Bye, End, FromResearcher, Give, Page, Pen, Question, Write
from tests.chromium import CONTROL, SHIFT, Chromium, ChromiumError, Tab
from tests.page_server import BREAK, LAST, QUESTION, PageServer, Session, study

BOX = "document.querySelector('main textarea')"
FLOW = "document.querySelector('.flow').textContent"
FOCUS = (
    "((e) => [e.tagName, e.labels?.[0]?.textContent ?? '', e.textContent.slice(0, 60), e.value ?? ''].join('|'))"
    "(document.activeElement)"
)


@pytest.fixture
def tab(chromium: Chromium) -> Iterator[Tab]:
    tab = chromium.tab()
    yield tab
    tab.close()


def reach(tab: Tab, text: str, modifiers: int = 0) -> None:
    """Goes on by the Tab key until the focus is on what has this text."""
    seen = []
    for _ in range(40):
        tab.key("Tab", modifiers)
        seen.append(tab.run(FOCUS))
        if text in seen[-1]:
            return
    raise AssertionError(f"{text!r} cannot be reached by Tab: {seen}")


def press(tab: Tab, text: str) -> None:
    find = f"[...document.querySelectorAll('button')].find((one) => one.textContent === {json.dumps(text)} && "
    tab.wait(f"{find} one.getClientRects().length)")
    tab.run(f"{find} one.getClientRects().length).click()")


def together(partner: str, handoff: str = "sentence:alternate", **how: object):  # type: ignore[no-untyped-def]
    async def script(session: Session) -> None:
        await session.problem("p/1", QUESTION, Reciting(partner), handoff, **how)
        await session.page(BREAK)
        await session.page(LAST)

    return script


def quiet(tab: Tab) -> None:
    assert not tab.complaints(), tab.complaints()[:3]


def eventually(check, seconds: float = 20) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not check() and time.monotonic() < end:
        time.sleep(0.02)
    assert check()


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


def test_what_streams_is_shown_in_order_and_nothing_beyond(tab: Tab, page_server: PageServer) -> None:
    text = "First there are nine. Then two more come and all of them stay"
    session = page_server.begin(together(f"{text}.\n\n", "paragraph:alternate"), pace=20.0)
    tab.go(page_server.link(session))
    tab.wait("document.querySelector('.flow')")
    tab.run(
        "window.seen = []; new MutationObserver(() => seen.push(document.querySelector('.turn')?.textContent ?? ''))"
        ".observe(document.querySelector('.flow'), { childList: true, subtree: true, characterData: true })"
    )
    tab.wait(f"{FLOW}.includes('nine.')")
    page_server.call(lambda: _still(session))
    told = "".join(text for _, text in session.desk.turns) if session.desk else ""
    tab.wait(f"{FLOW}.endsWith({json.dumps(told)})")
    time.sleep(0.3)
    assert told in tab.run("document.documentElement.outerHTML")
    assert "stay" not in tab.run("document.documentElement.outerHTML + JSON.stringify({ ...localStorage })")
    page_server.call(lambda: _still(session, False))
    tab.sees("all of them stay.")
    steps = tab.run("seen")
    assert len(steps) > 8
    for before, after in itertools.pairwise(steps):
        assert after.startswith(before)
    quiet(tab)


async def _still(session: Session, still: bool = True) -> None:
    session.clock.pause() if still else session.clock.resume()


HOSTILE = (
    '<img src=x onerror="window.hacked=1"></p></script><script>window.hacked=1</script>{{7*7}}${7*7}'
    "<svg/onload=hacked=1>&lt;b&gt;\u202egnp.exe\u2066\u0000\u001b[31m\u200b\u061c\u2028z\u0301\u0301\u0301"
)


def test_hostile_text_stays_text(tab: Tab, page_server: PageServer) -> None:
    async def script(session: Session) -> None:
        nasty = Question(id=HOSTILE, text=HOSTILE, kind="choice", options=(HOSTILE, "other"))
        page = Page(id=HOSTILE, title=HOSTILE, text=(HOSTILE,), questions=(nasty,), button=HOSTILE)
        await session.page(page)
        await session.problem("p/1", HOSTILE, Reciting(f"{HOSTILE} then"), "word:alternate", called=HOSTILE)
        await session.page(LAST)

    session = page_server.begin(script)
    tab.go(page_server.link(session))
    tab.wait("document.querySelector('input')")
    shown = tab.run("document.querySelector('.text').textContent")
    assert shown == visible(HOSTILE)
    tab.run("document.querySelector('input').click(); document.querySelector('button.main').click()")
    tab.wait(f"{BOX} && document.querySelector('.work').classList.contains('now')")
    assert session.done[0].answers == {HOSTILE: HOSTILE}
    assert visible("<U+202E>gnp.exe") in tab.run("document.querySelector('.question').textContent")
    page_server.send(session, FromResearcher(text=HOSTILE))
    tab.wait("document.querySelector('.letter')")
    for raw in ("\\ud83d", "a\\udc00b \\ud83d\\ude00"):
        page_server.send_raw(session, f'{{"type": "said", "author": 1, "text": "{raw}"}}')
    tab.wait(f"{FLOW}.includes('<U+D83D>a<U+DC00>b \\u{{1f600}}')")
    million = "<b>x</b> " * 111_112
    page_server.send_raw(session, json.dumps({"type": "said", "author": 1, "text": million}))
    tab.wait(f"{FLOW}.length > 1e6")
    tab.wait("document.activeElement.matches('textarea')")
    tab.type("ok")
    assert tab.run(f"{BOX}.value") == "ok"
    assert tab.run("document.querySelectorAll('main img, main script, main svg, main b, main a, iframe').length") == 0
    assert tab.run("window.hacked === undefined")
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    quiet(tab)


def test_what_is_shown_of_odd_characters_is_what_the_terminal_shows(tab: Tab, page_server: PageServer) -> None:
    tab.go(f"http://{page_server.host}/")
    tab.sees("A personal link is needed")
    odd = [
        *range(0x300),
        *range(0x600, 0x620),
        0x6DD,
        0x70F,
        0x180E,
        *range(0x2000, 0x2070),
        0xFEFF,
        *range(0xFFF0, 0x10000),
    ]
    odd += [*range(0xD7FF, 0xE001, 97), 0x110BD, 0x1D173, 0xE0001, 0xE0041, 0x1F600]
    text = "|".join(map(chr, odd))
    code = f"import('/plain.js').then(({{ visible }}) => visible({json.dumps(text)}))"
    assert tab.run(code) == visible(text)
    counted = f"import('/plain.js').then(({{ characters }}) => characters({json.dumps('a😀b' * 3)}))"
    assert tab.run(counted) == 9


def test_nothing_is_run_that_is_not_the_pages_own(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(study)
    tab.go(page_server.link(session))
    tab.sees("Consent")
    quiet(tab)
    tab.run(
        "window.hacked = 0; const made = document.createElement('div'); document.body.append(made);"
        "try { made.innerHTML = '<img src=x onerror=hacked=1>' } catch { hacked += 10 }"
        "const inline = document.createElement('script'); try { inline.text = 'hacked = 1' } catch { hacked += 10 }"
        "document.body.append(inline);"
        "try { made.setAttribute('onclick', 'hacked = 1'); made.click() } catch { hacked += 10 }"
        "try { eval('hacked = 1') } catch { hacked += 10 }"
    )
    refused = "fetch('http://127.0.0.1:9/').then(() => 'went out', (error) => error.name)"
    assert tab.run(refused) == "TypeError"
    time.sleep(0.2)
    assert tab.run("window.hacked % 10") == 0
    assert any("Content Security Policy" in one for one in tab.complaints())
    framed = tab.run(
        "new Promise((told) => { const frame = document.createElement('iframe'); frame.src = '/';"
        "frame.onload = () => { try { told(frame.contentDocument?.title ?? 'shut') } catch { told('shut') } };"
        "document.body.append(frame); setTimeout(() => told('shut'), 1000) })"
    )
    assert framed != "Study"


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


@pytest.mark.parametrize("lost", ["before it came", "its answer"])
def test_what_was_sent_into_a_lost_connection_is_done_once(tab: Tab, page_server: PageServer, lost: str) -> None:
    session = page_server.begin(together("She has nine. Then she has five left."), pace=50.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.type("So two go.")
    if lost == "its answer":
        session.silent = True
        tab.key("Enter", CONTROL)
        tab.sees("Sending")
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
    session.silent = False
    tab.call("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    page_server.mend()
    tab.run("[...document.querySelectorAll('.banner:not([hidden]) button')].forEach((one) => one.click())")
    tab.sees("five left.")
    tab.sees("Your turn")
    assert [one.text for one in session.done if isinstance(one, Write)] == ["So two go."]
    assert tab.run(f"{BOX}.value") == ("I type on." if lost == "before it came" else "")
    assert tab.run(f"document.activeElement === {BOX}")


def test_a_reload_with_something_unsent_sends_it_later(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine. Then she has five left."), pace=50.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    session.silent = True
    tab.type("So two go.")
    tab.key("Enter", CONTROL)
    tab.sees("Sending")
    tab.call("Page.reload")
    session.silent = False
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
        other.go(f"http://{page_server.host}/")
        other.sees("Your turn")
        other.wait(f"{BOX}.value === 'mine'")
        tab.sees("open elsewhere")
        press(tab, "Go on here")
        tab.sees("Your turn")
        tab.wait(f"{BOX}.value === 'mine'")
        other.sees("open elsewhere")
    finally:
        other.close()


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


def test_right_to_left(tab: Tab, page_server: PageServer) -> None:
    arabic = "عند ليلى 16 تفاحة"
    session = page_server.begin(together(f"{arabic}.", called="شريك"), pace=60.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.insert("ثم 3 * 4 = 12.")
    assert tab.run(f"getComputedStyle({BOX}).direction") == "rtl"
    side = "((r, b) => r.right > b.right - 40 && r.left > b.left + 40)"
    turn = "document.querySelector('.turn').getBoundingClientRect(), document.querySelector('.solution')"
    assert tab.run(f"{side}({turn}.getBoundingClientRect())"), "an Arabic line begins at the right"
    tab.key("Enter", CONTROL)
    tab.sees("ثم 3 * 4 = 12.")
    eventually(lambda: any(isinstance(one, Write) for one in session.done))
    assert next(one.text for one in session.done if isinstance(one, Write)) == "ثم 3 * 4 = 12."


def test_an_input_method_sends_nothing_early(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("她有九个苹果。"), pace=60.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.call("Input.imeSetComposition", text="nihao", selectionStart=5, selectionEnd=5)
    tab.wait(f"{BOX}.value === 'nihao'")
    tab.key("Enter", CONTROL)
    press(tab, "Send")
    time.sleep(0.5)
    assert session.tries == 0, "nothing is asked about a text that is not composed yet"
    assert not [one for one in session.done if isinstance(one, Write)]
    tab.run(f"{BOX}.focus()")
    tab.run(f"{BOX}.value = ''")
    tab.call("Input.imeSetComposition", text="你", selectionStart=1, selectionEnd=1)
    tab.insert("你好。")
    tab.wait(f"{BOX}.value.endsWith('你好。')")
    tab.key("Enter", CONTROL)
    eventually(lambda: any(isinstance(one, Write) for one in session.done))
    assert next(one.text for one in session.done if isinstance(one, Write)).endswith("你好。")


def test_the_clock_can_be_stopped_and_extended(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine."), seconds=100.0)
    tab.go(page_server.link(session))
    tab.sees("About 90 seconds left")
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
    page_server.send(session, FromResearcher(text="Lunch is\nserved."))
    tab.sees("Lunch is\nserved.")
    tab.type("ng")
    assert tab.run(f"{BOX}.value") == "typing"
    tab.key("Enter", CONTROL)
    tab.sees("sentence is not over")
    tab.sees("Lunch is")
    reach(tab, "Close", SHIFT)
    tab.key("Enter")
    tab.wait("!document.querySelector('.letter')")
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
    tab.run("document.hasFocus = () => false; window.dispatchEvent(new Event('blur'))")
    tab.run("document.hasFocus = () => true; window.dispatchEvent(new Event('focus'))")
    eventually(lambda: len(session.notes) == 4)
    assert session.notes == [("pasted", 3), ("copied", 3), ("focus_lost", 0), ("focus_back", 0)]


def test_text_is_read_aloud_in_groups(tab: Tab, page_server: PageServer) -> None:
    text = "One two three. Four five six seven eight nine ten. Eleven twelve"
    session = page_server.begin(together(f"{text}.\n\n", "paragraph:alternate"), pace=6.0)
    tab.go(page_server.link(session))
    tab.wait("document.querySelector('.flow')")
    tab.run(
        "window.heard = []; new MutationObserver((all) => all.forEach((one) => one.addedNodes.forEach((node) => "
        "heard.push(node.textContent)))).observe(document.querySelector('#said'), { childList: true })"
    )
    tab.sees("Your turn")
    heard = [one for one in tab.run("heard") if "is writing" not in one]
    assert heard[0].startswith("Partner: One"), heard
    assert len(heard) <= 4, heard
    assert " ".join(heard).replace("Partner: ", "").startswith(f"{text}."), heard


def test_a_helper_that_fails_says_what_was_shown(tab: Tab, page_server: PageServer) -> None:
    tab.go(f"http://{page_server.host}/")
    with pytest.raises(ChromiumError, match="personal link"):
        tab.sees("never there", seconds=0.5)


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
    quiet(tab)


def test_names_from_the_wire_are_only_names(tab: Tab, page_server: PageServer) -> None:
    """Of a table, too, only what was put there is found."""

    async def script(session: Session) -> None:
        await session.page(Page(id="a", title="A", questions=(Question(id="__proto__", text="Say", kind="text"),)))
        await session.page(LAST)

    session = page_server.begin(script)
    tab.go(page_server.link(session))
    tab.sees("Say")
    tab.run("document.querySelector('textarea').focus()")
    tab.type("yes")
    tab.call("Page.reload")
    tab.wait("document.querySelector('textarea')?.value === 'yes'")
    asked = '"held": 2, "words_left": 9, "opening": true, "goes_on": false, "unfinished": false, "stuck": false'
    ask = f'{{"type": "ask", "turn": 1, "unit": "constructor", {asked}, "on_demand": false, "draft": ""}}'
    for raw in (
        '{"type": "problem", "id": "p", "question": "?", "authors": ["You"], "number": 0, "of": 0}',
        ask,
        '{"type": "said", "author": 7, "text": "who"}',
        '{"type": "over", "ended": "toString"}',
        '{"type": "graded", "verdict": "valueOf", "answer": null, "expected": null, "reason": ""}',
        '{"type": "nothing that is known"}',
        "no message at all",
        '{"type": "bye", "name": "constructor", "text": "Bye."}',
    ):
        page_server.send_raw(session, raw)
    tab.sees("The connection has ended")
    assert "native code" not in tab.run("document.body.innerText")
    quiet(tab)
