"""The page and the real server: a whole study in Chromium, with the server killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from arena.episode import Episode
from arena.proof import problems_of
from human.record.people import invite
from human.server.house import opened, record_of
from tests.chromium import CONTROL, Tab
from tests.paging import BOX, press, quiet
from tests.running import ENVIRONMENT, ROOT
from tests.studies import made, study_file
from tests.test_serve import free_port
from tests.test_session import SHORT

FILL = """
document.querySelectorAll('main fieldset').forEach((one) => {
  const options = [...one.querySelectorAll('label')];
  (options.find((option) => /####|^My head|^seven/.test(option.textContent)) ?? options[0]).click();
});
document.querySelectorAll('main .field input').forEach((one) => (one.value = '1'));
document.querySelector('main button[type=submit]')?.click();
"""
NOW = "document.querySelector('.work.now')"
OVER = "document.body.innerText.includes('Your name in our records')"


def start(study: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "human.serve", "--study", str(study), "--port", str(port), "--draft"]
    return subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.DEVNULL)


def go_on(tab: Tab, until: str) -> int:
    """Answers every page and finishes every problem until something is so; says how many problems those were."""
    finished, end = 0, time.monotonic() + 90
    while not tab.run(f"!!({until})"):
        assert time.monotonic() < end, tab.run("document.body.innerText")[:600]
        if tab.run(f"!!{NOW}"):
            tab.run(f"{BOX}.value = 'So it is what it is\\n#### 12'")
            press(tab, "Finish the solution")
            tab.wait(f"!{NOW}")
            finished += 1
        else:
            before = tab.run("document.querySelector('h1')?.textContent ?? ''")
            tab.run(FILL)
            if tab.run("!!document.querySelector('main form')"):
                tab.wait(f"document.querySelector('h1').textContent !== {before!r} || {until}", 5)
        time.sleep(0.02)
    return finished


def test_a_study_from_consent_to_code(tab: Tab, tmp_path: Path) -> None:
    study, port = made(study_file(tmp_path, SHORT))[0].path, free_port()
    read, _, seal = opened(study, draft=True)
    with record_of(read, seal) as record:
        token = invite(record, 1, 7)[0][1]
    server = start(study, port)
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            tab.go(f"http://127.0.0.1:{port}/#{token}")
            if tab.run("document.body?.innerText.includes('Taking part') || location.protocol === 'http:'"):
                break
            time.sleep(0.3)
        tab.sees("Taking part")
        quiet(tab)
        finished = go_on(tab, f"document.querySelector('h1').textContent.startsWith('Problem 2') && {NOW}")
        tab.run(f"{BOX}.focus()")
        tab.type("So it is")
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        tab.sees("connection is lost")
        tab.type(" so.")
        tab.key("Enter", CONTROL)
        tab.sees("sent as soon as the connection is back")
        server = start(study, port)
        tab.wait("document.querySelector('.banner').hidden")
        tab.wait(f"document.querySelector('.flow').textContent.includes('So it is so.') || {NOW}")
        finished += go_on(tab, OVER)
        assert finished == 5, "two to practise and three that count"
        tab.call("Page.reload")
        tab.wait(OVER)
    finally:
        server.terminate()
        server.wait()
    with record_of(read, seal) as record:
        (person,) = record.read("SELECT id FROM people")[0]
        found = [event for event in record.events(person) if event.kind == "episode"]
    assert [event.trial for event in found] == ["p01", "p02", "t01", "t02", "t03"]
    texts = []
    for event in found:
        episode = Episode.from_dict(event.data["episode"])
        assert problems_of(episode) == []
        assert episode.views["human"]["person"] == "page"
        texts.append(episode.text)
    assert sum(text.count("So it is so.") for text in texts) == 1
