"""What the page makes of text: nothing early, nothing that acts, any script, any input method."""

from __future__ import annotations

import itertools
import json
import time

import pytest

from agents.plain import visible
from agents.scripted import Reciting
from human.messages import FromResearcher, Page, Question, Refused, Write
from tests.chromium import CONTROL, Tab
from tests.page_server import PageServer, Session
from tests.page_study import LAST, study
from tests.paging import BOX, FLOW, eventually, press, quiet, together


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
        nasty = Question(id=HOSTILE, text=f"{HOSTILE} {'x' * 500}", kind="choice", options=(HOSTILE, "other"))
        page = Page(id=HOSTILE, title=HOSTILE, text=(HOSTILE, "y" * 500), questions=(nasty,), button=HOSTILE)
        await session.page(page)
        await session.problem("p/1", HOSTILE, Reciting(f"{HOSTILE} then"), "word:alternate", called=HOSTILE)
        await session.page(LAST)

    session = page_server.begin(script)
    tab.go(page_server.link(session))
    tab.wait("document.querySelector('input')")
    shown = tab.run("document.querySelector('.text').textContent")
    assert shown == visible(HOSTILE)
    tab.size(320, 700)
    assert tab.run("document.documentElement.scrollWidth") == 320
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
    tab.sees("your input method is still composing")
    tab.run(f"{BOX}.focus()")
    tab.run(f"{BOX}.value = ''")
    tab.call("Input.imeSetComposition", text="你", selectionStart=1, selectionEnd=1)
    tab.insert("你好。")
    tab.wait(f"{BOX}.value.endsWith('你好。')")
    tab.key("Enter", CONTROL)
    eventually(lambda: any(isinstance(one, Write) for one in session.done))
    assert next(one.text for one in session.done if isinstance(one, Write)).endswith("你好。")


