"""``python -m arena.validate RUN``: proves a stored run from its files.

Each episode is proven by itself (`arena.proof`); here it is compared with what it belongs to: the episode that it
begins with, and the run's configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import tyro

from agents.replay import Reader
from agents.units import UnitRule
from arena.command import fail, run_command
from arena.episode import Episode, EpisodeError, SpanRecord, surfaces
from arena.policy import Once, parse
from arena.proof import problems_of


@dataclass(frozen=True)
class Opening:
    """What is kept of an episode that others begin with."""

    text: str
    spans: tuple[SpanRecord, ...]

    def units(self, rule: UnitRule) -> int:
        """How many units it holds under a rule."""
        reader = Reader(rule)
        for steps in surfaces(self.text, self.spans):
            reader.skip(steps)
        return reader.unit + 1


def unlike_its_parent(episode: Episode, parent: Opening | None) -> list[str]:
    """What of an episode's prefix is not the beginning of its parent, in words; a missing parent proves nothing.

    Tokens are compared by their ids: a character that the cut splits is text of neither side.
    """
    schedule = parse(episode.policy).schedule
    if parent is None:
        # A prefix may come from another run; what `once` begins with is in its own.
        return [f"parent_id: {episode.parent_id} is not in this run"] if isinstance(schedule, Once) else []
    prefix = episode.spans[: episode.prefix_spans or 0]
    for number, (mine, theirs) in enumerate(zip(prefix, (*parent.spans, *[None] * len(prefix)), strict=False)):
        if theirs is None or not _begins(mine, theirs, episode.text, parent.text, number == len(prefix) - 1):
            return [f"prefix: span {number} is not that of {episode.parent_id}"]
    if isinstance(schedule, Once):
        total = parent.units(parse(episode.policy).rule)
        if episode.prefix_units != round(schedule.fraction * total):
            return [
                f"prefix: {episode.prefix_units} of {total} units, but the policy hands over at {schedule.fraction}"
            ]
    return []


def _begins(mine: SpanRecord, theirs: SpanRecord, text: str, their_text: str, last: bool) -> bool:
    """Is a span of a prefix that of the parent, or (the last one) its beginning?"""
    ours, other = text[mine.start : mine.end], their_text[theirs.start : theirs.end]
    if mine.author != theirs.author or (mine.token_ids is None) != (theirs.token_ids is None):
        return False
    if mine.token_ids is not None and theirs.token_ids is not None:
        size = len(mine.token_ids)
        if mine.token_ids != (theirs.token_ids[:size] if last else theirs.token_ids):
            return False
        ours = ours.rstrip("\ufffd") if last else ours
    return other.startswith(ours) if last else ours == other


@dataclass
class Options:
    """Check that a run's episodes are what they claim to be."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run's folder, or an episodes file."""


def main(options: Options) -> int:
    from arena.store import read_config
    from arena.terminal import visible

    folder = options.run if options.run.is_dir() else None
    path = folder / "episodes.jsonl" if folder else options.run
    if not path.is_file():
        fail(f"{options.run}: there is no episodes.jsonl; name the folder of a run")
    config = read_config(folder) if folder and (folder / "config.toml").is_file() else None
    count = bad = 0
    for line in checked(path, config):
        count += 1
        if line.problems:
            bad += 1
            print(visible(f"{path}:{line.number}: {line.problems[0]}"))
    episodes = "1 episode" if count == 1 else f"{count} episodes"
    print(f"{episodes}, {count - bad} proven, {bad} not (grades are checked by python -m arena.grade)")
    return 1 if bad or not _whole(folder, config, count) else 0


@dataclass(frozen=True)
class Checked:
    """One line of an episodes file."""

    number: int
    id: str | None
    """The episode's; None if the line is no episode."""
    problems: list[str]
    """What is wrong with it, in words; empty if it is proven."""


def checked(path: Path, config: Mapping[str, Any] | None = None) -> Iterator[Checked]:
    """Proves the lines of an episodes file, each by itself, beside its parent, and beside its run's ``config``."""
    from arena.lines import read_lines

    seen: set[str] = set()
    solos: dict[str, Opening] = {}
    for number, given in read_lines(path):
        name: str | None = None
        try:
            episode = Episode.from_dict(given if isinstance(given, dict) else {"not": given})
            name = episode.id if isinstance(episode.id, str) else None
            found = problems_of(episode)
            if not found and episode.parent_id is not None:
                found = unlike_its_parent(episode, solos.get(episode.parent_id))
            if not found and config is not None:
                found = unlike_its_run(episode, config)
            if not found and episode.id in seen:
                found = [f"{episode.id} is in this run more than once"]
            if not found and episode.condition.startswith("solo:"):
                solos[episode.id] = Opening(episode.text, tuple(episode.spans))
            if name is not None:
                seen.add(name)
        except EpisodeError as error:
            found = [str(given) if isinstance(given, EpisodeError) else str(error)]
        yield Checked(number, name, found)


def unlike_its_run(episode: Episode, config: Mapping[str, Any]) -> list[str]:
    """What of an episode is not as its run's configuration says, in words.

    Training has its limit among the rollouts, and several pairs and policies in one run; what other commands store is
    proven by itself alone.
    """
    played, rollouts = _played(config), config.get("rollouts")
    wanted: dict[str, Any] = {}
    if played or isinstance(rollouts, Mapping):
        wanted = {"seed": config.get("seed"), "limit": (config if played else rollouts or {}).get("limit")}
    if played and episode.condition == "team":
        wanted |= {"policy": config.get("handoff"), "authors": str(config.get("pair")).split(":")}
    given = {name: getattr(episode, name) for name in wanted}
    return [
        f"{name} is {given[name]!r}, but config.toml says {wanted[name]!r}"
        for name in wanted
        if given[name] != wanted[name]
    ]


def _played(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is one of `arena.run`."""
    from arena.config import RunConfig

    return config.keys() <= {one.name for one in fields(RunConfig)}


def _whole(folder: Path | None, config: Mapping[str, Any] | None, count: int) -> bool:
    """Says how many episodes are owed; False where none is there, or where a finished run has too few."""
    if not count:
        print("there is nothing to prove")
        return False
    if folder is None or config is None or not _played(config):  # others do not say how many there will be
        return True
    from arena.config import load_defaults
    from arena.plan import size

    owed = size(load_defaults(folder / "config.toml")) - count
    if owed > 0:
        finished = (folder / "summary.json").is_file()
        print(f"{owed} more are asked for by config.toml" + (", and the run was finished" if finished else ""))
        return not finished
    return True


if __name__ == "__main__":
    run_command(main, Options, prog="python -m arena.validate")
