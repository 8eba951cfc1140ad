"""``python -m training.experiments.together "COMMAND" ...``: several commands of `arena.run` in one process.

Most of a short run is the start of Python.
"""

from __future__ import annotations

import shlex
import sys

from arena.command import leave
from arena.run import cli


def main(commands: list[str]) -> int:
    """Runs what `arena.run` is given in each command; stops at the first that fails and returns its exit code."""
    return next((code for command in commands if (code := cli(shlex.split(command)))), 0)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
