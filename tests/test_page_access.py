"""Who can use the page: names and roles, order of the focus, contrast, small and enlarged screens, the axe rules.

`make test-page` fetches axe-core to a temporary folder and runs this with it; docs/PAGE.md has what only ears check.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from human.messages import FromResearcher
from tests.chromium import Tab
from tests.page_server import PageServer, Session
from tests.page_study import study
from tests.paging import BOX, press, reach

AXE = os.environ.get("AXE_CORE", "")
NAMED = {"button", "textbox", "radio", "checkbox", "combobox", "radiogroup", "region", "searchbox", "slider", "link"}

CONTRAST = """
(() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return getComputedStyle(document.documentElement).colorScheme;
  };
  const ratio = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    const text = walk.currentNode.textContent.trim();
    if (!text || !element.getClientRects().length || element.closest('.unseen, noscript, option')) continue;
    const style = getComputedStyle(element);
    found.push([ratio(style.color, behind(element)), text.slice(0, 40), 4.5]);
  }
  for (const element of document.querySelectorAll('textarea, input:not([type=radio], [type=checkbox]), button')) {
    if (!element.getClientRects().length || element.getAttribute('aria-disabled')) continue;
    const style = getComputedStyle(element);
    found.push([ratio(style.borderTopColor, behind(element.parentElement)), 'border of ' + element.textContent, 3]);
  }
  return found;
})()
"""
TARGETS = """
[...document.querySelectorAll('button, select, summary, textarea, input')].map((one) => {
  const target = one.closest('label.option') ?? one;
  const { width, height } = target.getBoundingClientRect();
  return [target.textContent.slice(0, 30) || target.tagName, width, height, one.getClientRects().length];
}).filter(([, , , shown]) => shown)
"""
SIDEWAYS = """
[document.documentElement.scrollWidth - document.documentElement.clientWidth,
 ...[...document.querySelectorAll('main *')].filter((one) => one.getClientRects().length && !one.closest('.unseen'))
   .map((one) => one.getBoundingClientRect().right - document.documentElement.clientWidth)]
