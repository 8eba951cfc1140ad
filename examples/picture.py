"""Draws the README's picture: two real episodes of the embedded pair, as the terminal shows them.

Run it as ``python examples/picture.py docs/episode.svg``.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from arena import Arena
from arena.show import show_episode

EPISODES = (8, 26)
"""Of the test split: one that the team got right, and one in which a handoff fell inside the jargon."""


def main(path: Path) -> None:
    console = Console(
        record=True, width=92, force_terminal=True, color_system="truecolor", file=io.StringIO(), highlight=False
    )
    with Arena({"senior": "senior", "junior": "junior"}, seed=7) as arena:
        problems = [arena.task.problems("test")[index] for index in EPISODES]
        played = {episode.problem_id: episode for episode in arena.play(map(arena.job, problems))}
        for problem in problems:
            show_episode(console, played[problem.id])
    drawn = console.export_svg(title="python -m arena.run --pair senior:junior --seed 7")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.S)  # a picture must not load fonts from elsewhere
    drawn = re.sub(r"font-family: (?:Fira Code|arial);?", "font-family: monospace;", drawn)
    path.write_text(re.sub(r"<!--.*?-->\s*", "", drawn, flags=re.S), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
