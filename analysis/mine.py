"""``python -m analysis.mine RUN --out jargon.json``: what the writer keeps saying that the reader finds improbable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from analysis.detectors.base import DetectorError
from analysis.detectors.options import Options
from analysis.reading_command import Reads, load, progress, stoppable
from arena.command import check_file, fail, guarded, leave, parse_options
from arena.terminal import say, visible

if TYPE_CHECKING:
    from analysis.detectors.mining import Mining
    from analysis.readers import Loaded
    from arena.episode import Episode

SURE = (
    (200, "only what a fifth of the solutions have is sure to be found"),
    (100, "only what half of the solutions have is sure to be found"),
    (20, "only what all solutions have is sure to be found"),
    (0, "not even what all solutions have is sure to be found"),
)
"""From so many problems on: what ten of ten draws found, in the trials of docs/DETECTORS.md."""


@dataclass(kw_only=True)
class MineConfig(Reads):
    """Mine jargon: n-grams that a writer uses, the reader does not, and finds improbable; a detector of them.

    Both must have solved the same problems alone, as arena.run --baselines has them do.

    Example: python -m analysis.mine runs/mine --writer senior --reader junior --out jargon.json
    """

    out: Path
    """The detector's file: analysis.report --detector ngrams:FILE counts what was found."""
    writer: str = ""
    """Whose solo solutions may hold jargon. Default: who else than the reader has some in the run."""
    own: Path | None = None
    """A run with the reader's own solutions of the same problems, where RUN has none."""
    mining: tyro.conf.OmitArgPrefixes[Options] = field(default_factory=Options)


@dataclass(frozen=True)
class Side:
    """What one of the two wrote alone."""

    name: str
    run: Path
    episodes: Sequence[Episode]

    def record(self) -> dict[str, Any]:
        """Which texts they were, so that figures can be traced."""
        from analysis.reading_files import episodes_digest

        first = self.episodes[0]
        digest = {"count": len(self.episodes), "digest": episodes_digest(self.episodes)}
        return {"name": self.name, "run": str(self.run), "condition": first.condition, "step": first.step, **digest}


def main(config: MineConfig) -> int:
    """Mines and writes. Raises UserError for what the user can mend."""
    try:
        config.mining.check()
    except DetectorError as error:
        fail(str(error).replace("ngrams: ", "--").replace("_", "-"))
    check_file("--out", config.out, force=config.force)
    return stoppable(config, lambda: _mine(config))


def _mine(config: MineConfig) -> int:
    from analysis.readers import versions_of

    sides = _sides(config)
    loaded = load(config, config.reader, "--reader")
    found, left_out = _found(config, loaded, *sides)
    writer, own = (side.record() for side in sides)
    reader = {**loaded.record(config.reader), "own": own}
    detector = found.detector()
    detector.record |= {"writer": writer, "reader": reader, "left_out": left_out, "versions": versions_of()}
    try:
        detector.save(config.out)
    except OSError as error:
        fail(f"--out {config.out}: {error.strerror or error}")
    if config.json:
        say(json.dumps(detector.record, indent=2, ensure_ascii=False))
        return 0
    for line in lines(found, sides[0].name, config.reader, left_out):
        say(visible(line))
    counts = f"counted by python -m analysis.report {config.run} --detector ngrams:{config.out} --out report.html"
    say(visible(f"written: {config.out}; {counts if found.found else 'as a detector it finds nothing'}"))
    return 0


def _sides(config: MineConfig) -> tuple[Side, Side]:
    """Writer and reader with their solutions; the reader's are those of the writer's problems. Raises UserError."""
    from analysis.readers import alone, conditions_of

    writer, home = config.writer or _other(config), config.own or config.run
    if writer == config.reader:
        fail(f"--writer {writer}: is the reader; name somebody else")
    names = _soloists(config.run)
    who = f", where {', '.join(names)} did" if names else ""
    theirs = alone(config.run, writer, config.step, config.episodes)
    if not theirs:
        fail(
            f"--writer {writer}: solved nothing alone in {config.run}{who}; arena.run --baselines has everybody do that"
        )
    known = (f"solo:{config.reader}", config.step) in conditions_of(home)
    own = alone(home, config.reader, config.step if known else None)
    if not own and config.own:
        fail(
            f"--own {home}: {config.reader} solved nothing alone there; arena.run --pair {config.reader} has it do that"
        )
    if not own:
        fail(
            f"--reader {config.reader}: solved nothing alone in {home}{who}; name a run in which it did by --own, "
            "or play this one with arena.run --baselines"
        )
    asked = {one.problem_id: one.question for one in theirs if one.ended != "error"}
    own = [one for one in own if one.problem_id in asked and one.ended != "error"]
    if other := next((one for one in own if one.question != asked[one.problem_id]), None):
        fail(f"--own {home}: its {other.problem_id} is another problem than that of {config.run}; name a run of these")
    both, least = len({one.problem_id for one in own}), config.mining.least_problems
    if both < least:
        fail(
            f"RUN {config.run}: {writer} and {config.reader} both solved {both} problems, and --alpha "
            f"{config.mining.alpha:g} needs {least}, half to mine and half to confirm; play more episodes"
        )
    return Side(writer, config.run, theirs), Side(config.reader, home, own)