def test_text_that_comes_back_waits_until_nothing_composes(tab: Tab, page_server: PageServer) -> None:
    """Setting the box's text ends a composition, and no event says so."""
    session = page_server.begin(together("She has nine. Then she has five left."), pace=60.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    session.deaf = True
    tab.type("So two go.")
    tab.key("Enter", CONTROL)
    tab.sees("Sending")
    tab.call("Input.imeSetComposition", text="ni", selectionStart=2, selectionEnd=2)
    tab.wait(f"{BOX}.value === 'ni'")
    number = sum(1 for _ in session.done) + 1
    page_server.send(session, Refused(n=number, name="not_your_turn", text="this turn is not yours"))
    tab.sees("this turn is not yours")
    assert tab.run(f"{BOX}.value") == "ni", "what is composed is not touched"
    tab.wait("JSON.parse(localStorage['tandem-arena.draft']).text === 'So two go. ni'")
    session.deaf = False
    tab.call("Input.insertText", text="你")
    tab.wait(f"{BOX}.value === 'So two go. 你'")
    tab.key("Enter", CONTROL)
    tab.sees("five left.")
    assert [one.text for one in session.done if isinstance(one, Write)] == ["So two go. 你"]
    quiet(tab)


def test_a_composition_that_ends_unsaid_locks_nothing(tab: Tab, page_server: PageServer) -> None:
    session = page_server.begin(together("She has nine. "), pace=60.0)
    tab.go(page_server.link(session))
    tab.sees("Your turn")
    tab.run(f"{BOX}.dispatchEvent(new CompositionEvent('compositionstart'))")
    press(tab, "Send")
    tab.sees("your input method is still composing")
    tab.type("Two")
    tab.run(f"{BOX}.dispatchEvent(new CompositionEvent('compositionstart'))")
    tab.run("document.querySelector('h1').focus()")
    press(tab, "Send")
    eventually(lambda: [one.text for one in session.done if isinstance(one, Write)] == ["Two"])


def test_text_is_read_aloud_in_groups(tab: Tab, page_server: PageServer) -> None:
    text = "One two three. Four five six seven eight nine ten. Eleven twelve"
    session = page_server.begin(together(f"{text}.\n\n", "paragraph:alternate"), pace=3.0)
    tab.go(page_server.link(session))
    tab.wait("document.querySelector('.flow')")
    tab.run(
        "window.heard = []; new MutationObserver((all) => all.forEach((one) => one.addedNodes.forEach((node) => "
        "heard.push(node.textContent)))).observe(document.querySelector('#said'), { childList: true })"
    )
    tab.sees("Your turn")
    heard = [one for one in tab.run("heard") if "is writing" not in one]
    assert heard[0].startswith("Partner: One"), heard
    assert 2 <= len(heard) <= 4, heard
    assert not [one for one in heard[1:] if "Partner" in one], "the name is said once a turn"
    assert " ".join(heard).replace("Partner: ", "").startswith(f"{text}."), heard


HEAR = (
    "window.heard = []; new MutationObserver((all) => all.forEach((one) => one.addedNodes.forEach((node) => "
    "heard.push(node.textContent)))).observe(document.querySelector('#said'), { childList: true })"
)


def aloud(tab: Tab, page_server: PageServer, session: Session, mode: str) -> None:
    """Opens the session, read aloud in one of the ways."""
    tab.go(f"http://{page_server.host}/main.js")
    tab.run(f"localStorage['tandem-arena.aloud'] = '{json.dumps(mode)}'")
    tab.go(page_server.link(session))


@pytest.mark.parametrize("mode", ["words", "sentences", "turns"])
def test_all_of_a_long_turn_is_read_aloud_in_order(tab: Tab, page_server: PageServer, mode: str) -> None:
    said = [f"word{at}" for at in range(600)]
    session = page_server.begin(together(f"{' '.join(said)}.\n\n", "paragraph:alternate", limit=2000))
    aloud(tab, page_server, session, mode)
    tab.sees("Your turn")
    tab.wait("document.querySelector('#said').textContent.includes('word599.')")
    pieces = tab.run("[...document.querySelectorAll('#said p')].map((one) => one.textContent)")
    pieces = [one for one in pieces if "word" in one and "Your turn" not in one]
    assert " ".join(pieces) == f"Partner: {' '.join(said)}."
    assert len(pieces) > 5
    assert max(map(len, pieces)) <= 600


def test_pieces_end_where_words_or_phrases_do(tab: Tab, page_server: PageServer) -> None:
    tab.go(f"http://{page_server.host}/")
    code = (
        "import('/speak.js').then(({{ Speaker }}) => {{ const one = new Speaker(() => 'turns');"
        " one.wrote('A', {}); one.flush(); return [...one.polite.children].map((p) => p.textContent) }})"
    )
    chinese = "她有九个苹果，" * 200
    pieces = tab.run(code.format(json.dumps(chinese)))
    assert "".join(pieces) == f"A: {chinese}"
    assert all(piece.endswith("，") for piece in pieces)
    odd = "\U0001f600" * 1500
    pieces = tab.run(code.format(json.dumps(odd)))
    assert "".join(pieces) == f"A: {odd}"


@pytest.mark.parametrize("mode", ["words", "turns"])
def test_what_waits_in_a_pause_is_read_afterwards(tab: Tab, page_server: PageServer, mode: str) -> None:
    text = "One two three four five six. Seven eight nine ten eleven twelve."
    session = page_server.begin(together(f"{text}\n\n", "paragraph:alternate"), pace=3.0, seconds=300.0)
    aloud(tab, page_server, session, mode)
    tab.wait(f"{FLOW}.includes('One')")
    tab.run(HEAR)
    tab.wait(f"{FLOW}.includes('five')")
    press(tab, "Pause")
    tab.sees("Paused")
    assert "three" not in tab.run("document.querySelector('#said').textContent"), "nothing is to be found in a pause"
    paused = len(tab.run("heard"))
    press(tab, "Go on")
    tab.sees("Your turn")
    heard = tab.run("heard")
    assert not [one for one in heard[:paused] if "twelve" in one]
    heard = " ".join(one for one in heard if "Paused" not in one and "is writing" not in one)
    assert text in heard.replace("Partner: ", ""), heard


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


def test_messages_add_up_to_what_is_known(tab: Tab, page_server: PageServer) -> None:
    tab.go(f"http://{page_server.host}/")
    problem = {"type": "problem", "id": "p", "question": "?", "authors": ["You", "Partner"], "number": 1, "of": 2}
    said = [{"type": "said", "author": author, "text": text} for author, text in ((1, "a"), (1, " b"), (0, " c"))]
    told = [problem, *said, {"type": "welcome", "title": "T", "can_extend": True, "can_withdraw": False}, problem]
    fold = "import('/state.js').then(({{ fold, nothing }}) => {}.reduce(fold, nothing()).turns)"
    assert tab.run(fold.format(json.dumps(told))) == [[1, "a b"], [0, " c"]], "nothing blinks while it is told again"
    assert tab.run(fold.format(json.dumps([*told, said[0]]))) == [[1, "a"]], "without a whole it begins anew"
    assert tab.run(fold.format(json.dumps([*told, {"type": "whole", "turns": [[1, "z"]]}, said[0]]))) == [[1, "za"]]
    assert tab.run(fold.format(json.dumps([*told, {**problem, "id": "q"}]))) == []
