"""What speaks against comparing two arms: what must not be compared is refused, what may mislead is flagged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from analysis.arms import Arm
from arena.store import differing

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Objection:
    """Why two arms cannot be compared, or what to bear in mind."""

    kind: Literal["refused", "flagged"]
    why: str


@dataclass
class Comparison:
    """Two arms under one condition: the problems that both have, and what speaks against it."""

    a: Arm
    b: Arm
    condition: str
    objections: list[Objection] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        return any(one.kind == "refused" for one in self.objections)


def comparison(a: Arm, b: Arm, condition: str) -> Comparison:
    """What speaks against comparing two arms under a condition, in so many words."""
    found = Comparison(a, b, condition)

    def object_(kind: Literal["refused", "flagged"], why: str) -> None:
        found.objections.append(Objection(kind, why))

    ours, theirs = (_episodes(arm, condition) for arm in (a, b))
    for arm, episodes in ((a, ours), (b, theirs)):
        if not len(episodes):
            object_("refused", f"{arm.label} has no episodes of {condition}")
    if found.refused:
        return found
    if a.config.get("task") != b.config.get("task"):
        object_("refused", f"different tasks: {a.config.get('task')} and {b.config.get('task')}")
    if a.runs[0].measured_on != b.runs[0].measured_on:
        object_("refused", f"different splits: {a.runs[0].measured_on} and {b.runs[0].measured_on}")
    mine, other = set(ours["problem_id"]), set(theirs["problem_id"])
    if not mine & other:
        object_("refused", f"no problem in common: {len(mine)} and {len(other)}")
    elif mine != other:
        object_(
            "flagged",
            f"different problems: {len(mine & other)} in common are compared, {len(mine ^ other)} are left out",
        )
    for why in (_other_answers(ours, theirs), _not_paired(a, b)):
        if why:
            object_("flagged", why)
    for name, text in (("policy", "policies"), ("limit", "maximum lengths")):
        one, two = (_values(name, arm, episodes) for arm, episodes in ((a, ours), (b, theirs)))
        if one != two and (name != "policy" or condition == "team"):
            object_("flagged", f"different {text}: {_listed(one)} and {_listed(two)}")
    for line in _unlike_agents(a, b, condition):
        object_("flagged", line)
    for package in ("tandem-arena", "math-verify", "torch", "transformers"):
        one, two = (sorted({v for run in arm.runs for p, v in run.made.versions if p == package}) for arm in (a, b))
        if one != two:
            grader = "; grade both again with arena.grade" if package in ("tandem-arena", "math-verify") else ""
            object_("flagged", f"different versions of {package}: {_listed(one)} and {_listed(two)}{grader}")
    return found


def _episodes(arm: Arm, condition: str) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([run.episodes[run.episodes["condition"] == condition] for run in arm.runs], ignore_index=True)


def _other_answers(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Problems of one name that expect different answers: a task that was changed between the runs."""
    one, other = (
        found.dropna(subset="expected").astype({"problem_id": str}).groupby("problem_id")["expected"].first()
        for found in (ours, theirs)
    )
    both = one.index.intersection(other.index)
    unlike = both[(one[both] != other[both]).to_numpy()]
    if not len(unlike):
        return ""
    name = unlike[0]
    return (
        f"{len(unlike)} of {len(both)} problems of the same name expect other answers ({name}: {one[name]} and "
        f"{other[name]}): the task is not the same"
    )


def _not_paired(a: Arm, b: Arm) -> str:
    """What becomes of seeds that only one of the arms has."""
    one, other = ({run.seed for run in arm.runs} for arm in (a, b))
    if one == other or len(one) == len(other) == 1:
        return ""
    if len(one & other) > 1:
        left = ", ".join(map(str, sorted(one ^ other)))
        return f"different seeds: those in common are compared, without {left}"
    found = " and ".join(_listed(list(map(str, sorted(seeds)))) for seeds in (one, other))
    return (
        f"different seeds: {found} cannot be paired, so all runs of an arm are taken together, by problem: this says "
        "nothing about other seeds"
    )


def _values(name: str, arm: Arm, episodes: pd.DataFrame) -> list[str]:
    if name == "policy":
        return sorted(map(str, episodes["policy"].unique()))
    return sorted({str(run.config.get("limit", run.config.get("rollouts", {}).get("limit"))) for run in arm.runs})


def _unlike_agents(a: Arm, b: Arm, condition: str) -> Iterable[str]:
    """Differences of agents of the same name, but for where the weights come from: that is what arms are about."""
    sitting = {name for arm in (a, b) for name in str(_episodes(arm, condition)["pair"].iloc[0]).split(":")}
    tables = [arm.config.get("agents", {}) for arm in (a, b)]
    for name in sorted(sitting & tables[0].keys() & tables[1].keys()):
        one, other = (
            {key: value for key, value in table[name].items() if key not in ("address", "adapter", "four_bit")}
            for table in tables
        )
        for difference in differing(one, other):
            yield f"agent {name}: {difference}"
    pairs = [sorted(map(str, _episodes(arm, condition)["pair"].unique())) for arm in (a, b)]
    if pairs[0] != pairs[1]:
        yield f"different partners: {', '.join(pairs[0])} and {', '.join(pairs[1])}"


def _listed(found: Sequence[str]) -> str:
    return ", ".join(found) or "unknown"
