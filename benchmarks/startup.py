"""``python -m benchmarks.startup``: how long the commands take to answer ``--help``, beside an empty Python."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "arena.run --help": ["-m", "arena.run", "--help"],
    "arena.grade --help": ["-m", "arena.grade", "--help"],
    "arena.validate --help": ["-m", "arena.validate", "--help"],
}
ROUNDS = 9


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):  # in turn, so that all meet the same machine
        for name, arguments in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            times[name].append(time.perf_counter() - began)
    empty = statistics.median(times["python -c pass"])
    for name, found in times.items():
        middle = statistics.median(found)
        spread = f"{min(found):.3f} to {max(found):.3f}"
        print(f"{name:24} median {middle:.3f} s ({spread}), {middle / empty:.1f} x empty")


if __name__ == "__main__":
    main()
