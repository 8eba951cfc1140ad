"""Objectives by name, one short file each; ``python:MODULE:CLASS`` is one's own."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from agents.own import line_of, own
from training.objectives.base import Objective, ObjectiveError, Terms
from training.objectives.grpo import Grpo
from training.objectives.reinforce import Reinforce
from training.objectives.unbiased import GrpoUnbiased

__all__ = ["OBJECTIVES", "Objective", "ObjectiveError", "Terms", "make_objective"]

OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "reinforce": Reinforce,
    "grpo": Grpo,
    "grpo-unbiased": GrpoUnbiased,
}


def make_objective(given: Mapping[str, Any]) -> Objective:
    """The objective that a table names, with its options, as {"name": "reinforce", "c": -0.3}.

    Raises ObjectiveError for an unknown name or option, and for a class of the user's that is no objective.
    """
    options = dict(given)
    name = str(options.pop("name", "reinforce"))
    make = OBJECTIVES.get(name) or _users(name)
    known = [one.name for one in fields(make)] if is_dataclass(make) else None
    for option in options:
        if known is not None and option not in known:
            raise ObjectiveError(f"objective.{option}: {name} has no such option; it has {', '.join(known)}")
    try:
        made = make(**options)
    except ObjectiveError:
        raise
    except Exception as error:  # the user's own code, or an option of another type
        raise ObjectiveError(f"objective {name}: {line_of(error)}") from None
    if not isinstance(made, Objective):
        missing = [
            part for part in ("needs_groups", "others", "advantages", "terms", "divisor") if not hasattr(made, part)
        ]
        raise ObjectiveError(f"objective {name}: {made!r:.60} is no objective: it lacks {', '.join(missing)}")
    return made


def _users(name: str) -> Callable[..., Objective]:
    kind, _, rest = name.partition(":")
    if kind != "python":
        near = difflib.get_close_matches(name, OBJECTIVES, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ObjectiveError(
            f"objective.name: there is no {name!r}{hint}; known are {', '.join(OBJECTIVES)}, python:MODULE:CLASS"
        )
    return own("python:", rest, lambda line: ObjectiveError(f"objective.name {line}"))
