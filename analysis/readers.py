"""Who reads a run, what of it is read, and whether a writer is the one that wrote it. Mistakes are one line."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.contract import AgentError
from agents.registry import AgentConfig, defined_agents, make_agent, resolve, table_of
from analysis.reading import SeenText, see
from arena.command import fail
from arena.config import agent_tables, check_agent, place
from arena.episode import Episode
from arena.jobs import versions
from arena.lines import StoreError, read_episodes, read_lines
from arena.store import read_config

if TYPE_CHECKING:
    from agents.language_model import LanguageModel


@dataclass(frozen=True)
class Loaded:
    """A model, and the table that it was made by."""

    model: LanguageModel
    table: dict[str, Any]

    def record(self, name: str) -> dict[str, Any]:
        """Who it is, so that figures can be traced: weights, tokens, table and what it computes in, but not where."""
        made = {"weights": self.model.weights, "tokeniser": self.model.vocabulary.digest}
        table = {option: value for option, value in self.table.items() if option not in ("device", "dtype")}
        return {"name": name, **made, "dtype": str(self.model.model.dtype), "table": table}


def conditions_of(run: Path) -> Counter[tuple[str, int | None]]:
    """(condition, step) of a run's episodes, and how many there are of each. Raises UserError."""
    path = run / "episodes.jsonl"
    if not path.is_file():
        fail(f"{run}: there is no episodes.jsonl; name the folder of a run")
    found: Counter[tuple[str, int | None]] = Counter()
    for _, line in read_lines(path):
        if isinstance(line, dict):
            found[str(line.get("condition")), line.get("step")] += 1
    if not found:
        fail(f"{run}: there is no episode in it yet")
    return found


def settled_condition(run: Path, condition: str, step: int | None, reader: str) -> tuple[str, int | None]:
    """What is read: what was asked for, else the first solo solutions of another than the reader, else the team's."""
    there = conditions_of(run)
    names = list(dict.fromkeys(name for name, _ in there))
    alone = [name for name in names if name.startswith("solo:") and name != f"solo:{reader}"]
    condition = condition or next(iter([*alone, *(name for name in names if name == "team"), *names]))
    if condition not in names:
        fail(f"--condition {condition}: this run has {', '.join(names)}")
    steps = [number for name, number in there if name == condition]
    if step is None and len(steps) > 1:
        known = ", ".join(str(number) for number in steps if number is not None)
        fail(f"--step: {condition} was written at several steps of training; name one of {known}")
    if step is not None and step not in steps:
        known = ", ".join(str(number) for number in steps if number is not None) or "no steps"
        fail(f"--step {step}: {condition} has {known}")
    return condition, steps[0] if step is None else step


def alone(run: Path, name: str, step: int | None, most: int = 0) -> list[Episode]:
    """The first ``most`` (0: all) of what somebody wrote alone: solo solutions, else a run of its own; maybe none."""
    there = dict.fromkeys(condition for condition, _ in conditions_of(run))
    if condition := next((one for one in (f"solo:{name}", "team") if one in there), ""):
        found = chosen(run, *settled_condition(run, condition, step, name), most)
        if all(episode.authors == [name] and not episode.prefix_spans for episode in found):
            return found
    return []


def chosen(run: Path, condition: str, step: int | None, most: int) -> list[Episode]:
    """The first ``most`` (0: all) episodes of a condition. Raises UserError."""
    found = []
    try:
        for episode in read_episodes(run):
            if (episode.condition, episode.step) == (condition, step):
                found.append(episode)
                if len(found) == most:
                    break
    except StoreError as error:
        fail(str(error))
    if len(found) < most:
        fail(f"--episodes {most}: {condition} has {len(found)}; ask for {len(found)} at most, or leave it out for all")
    return found


def load_reader(run: Path, name: str, given: Sequence[str], flag: str, *, device: str = "", dtype: str = "") -> Loaded:
    """A model by its name, as --agent or else the run's own configuration defines it.

    Raises UserError, which begins with ``flag``.
    """
    tables = read_config(run).get("agents", {}) if (run / "config.toml").is_file() else {}
    try:
        defined = defined_agents(given, agent_tables(tables))
        config = resolve(name, defined)
        check_agent(name, config)
        place(device, dtype, {name: config})
        agent = make_agent(AgentConfig(**asdict(config)))
    except (AgentError, StoreError) as error:
        fail(f"{flag} {name}: {str(error).removeprefix('--pair: ')}")
    if not hasattr(agent, "vocabulary"):
        fail(f"{flag} {name}: {config.address} gives no probabilities; name a language model, as hf:PATH")
    model: LanguageModel = agent  # type: ignore[assignment]  # the only agents with a vocabulary
    return Loaded(model, table_of(config))


def seen_by(agent: LanguageModel, name: str, episodes: Sequence[Episode]) -> tuple[dict[str, SeenText], Counter[str]]:
    """The solutions as the agent sees them, by id, and how many it does not, by reason."""
    found: dict[str, SeenText] = {}
    left_out: Counter[str] = Counter()
    for episode in episodes:
        if episode.ended == "error":
            left_out["failed"] += 1
            continue
        try:
            seen = see(agent, name, episode)
        except AgentError:
            left_out["not askable"] += 1
            continue
        if seen.fed > agent.context:
            left_out["too long for its context"] += 1
        else:
            found[episode.id] = seen
    return found, left_out


def writer_of(episodes: Sequence[Episode]) -> str:
    """The name of who wrote all of these alone. Raises UserError: of a team there is no distribution to drift from."""
    authors = {span.author for episode in episodes for span in episode.spans}
    if len(authors) != 1 or any(episode.prefix_spans for episode in episodes):
        fail(
            f"--drift: {episodes[0].condition} was not written by one model alone; "
            f"give --condition solo:NAME (arena.run --baselines plays these)"
        )
    return authors.pop()


def unlike_the_writer(name: str, agent: LanguageModel, seen: Sequence[SeenText]) -> str:
    """In what a model is not the one that wrote these: its weights, tokens or prompt; nothing if it is."""
    from agents.seat import digest_ids

    for text in seen:
        view = text.episode.views.get(name, {})
        made = {"weights": agent.weights, "tokeniser": agent.vocabulary.digest}
        made["prompt_ids"] = digest_ids(text.ids[: text.prompt])
        for what, said in (("weights", "weights"), ("tokeniser", "tokens"), ("prompt_ids", "prompt")):
            if view.get(what) != made[what]:
                return said
    return ""


def versions_of() -> dict[str, str]:
    """What computed: as in an episode, and the compressor."""
    return {**versions(), "zlib": zlib.ZLIB_RUNTIME_VERSION}