"""


@pytest.fixture(autouse=True)
def small(tab: Tab) -> None:
    tab.size(360, 740)


def screens(tab: Tab, server: PageServer) -> Iterator[tuple[str, Session]]:
    """Goes through a session; stops at every screen there is."""
    session = server.begin(study, pace=8.0, seconds=300.0)
    go = "document.querySelector('main button.main').click()"
    tab.go(server.link(session))
    tab.sees("Consent")
    yield "consent", session
    tab.run("document.querySelector('input').click()")
    tab.run(go)
    tab.sees("Before you begin")
    yield "form", session
    tab.run(go)
    tab.sees("3 questions need another look")
    yield "form with errors", session
    tab.run("document.querySelectorAll('input[type=radio]')[0].click()")
    tab.run("document.querySelector('input.number').value = '30'")
    tab.run("document.querySelectorAll('.scale input')[4].click()")
    tab.run(go)
    tab.sees("Not right yet")
    yield "wrong answer", session
    tab.run("document.querySelectorAll('input[type=radio]')[1].click()")
    tab.run(go)
    tab.sees("Partner is writing")
    yield "partner writes", session
    tab.sees("Your turn")
    tab.insert("It goes on. More")
    tab.sees("Only this would be taken")
    server.send(session, FromResearcher(text="A message"))
    tab.sees("A message")
    yield "your turn", session
    press(tab, "Pause")
    tab.sees("You asked for a pause")
    yield "paused", session
    press(tab, "Go on")
    tab.run("document.querySelector('details').open = true")
    yield "settings", session
    press(tab, "Stop and delete my data")
    yield "sure", session
    press(tab, "No, go back")
    server.cut()
    tab.sees("connection is lost")
    yield "lost", session
    server.mend()
    tab.wait("/Connected again[^]*Your turn/.test(document.body.innerText)")  # all of the screen is back
    tab.run(f"{BOX}.value = 'It goes on.'")
    press(tab, "Finish the solution")
    tab.sees("About this problem")
    yield "rating", session
    tab.run("document.querySelector('input').click()")
    tab.run(go)
    tab.sees("Time for a break")
    yield "break", session
    tab.run(go)
    tab.sees("HANDOFF-DONE")
    yield "end", session


def test_everything_has_a_name_and_a_place(tab: Tab, page_server: PageServer) -> None:
    for name, _ in screens(tab, page_server):
        tree = tab.tree()
        for node in tree:
            assert node["role"] not in NAMED or node["name"].strip(), (name, node)
        roles = [node["role"] for node in tree]
        levels = [node["level"] for node in tree if node["role"] == "heading"]
        if name == "sure":
            assert roles.count("dialog") == 1
            assert next(node for node in tree if node["role"] == "dialog")["name"].startswith("Stop for good")
            continue
        assert roles.count("main") == 1, name
        assert levels.count(1) == 1, (name, levels)
        for before, after in zip([1, *levels], levels, strict=False):
            assert after <= before + 1, (name, levels)
        assert next(node for node in tree if node["role"] == "RootWebArea")["name"].endswith("Solving together"), name
        assert {"polite", "assertive"} <= {node.get("live") for node in tree}, name
        assert tab.run("document.documentElement.lang") == "en"
        ids = tab.run("[...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(ids) == len(set(ids))
        told = tab.run(
            "[...document.querySelectorAll('[aria-describedby], [aria-labelledby]')].flatMap((one) => "
            "`${one.getAttribute('aria-describedby') ?? ''} ${one.getAttribute('aria-labelledby') ?? ''}`"
            ".split(' ').filter((id) => id && !document.getElementById(id)))"
        )
        assert told == [], name


def test_what_is_wrong_is_said_where_it_is(tab: Tab, page_server: PageServer) -> None:
    wanted = {
        "form with errors": {"radiogroup": "Please answer", "textbox": "Please answer"},
        "wrong answer": {"radiogroup": "Not right yet"},
    }
    for name, _ in screens(tab, page_server):
        if name in wanted:
            for role, text in wanted[name].items():
                marked = [one for one in tab.tree() if one["role"] == role and one.get("invalid") == "true"]
                assert marked, (name, role)
                assert all(text in one["description"] for one in marked), marked
        if name == "your turn":
            box = next(one for one in tab.tree() if one["role"] == "textbox")
            assert box["name"] == "Your text"
            for said in ("Your turn. Write one new sentence.", "Only this would be taken", "may still have"):
                assert said in box["description"]
            return


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(tab: Tab, page_server: PageServer, scheme: str) -> None:
    tab.media(prefers_color_scheme=scheme)
    for name, _ in screens(tab, page_server):
        found = tab.run(CONTRAST)
        assert len(found) > 2
        for ratio, text, least in found:
            assert ratio >= least, (name, text, ratio)
    assert tab.run("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)" if scheme == "light" else "rgb(22, 24, 26)"
    )


@pytest.mark.parametrize(("width", "enlarged"), [(320, 1), (640, 2), (360, 1.3)])
def test_nothing_goes_sideways(tab: Tab, page_server: PageServer, width: int, enlarged: float) -> None:
    """320 CSS pixels are also 1,280 at 400%, and 640 are 200%; letters twice as large on top of it."""
    tab.size(width, 700)
    for name, _ in screens(tab, page_server):
        tab.run(f"document.documentElement.style.fontSize = '{100 * enlarged}%'")
        assert max(tab.run(SIDEWAYS)) <= 1, name
        assert tab.run("getComputedStyle(document.documentElement).overflowX") == "visible"


def test_targets_are_large_enough_for_a_thumb(tab: Tab, page_server: PageServer) -> None:
    tab.size(360, 740, mobile=True)
    for name, _ in screens(tab, page_server):
        for text, width, height, _ in tab.run(TARGETS):
            assert width >= 44, (name, text, width)
            assert height >= 44, (name, text, height)


def test_the_focus_goes_in_the_order_of_the_page_and_is_seen(tab: Tab, page_server: PageServer) -> None:
    tab.size(1280, 800)
    for name, _ in screens(tab, page_server):
        if name != "partner writes":
            continue
        tab.sees("Your turn")
        tab.run("document.querySelector('h1').focus()")
        order = []
        for _ in range(7):
            tab.key("Tab")
            order.append(
                tab.run("document.activeElement.labels?.[0]?.textContent || document.activeElement.textContent")
            )
            outline = tab.run("getComputedStyle(document.activeElement).outline")
            assert "solid" in outline, outline
        assert order[0:2] == ["More time", "Pause"]
        assert "Partner:" in order[2], "the solution can be scrolled by keys"
        assert order[3:] == ["Your text", "Send", "Finish the solution", "Reading aloud, leaving"]
        return


def test_nothing_moves_and_forced_colours_keep_the_marks(tab: Tab, page_server: PageServer) -> None:
    tab.media(prefers_reduced_motion="reduce", forced_colors="active")
    for name, _ in screens(tab, page_server):
        assert tab.run("document.getAnimations().length") == 0
        if name == "your turn":
            assert tab.run("getComputedStyle(document.querySelector('.turn.author-1')).borderBottomStyle") == "dashed"
            assert tab.run("document.querySelector('.who').textContent") == "■ Partner: "


def test_what_is_read_aloud_can_be_set(tab: Tab, page_server: PageServer) -> None:
    for name, _ in screens(tab, page_server):
        if name == "consent":
            tab.run("document.querySelector('details').open = true")
            tab.run("document.querySelector('summary').focus()")
            reach(tab, "Screen readers hear")
            tab.key("ArrowDown")
            tab.key("ArrowDown")
            assert tab.run("document.querySelector('select').value") == "turns"
        if name == "partner writes":
            tab.run(
                "window.heard = []; new MutationObserver((all) => all.forEach((one) => one.addedNodes.forEach((node) =>"
                " heard.push(node.textContent)))).observe(document.querySelector('#said'), { childList: true })"
            )
            tab.sees("Your turn")
            heard = [one for one in tab.run("heard") if one.startswith("Partner:")]
            assert len(heard) == 1, heard
            return


def test_the_rules_of_axe(tab: Tab, page_server: PageServer) -> None:
    if not Path(AXE).is_file():
        pytest.skip("axe-core is not here: `make test-page` fetches it (AXE_CORE is the path of axe.min.js)")
    source = Path(AXE).read_text(encoding="utf-8")
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    tab.call("Page.setBypassCSP", enabled=True)
    for name, _ in screens(tab, page_server):
        for scheme in ("light", "dark"):
            tab.media(prefers_color_scheme=scheme)
            tab.run(f"window.axe || (0, eval)({json.dumps(source)}); 1")
            passed, violated = tab.run(
                f"axe.run(document, {json.dumps(rules)}).then(({{ passes, violations }}) => [passes.length, "
                "violations.map(({ id, nodes }) => [id, ...nodes.map((node) => node.html)])])"
            )
            assert passed > 10
            assert violated == [], (name, scheme, violated)
