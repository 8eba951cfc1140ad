"""``python -m analysis.read RUN --reader junior``: legibility and drift of stored solutions, and a view of one."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.reading_command import Reads, load, progress, stoppable
from arena.command import check_file, check_least, fail, guarded, leave, parse_options
from arena.terminal import say, visible

if TYPE_CHECKING:
    from agents.language_model import LanguageModel
    from analysis.readings import Job
    from arena.episode import Episode


@dataclass
class ReadConfig(Reads):
    """Let a language model read a run's solutions again: legibility, drift, and a view of one solution.

    Files go to RUN/readings.

    Example: python -m analysis.read runs/mine --reader junior --condition solo:senior --drift
    """

    condition: str = ""
    """What is read: solo:NAME or team. Default: the solo solutions of another than the reader, else the team's."""
    drift: bool = False
    """Also KL(writer || reader) per token, and the other way round on the reader's own solutions if the run has any."""
    seed: int = 0
    """Decides how problems are drawn again for the intervals."""
    view: str = ""
    """The id of an episode (PROBLEM#SAMPLE:CONDITION): print it, shaded by the reader's surprise, and store nothing."""
    html: Path | None = None
    """With --view: write a page instead."""


def main(config: ReadConfig) -> int:
    """Reads what is asked for. Raises UserError for what the user can mend."""
    check_least(config, 0, "seed")
    if config.html and not config.view:
        fail("--html: goes with --view PROBLEM#SAMPLE:CONDITION, the episode to show")
    if config.html:
        check_file("--html", config.html, force=True)
    return stoppable(config, lambda: _view(config) if config.view else _read(config))


def _read(config: ReadConfig) -> int:
    from analysis.readers import chosen, settled_condition, writer_of
    from analysis.readings import Job

    condition, step = settled_condition(config.run, config.condition, config.step, config.reader)
    episodes = chosen(config.run, condition, step, config.episodes)
    writer = writer_of(episodes) if config.drift else ""
    agents = {config.reader: load(config, config.reader, "--reader")}
    if writer not in ("", config.reader):
        agents[writer] = load(config, writer, "--agent")

    def job(reader: str, writer: str, condition: str, episodes: list[Episode]) -> Job:
        return Job(config.run, agents, reader, writer, condition, step, episodes, config.seed)

    found = [_one(config, job(config.reader, writer, condition, episodes))]
    other = f"solo:{config.reader}"
    if writer and condition != other and (back := _own(config, agents[config.reader].model, other, step)):
        found.append(_one(config, job(writer, config.reader, other, back)))
    if config.json:
        say(json.dumps(found if len(found) > 1 else found[0], indent=2, ensure_ascii=False))
    return 0


def _own(config: ReadConfig, reader: LanguageModel, condition: str, step: int | None) -> list[Episode]:
    """The reader's own solutions in this run; none if there are none, or if another model wrote them by its name."""
    from analysis.readers import chosen, conditions_of

    if not conditions_of(config.run)[condition, step]:
        return []
    episodes = chosen(config.run, condition, step, 0)
    episodes = episodes[: config.episodes or None]
    if any(view.get("weights") != reader.weights for one in episodes for view in one.views.values()):
        say(visible(f"{condition} was written by other weights than this reader's, and is not read"), sys.stderr)
        return []
    return episodes


def _one(config: ReadConfig, job: Job) -> dict[str, Any]:
    """One reading: made, stored and shown; or only shown, where it is there already."""
    from agents.contract import AgentError
    from analysis.readings import ReadingError, make
    from analysis.scoring import Budget
    from arena.lines import StoreError

    before = job.kept()
    if before and not config.force:
        changed = job.changed(before)
        if not changed:
            _show(config, before, f"is there already: {job.place.figures}; --force reads again")
            return before
        if changed != "writer":
            fail(f"--reader {job.reader}: {job.place.figures} was made with another {changed}; --force replaces it")
    try:
        with progress(f"{job.reader} reads {job.condition}") as advance:
            device = job.agents[job.reader].model.model.device
            figures = make(job, Budget.of(config.tokens, device), advance)
    except (ReadingError, AgentError) as error:
        fail(f"--reader {job.reader}: {error}")
    except StoreError as error:
        fail(str(error))
    _show(config, figures, f"stored in {job.place.figures}")
    return figures


def _view(config: ReadConfig) -> int:
    """Shows one solution."""
    from agents.contract import AgentError
    from analysis.reading import see
    from analysis.scoring import Budget, read
    from analysis.shading import headline, page, terminal
    from arena.lines import StoreError, read_episodes, replace_file
    from arena.show import Screen

    try:
        episode = next((one for one in read_episodes(config.run) if one.id == config.view), None)
    except StoreError as error:
        fail(str(error))
    if episode is None:
        first = next((one.id for one in read_episodes(config.run)), "none")
        fail(f"--view {config.view}: no episode of this run has that id; its first is {first}")
    agent = load(config, config.reader, "--reader").model
    try:
        seen = see(agent, config.reader, episode)
        if seen.fed > agent.context:
            fail(f"--view {config.view}: is too long for the context of {config.reader}")
        (reading,) = read(agent, [seen], budget=Budget(tokens=config.tokens))
    except AgentError as error:
        fail(f"--reader {config.reader}: {error}")
    if config.html:
        try:
            replace_file(config.html, page(reading, config.reader).encode("utf-8", "replace"))
        except OSError as error:
            fail(f"--html {config.html}: {error.strerror or error}")
        say(visible(f"written to {config.html}"))
        return 0
    screen = Screen()
    screen.tell(visible(headline(reading, config.reader)))
    screen.tell(visible(episode.question))
    screen.print(terminal(reading, colour=screen.color_system is not None), soft_wrap=not screen.is_terminal)
    return 0


def _show(config: ReadConfig, figures: dict[str, Any], last: str) -> None:
    if config.json:
        return
    from analysis.reading_lines import lines
    from arena.show import Screen

    screen = Screen()
    for line in [*lines(figures), last]:
        screen.tell(visible(line))


def cli(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return guarded(lambda: main(parse_options(ReadConfig, argv, prog="python -m analysis.read")))


if __name__ == "__main__":
    leave(cli())
