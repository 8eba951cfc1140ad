"""``python -m benchmarks.jargon RUN AGAIN``: what the miner of jargon finds, misses and makes up (docs/DETECTORS.md).

RUN is made by ``python -m arena.run --pair senior:junior --episodes 200 --baselines --out RUN`` and AGAIN, the junior's
own solutions once more, by ``python -m arena.run --pair junior --episodes 200 --seed 1 --out AGAIN``. It takes a minute
or two.
"""

from __future__ import annotations

import random
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from agents.contract import Span
from agents.language_model import LanguageModel
from agents.registry import AgentConfig, make_agent
from analysis.detectors import load_detector
from analysis.detectors.base import Detector
from analysis.detectors.measures import agreement
from analysis.detectors.mining import ReadSolution, mine
from analysis.detectors.ngrams import pieces
from analysis.detectors.options import Options
from analysis.reading import see
from analysis.scoring import read
from arena.episode import Episode, assemble
from arena.lines import read_episodes
from arena.tasks import Problem, find_problem, load_task

CALCULATOR = load_detector("calculator")
CODES = dict(zip("0123456789", "abcdefghij", strict=True)) | {"+": "P", "-": "M", "*": "T", "/": "D"}

NOTATIONS: dict[str, tuple[Callable[[str], str], str]] = {
    "plain": (lambda text: text, r"(?!)"),
    "reverse Polish": (
        lambda text: re.sub(r"(\d+) ([-+*/]) (\d+) =", r"\1 \3 \2 =", text),
        r"\d+ \d+ [-+*/] =",
    ),
    "letters for operations": (
        lambda text: re.sub(r"(?<=\d )[-+*/](?= \d)", lambda sign: CODES[sign[0]], text),
        r"(?<=\d )[PMTD](?= \d)",
    ),
    "letters for results": (
        lambda text: re.sub(r"(?<== )\d+", lambda number: "".join(CODES[digit] for digit in number[0]), text),
        r"(?<== )[a-j]+",
    ),
}
"""How a plain worked solution is rewritten, and the pattern that finds what was written."""


def solved(problem: Problem, text: str) -> Episode:
    """A solution that nobody had to play."""
    text, spans = assemble([Span("worked", text, ended=True)])
    return Episode(
        f"{problem.id}#0", problem.id, 0, problem.question, text, spans, ["worked"], "word:solo", 0, "end", 256
    )


def read_by(junior: LanguageModel, episodes: Iterable[Episode]) -> list[ReadSolution]:
    return [one.solution() for one in read(junior, [see(junior, "junior", one) for one in episodes])]


def held(name: str, detector: Detector, truth: Detector, texts: list[str]) -> None:
    found = agreement(detector, truth, texts)
    print(f"  {name}: solutions {found.solutions}, found {found.found}, true {found.true}: {found.summary()}")


def notations(junior: LanguageModel, problems: list[Problem], own: list[ReadSolution]) -> list[ReadSolution]:
    """Mines each notation; gives what the plain solutions cost."""
    plain: list[ReadSolution] = []
    for name, (rewrite, pattern) in NOTATIONS.items():
        written = read_by(junior, (solved(one, rewrite(one.solution or "")) for one in problems))
        plain = plain or written
        found = mine(written, own)
        print(f"{name}: {[(one.ngram, round(one.share, 2), round(one.nats, 1)) for one in found.found]}")
        held(
            "held against its pattern", found.detector(), load_detector(f"pattern:{pattern}"), [x.text for x in written]
        )
        if name == "plain":
            print(f"  without a least excess: {len(mine(written, own, Options(least_excess=-99)).found)} found")
    return plain


