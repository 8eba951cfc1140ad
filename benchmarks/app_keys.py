"""``python -m benchmarks.app_keys``: from a key to the changed screen of the app, while the partner streams.

The app runs as a user runs it, in a terminal of its own (a pty), against the embedded senior. Characters that nobody
else writes are typed at random moments; the time is until one of them is in what the terminal is sent.
"""

from __future__ import annotations

import fcntl
import os
import pty
import random
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

PROBLEMS = 12
CHARACTERS = "àéîõüçñåøþðßšžčłğ"
SIZES = ((80, 24), (160, 50))


class Terminal:
    """What the app is run in."""

    def __init__(self, columns: int, rows: int, *arguments: str):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[1])}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "human.app", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        self._file = ours
        self.shown = ""

    def press(self, keys: str) -> None:
        os.write(self._file, keys.encode())

    def read(self, seconds: float) -> str:
        """What comes within so many seconds, or at once if something has come."""
        if not select.select([self._file], [], [], max(0.0, seconds))[0]:
            return ""
        more = os.read(self._file, 1 << 16).decode("utf-8", "replace")
        self.shown = (self.shown + more)[-20_000:]
        return more

    def until(self, text: str, seconds: float = 60.0) -> float:
        """Seconds until a text is shown."""
        began = time.perf_counter()
        found = ""
        while text not in found:
            if time.perf_counter() - began > seconds:
                raise SystemExit(f"{text!r} was not shown: {self.shown[-2000:]!r}")
            found = found[-200:] + self.read(0.5)
        return time.perf_counter() - began


def measure(columns: int, rows: int, folder: Path) -> list[float]:
    """Seconds from each key to the screen."""
    chance = random.Random(1)
    flags = ["--pair", "senior:human", "--handoff", "word:demand", "--episodes", str(PROBLEMS), "--out", str(folder)]
    terminal = Terminal(columns, rows, *flags)
    found: list[float] = []
    try:
        for problem in range(1, PROBLEMS + 1):
            terminal.until("Problem 1 " if problem == 1 else f"{problem} of {PROBLEMS}")
            terminal.shown = ""
            typed = 0
            while "How easy" not in terminal.shown:
                pause = time.perf_counter() + chance.uniform(0.05, 0.2)
                while (left := pause - time.perf_counter()) > 0:
                    terminal.read(left)
                if "How easy" in terminal.shown:
                    break
                character = CHARACTERS[typed % len(CHARACTERS)]
                typed += 1
                if typed % len(CHARACTERS) == 0:  # the same must not stand there already
                    terminal.press("\x15")
                    continue
                terminal.press(character)
                began = time.perf_counter()
                more = ""
                while character not in more and "How easy" not in terminal.shown:
                    more += terminal.read(0.5)
                    if time.perf_counter() - began > 10:
                        raise SystemExit(f"no answer to a key: {terminal.shown[-2000:]!r}")
                if character in more:
                    found.append(time.perf_counter() - began)
            for _ in range(2):  # past the rating and what may be said about it
                time.sleep(0.5)
                terminal.press("\r")
            terminal.until("Next problem" if problem < PROBLEMS else "Results")
            terminal.press("\r")
    finally:
        terminal.process.kill()
        terminal.process.wait()
    return found


def main() -> None:
    for columns, rows in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            found = sorted(1000 * seconds for seconds in measure(columns, rows, Path(folder) / "run"))
        p99 = found[min(len(found) - 1, int(0.99 * len(found)))]
        print(
            f"{columns}x{rows}: {len(found)} keys, median {statistics.median(found):.1f} ms, "
            f"p99 {p99:.1f} ms, slowest {found[-1]:.1f} ms"
        )


if __name__ == "__main__":
    main()