def _other(config: MineConfig) -> str:
    """The one who wrote alone, besides the reader. Raises UserError where nobody or several did."""
    names = [name for name in _soloists(config.run) if name != config.reader]
    if not names:
        fail(
            f"RUN {config.run}: nobody but {config.reader} solved anything alone there; arena.run --baselines does that"
        )
    if len(names) > 1:
        fail(f"--writer: {', '.join(names)} solved problems alone in {config.run}; name one")
    return names[0]


def _soloists(run: Path) -> list[str]:
    """Who has solo solutions in a run."""
    from analysis.readers import conditions_of

    alone = (name.removeprefix("solo:") for name, _ in conditions_of(run) if name.startswith("solo:"))
    return list(dict.fromkeys(alone))


def _found(config: MineConfig, loaded: Loaded, writer: Side, reader: Side) -> tuple[Mining, dict[str, int]]:
    """What was mined, and how many solutions were left out, by reason. Raises UserError."""
    from agents.contract import AgentError
    from analysis.detectors.mining import mine
    from analysis.readers import seen_by, unlike_the_writer
    from analysis.scoring import Budget, read

    model = loaded.model
    theirs, left_out = seen_by(model, reader.name, writer.episodes)
    own, more = seen_by(model, reader.name, reader.episodes)
    if unlike := unlike_the_writer(reader.name, model, list(own.values())):
        fail(
            f"--reader {reader.name}: has other {unlike} here than when it wrote its own solutions in {reader.run}; "
            f"define that one by --agent {reader.name}=ADDRESS, or name a run of this one by --own"
        )
    texts = [*theirs.values(), *own.values()]
    total = sum(text.targets for text in texts)
    try:
        with progress(f"{reader.name} reads {writer.name} and itself") as advance:
            budget = Budget.of(config.tokens, model.model.device)
            readings = read(model, texts, budget=budget, advance=lambda tokens: advance(tokens, total))
        solutions = [reading.solution() for reading in readings]
        found = mine(solutions[: len(theirs)], solutions[len(theirs) :], config.mining)
    except AgentError as error:
        fail(f"--reader {reader.name}: {error}")
    except DetectorError as error:
        fail(f"--reader {reader.name}: {str(error).removeprefix('ngrams: ')}")
    return found, dict(left_out + more)


def lines(found: Mining, writer: str, reader: str, left_out: dict[str, int]) -> Iterator[str]:
    """What was found, in words."""
    from analysis.settings import aligned

    problems = sum(found.problems)
    yield (
        f"{reader} reads {writer} and itself on {problems} problems, {found.problems[0]} to mine and "
        f"{found.problems[1]} to confirm; a token of its own costs it {found.usual_nats:.3f} nats"
    )
    if found.unpaired:
        yield f"left out: {found.unpaired} problems that only one of the two solved"
    if left_out:
        yield "left out: " + ", ".join(f"{count} solutions {reason}" for reason, count in left_out.items())
    yield (
        f"{found.looked_at} n-grams looked at, {found.to_confirm} mined, {found.confirmed} confirmed, "
        f"{len(found.found)} of which hold no other"
    )
    if not found.found:
        sure = next(what for least, what in SURE if problems >= least)
        yield f"nothing was found, which is no sign that there is no jargon: of {problems} problems {sure}"
        return
    rows = [("n-gram", writer, reader, "nats", "excess", "p")]
    rows += [
        (
            json.dumps("".join(one.ngram), ensure_ascii=False),
            f"{one.share:.2f}",
            f"{one.share_junior:.2f}",
            f"{one.nats:.1f}",
            f"{one.excess:.1f}",
            f"{one.p:.2g}",
        )
        for one in found.found
    ]
    yield from aligned(rows)


def cli(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return guarded(lambda: main(parse_options(MineConfig, argv, prog="python -m analysis.mine")))


if __name__ == "__main__":
    leave(cli())
