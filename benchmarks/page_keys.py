"""``python -m benchmarks.page_keys``: from a key to its letter on the screen, while a partner's text streams in.

Real Chromium, headless. The browser's own event timing (until the next frame is presented) only counts from 16 ms and
in steps of 8, so the frame is also timed from within: the first task after the frame in which the letter is drawn.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from agents.scripted import Reciting
from tests.chromium import Chromium, Tab
from tests.page_server import PageServer, Session
from tests.page_study import QUESTION

KEYS = 400
PACE = 20.0
"""Words a second, five times what a study shows."""
WATCH = """
window.took = []; window.timed = [];
new PerformanceObserver((all) => all.getEntries().forEach((one) => one.name === 'keydown' && timed.push(one.duration)))
  .observe({ type: 'event', durationThreshold: 16, buffered: false });
document.querySelector('textarea').addEventListener('keydown', (event) => {
  const box = event.target, before = box.value.length;
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      if (box.value.length > before) took.push(performance.now() - event.timeStamp);
    };
    port2.postMessage(0);
  });
});
"""


async def script(session: Session) -> None:
    words = "So she has 14 * 2 = <<14*2=28>>28 marbles and then some more of them "
    await session.problem("p/1", QUESTION, Reciting(words), "paragraph:alternate", limit=100_000)


def typed(tab: Tab, keys: int) -> tuple[list[float], list[float]]:
    """Milliseconds for every key: as timed on the page, and what the browser timed (16 at least)."""
    tab.run("document.querySelector('textarea').focus()")
    tab.run(WATCH)
    for number in range(keys):
        tab.key("abcdefghij klmnop rst"[number % 21])
        time.sleep(0.02)
    tab.wait(f"took.length > {keys * 0.9}")
    return tab.run("took"), tab.run("timed")


def said(times: list[float]) -> str:
    middle, p99 = np.percentile(times, [50, 99])
    return f"{len(times)} keys, median {middle:.1f} ms, p99 {p99:.1f} ms, longest {max(times):.1f} ms"


def main() -> None:
    server = PageServer()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Chromium(Path(folder))
        try:
            for slower in (1, 4):
                for pace in (PACE, 0.001):
                    tab = browser.tab(360, 740)
                    session = server.begin(script, pace=pace, seconds=600.0)
                    tab.go(server.link(session))
                    tab.sees("Partner is writing")
                    for domain in ("Accessibility", "Audits", "DOM", "Network", "Log"):
                        tab.call(f"{domain}.disable")
                    tab.call("Emulation.setCPUThrottlingRate", rate=slower)
                    took, timed = typed(tab, KEYS)
                    letters = tab.run("document.querySelector('.flow').textContent.length")
                    tab.close()
                    print(f"CPU / {slower}, {letters} letters streamed: {said(took)}")
                    if letters:
                        print(f"    until presented, by the browser: {said(timed)}")
        finally:
            browser.close()
            server.close()


if __name__ == "__main__":
    main()
