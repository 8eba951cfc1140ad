"""What tests of the page have in common: how they reach, press and wait, and short sessions to do it in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from agents.scripted import Reciting
from tests.chromium import Tab
from tests.page_server import Script, Session
from tests.page_study import BREAK, LAST, QUESTION

BOX = "document.querySelector('main textarea')"
FLOW = "document.querySelector('.flow').textContent"
FOCUS = (
    "((e) => [e.tagName, e.labels?.[0]?.textContent ?? '', e.textContent.slice(0, 60), e.value ?? ''].join('|'))"
    "(document.activeElement)"
)


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
    """Presses a button, once, when it is there and can be pressed."""
    find = (
        "[...document.querySelectorAll('button:not([aria-disabled])')]"
        f".find((one) => one.textContent === {json.dumps(text)} && one.getClientRects().length)"
    )
    tab.wait(find)
    tab.run(f"{find}.click()")


def together(partner: str, handoff: str = "sentence:alternate", **how: object) -> Script:
    async def script(session: Session) -> None:
        await session.problem("p/1", QUESTION, Reciting(partner), handoff, **how)
        await session.page(BREAK)
        await session.page(LAST)

    return script


def quiet(tab: Tab, *, cut: bool = False) -> None:
    """The browser has complained of nothing; after a cut it may have tried in vain to come back."""
    found = [one for one in tab.complaints() if not (cut and "Unexpected response code: 503" in one)]
    assert not found, found[:3]


def eventually(check: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not check() and time.monotonic() < end:
        time.sleep(0.02)
    assert check()
