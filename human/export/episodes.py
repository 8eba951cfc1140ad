"""Episodes of a study as a run: each with who took part, without what was typed freely, and proven again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from agents.registry import table_of
from arena.command import fail
from arena.episode import Episode, EpisodeError, episode_id
from arena.proof import problems_of
from human.export.takers import Taker
from human.study import Stimuli, Study
from human.study.config import PERSON


def of_taker(taker: Taker) -> dict[str, Episode]:
    """By trial, all that somebody finished. Raises UserError for one that is not what was recorded."""
    free = {trial.id: {one.id for one in trial.questions if one.kind == "text"} for trial in taker.trials}
    out = {}
    for event in taker.events:
        if event.kind != "episode":
            continue
        try:
            episode = Episode.from_dict(event.data["episode"])
        except EpisodeError as error:
            fail(f"the record, event {event.seq}: {error}; restore it from a backup")
        if problems := problems_of(episode):
            fail(f"the record, event {event.seq}: {episode.id}: {problems[0]}; restore the record from a backup")
        out[event.trial] = _of(episode, taker, free.get(event.trial, set()))
    return out


def _of(episode: Episode, taker: Taker, free: set[str]) -> Episode:
    view = {**episode.views.get(PERSON, {}), "participant": taker.name}
    if "review" in view:
        view["review"] = {name: value for name, value in view["review"].items() if name not in free}
    made = dataclasses.replace(
        episode,
        id=episode_id(episode.problem_id, taker.number, episode.condition),
        sample=taker.number,
        views={**episode.views, PERSON: view},
        digest="",
    )
    if problems_of(made):
        fail(
            f"--rekey: {made.condition}: who writes next hangs on the person's number there, which cannot be changed; "
            "leave out --rekey"
        )
    return made


def of_the_senior(study: Study, stimuli: Stimuli) -> Iterator[Episode]:
    """The senior alone under fraction 1, from the study's runs. Raises UserError where they are not what they were."""
    from analysis.continuations import stored_solutions

    leave = "or leave the senior alone out: --no-baselines"
    for condition in study.conditions:
        if not condition.baseline:
            continue
        flag = f"{study.path}: [[conditions]] {condition.name} senior"
        stored = {one.id: one for one in stored_solutions(study.run(condition.senior), condition.solutions, flag, flag)}
        for stimulus in stimuli.of(condition.name):
            assert stimulus.parent is not None
            episode = stored.get(stimulus.parent.id)
            if episode is None or episode.digest != stimulus.parent.digest:
                what = "is not there" if episode is None else "is another one"
                fail(f"{flag} {condition.senior}: {stimulus.parent.id} {what} now; restore the run, {leave}")
            yield dataclasses.replace(
                episode,
                id=episode_id(episode.problem_id, stimulus.number, condition.name),
                sample=stimulus.number,
                condition=condition.name,
                digest="",
            )


def config_of(study: Study, stimuli: Stimuli, *, draft: bool, excluded: bool) -> dict[str, Any]:
    """The run's config.toml: what was played, and what analysis has to know of the study."""
    return {
        "task": study.task,
        "split": study.split,
        "seed": study.seed,
        "limit": study.limit,
        "pair": PERSON,
        "agents": {
            PERSON: {"address": "human"},
            **{name: table_of(given) for name, given in sorted(study.agents.items())},
        },
        "study": {
            "name": study.name,
            "version": study.version,
            "file": study.path.name,
            "sha256": study.sha256,
            "stimuli": stimuli.sha256,
            "draft": draft,
            "conditions": [one.name for one in study.conditions],
            "senior_alone": [one.name for one in study.conditions if one.baseline],
            "whole": whole_of(study),
            "treated": study.analysis.treated,
            "control": study.analysis.control,
            "alpha": study.analysis.alpha,
            "excluded": "in" if excluded else "out",
        },
    }


def whole_of(study: Study) -> dict[str, str]:
    """Of each condition that people meet: the one of fraction 1 with the same solutions, where the study has it."""
    whole = {(one.senior, one.solutions): one.name for one in study.conditions if one.baseline}
    return {
        one.name: whole[one.senior, one.solutions]
        for one in study.seen
        if one.senior and (one.senior, one.solutions) in whole
    }