def power(senior: list[ReadSolution], plain: list[ReadSolution], own: list[ReadSolution]) -> None:
    """How often the jargon is found where only some problems are solved in it, by their number."""
    for number in (20, 30, 50, 100, 200):
        row = []
        for rate in (0.05, 0.1, 0.2, 0.5, 1.0):
            hits = 0
            for seed in range(10):
                rng = random.Random(seed)
                some = rng.sample(range(len(own)), number)
                mixed = [senior[n] if rng.random() < rate else plain[n] for n in some]
                found = mine(mixed, [own[n] for n in some], Options(seed=seed)).found
                hits += any("<<" in piece for one in found for piece in one.ngram)
            row.append(f"{rate:.0%}: {hits} of 10")
        print(f"  {number} problems, share with notes {', '.join(row)}")


def chance(senior: list[ReadSolution], own: list[ReadSolution], trials: int = 200) -> None:
    """Who wrote which solution is decided by coins, and nothing is asked of the surprisal."""
    options, mined, reported = Options(alpha=0.05, flips=199, least_excess=-99), 0, 0
    for seed in range(trials):
        rng = random.Random(seed)
        pairs = [pair if rng.random() < 0.5 else pair[::-1] for pair in zip(senior, own, strict=True)]
        found = mine([a for a, _ in pairs], [b for _, b in pairs], replace(options, seed=seed))
        mined, reported = mined + (found.to_confirm > 0), reported + bool(found.found)
    print(f"swapped labels, alpha {options.alpha}: {mined} of {trials} mined something, {reported} reported it")


def one_text_alone(own: list[ReadSolution], shuffles: int = 99) -> None:
    """Another null: within each of the junior's own solutions the pieces' mean surprisals are shuffled."""
    costs: list[tuple[list[str], list[float]]] = []
    for one in own:
        cut = pieces(one.text)
        nats = [[cost for start, _, cost in one.tokens if piece.start <= start < piece.end] for piece in cut]
        costs.append(([piece.form for piece in cut], [float(np.mean(some or [0.0])) for some in nats]))
    rng = np.random.default_rng(0)

    def means(shuffled: bool) -> dict[str, float]:
        found: dict[str, list[float]] = defaultdict(list)
        for forms, nats in costs:
            for form, cost in zip(forms, rng.permutation(nats) if shuffled else nats, strict=True):
                found[form].append(cost)
        return {form: float(np.mean(some)) * len(some) ** 0.5 for form, some in found.items() if len(some) >= 10}

    largest, data = max(max(means(True).values()) for _ in range(shuffles)), means(False)
    over = sorted(form for form, value in data.items() if value > largest)
    print(f"shuffled within the text, the junior's own: {len(over)} of {len(data)} pieces pass at 0.01: {over}")


def main(run: Path, again: Path) -> None:
    torch.set_num_threads(1)
    junior = make_agent(AgentConfig(address="junior"))
    assert isinstance(junior, LanguageModel)
    episodes = list(read_episodes(run))
    texts = {name: [one.text for one in episodes if one.condition == name] for name in ("team", "solo:senior")}
    senior, own = (
        read_by(junior, (one for one in episodes if one.condition == f"solo:{name}")) for name in ("senior", "junior")
    )
    found = mine(senior, own)
    print(f"{found.looked_at} n-grams looked at, {found.to_confirm} to confirm, {found.confirmed} confirmed;")
    print(f"the junior's own tokens cost {found.usual_nats:.3f} nats")
    for one in found.found:
        print(f"  {one.ngram}: {one.share:.2f} / {one.share_junior:.2f}, {one.nats:.1f} nats, p {one.p}")
    for name, some in texts.items():
        held(name, found.detector(), CALCULATOR, some)
    print(f"the other way round: {len(mine(own, senior).found)} found")
    other = read_by(junior, read_episodes(again))
    for least in (Options().least_excess, -99.0):
        found = mine(other, own, Options(least_excess=least))
        print(f"the junior against itself, least excess {least:.1f}: {found.found}")
    task = load_task("arithmetic")
    plain = notations(junior, [problem for one in own if (problem := find_problem(task, one.problem))], own)
    power(senior, plain, own)
    chance(senior, own)
    one_text_alone(own)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
