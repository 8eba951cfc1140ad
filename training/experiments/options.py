"""What an experiment's runs are told, and which options would make its arms other than their titles say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from arena.command import UserError, fail
from training.config import TrainConfig, saved
from training.experiments.base import Arm, Experiment
from training.run import configured
from training.settle import settled

OURS = frozenset({"seed", "recipe", "control", "out"})


def words_of(arm: Arm, experiment: Experiment, more: Sequence[str]) -> list[str]:
    """What the training run of an arm is told, without seed and folder."""
    words = ["--recipe", experiment.recipe, *(["--control", arm.control] if arm.control else [])]
    for given in (*arm.sets, *more):
        words += [given] if given.startswith("--") else ["--set", given]
    return words + (["--set", "evaluation.test=0"] if experiment.chosen_by else [])


def config_of(arm: Arm, words: Sequence[str]) -> TrainConfig:
    """The same, resolved. Raises UserError."""
    try:
        return settled(configured(list(words)))
    except UserError as error:
        fail(f"{arm.name}: {error}")


def check_options(experiment: Experiment, more: Sequence[str]) -> None:
    """Raises UserError for an option that changes what an arm is: two arms would be one, a control would be none."""
    if not more:
        return
    plain = _of(saved(settled(configured(["--recipe", experiment.recipe]))))
    for arm in experiment.arms:
        names = {_field(one) for one in arm.sets}
        for given in more:
            if (field := _field(given)) in OURS:
                fail(f"--set {given}: every cell has a {field} of its own")
            if field in names:
                fail(f"--set {given}: {arm.name} has a {field} of its own")
        own = _of(saved(config_of(arm, words_of(arm, experiment, ()))))
        now = _of(saved(config_of(arm, words_of(arm, experiment, more))))
        for field, value in own.items():
            if field not in OURS and value != plain.get(field) and now.get(field) != value:
                fail(
                    f"--set {' '.join(more)}: {arm.name} has {field} = {value!r} of its own, and would have "
                    f"{now.get(field)!r}; choose --arms without it"
                )


def _field(given: str) -> str:
    return given.removeprefix("--").partition("=")[0]


def _of(table: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """By dotted name, every value."""
    return dict(_flat(table, path))


def _flat(table: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value
