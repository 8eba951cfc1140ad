"""Which runs are compared: runs that differ in nothing but the seed are one arm, and arms must be comparable."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from analysis.frames import metrics_of
from analysis.stored import Broken, Made, Table, read_table
from arena.command import fail
from arena.lines import StoreError
from arena.store import differing, read_config

if TYPE_CHECKING:
    import pandas as pd

SEED_FOLDER = re.compile(r"seed[-_]?\d+$")
ANALYSES = ("curve.json", "profile.json", "crossplay.json")
"""What is in the folders of other commands of analysis: what was played for them is no arm."""
FREE = ("seed", "episodes", "recipe", "control")
"""Fields in which runs of one arm may differ: the seed, how long they went on, and what their settings were called."""


@dataclass(frozen=True)
class StoredRun:
    """A run's folder with the episodes that are compared."""

    path: Path
    config: dict[str, Any]
    episodes: pd.DataFrame
    """Of a training run those of its evaluation: on test if there is one, else its last on held-out problems."""
    broken: list[Broken]
    made: Made
    measured_on: str
    """The split, as train, held-out or test; '' where the run does not say."""
    source: Path
    """The folder whose episodes these are."""
    before: pd.DataFrame | None = None
    """Of a training run: held-out episodes before the first step."""
    after: pd.DataFrame | None = None
    """... and after the last one, on the same problems with the same coins."""

    @property
    def trained(self) -> bool:
        return "optimiser" in self.config

    @property
    def seed(self) -> int:
        return int(self.config.get("seed", 0))

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Figures over training steps; empty for others."""
        return metrics_of(self.path)


@dataclass(frozen=True)
class Arm:
    """Runs that differ in nothing but the seed."""

    label: str
    runs: tuple[StoredRun, ...]

    @property
    def config(self) -> dict[str, Any]:
        return self.runs[0].config

    @property
    def conditions(self) -> list[str]:
        """Of its episodes: the team first, then the senior alone."""
        found = {str(name) for run in self.runs for name in run.episodes["condition"].unique()}
        return sorted(found, key=lambda name: (name != "team", name != f"solo:{self.senior}", name))

    @property
    def senior(self) -> str:
        """The first-named agent of its pair."""
        return str(self.config.get("pair", "")).split(",")[0].split(":")[0]


def analyses(path: Path) -> list[Path]:
    """The folders at or under a path that another command of analysis has made, in order."""
    return sorted({found.parent for name in ANALYSES for found in (*path.glob(name), *path.rglob(f"*/{name}"))})


def folders(path: Path) -> list[Path]:
    """The folders of runs at or under a path, in order. Raises UserError if there is nothing to report on."""

    def search(folder: Path) -> Iterable[Path]:
        if any((folder / name).is_file() for name in ANALYSES):
            return
        if (folder / "config.toml").is_file() and (folder / "episodes.jsonl").is_file():
            yield folder
            return
        for child in sorted(one for one in folder.iterdir() if one.is_dir() and one.name != "checkpoints"):
            yield from search(child)

    if not path.is_dir():
        fail(f"{path}: there is no such folder; name the folder of a run, or one that holds runs")
    found = list(search(path))
    if not found and not analyses(path):
        fail(f"{path}: there is no run in it (a folder with config.toml and episodes.jsonl)")
    return found


def named(given: Sequence[str]) -> list[tuple[str, Path]]:
    """(label, folder) for what a command line names: RUN or LABEL=RUN, where RUN may hold several. Raises UserError."""
    own: list[tuple[str, Path]] = []
    plain: list[Path] = []
    order: list[Path] = []
    for word in given:
        found = folders(place_of(word))
        if place_of(word) != Path(word):
            own += [(word.partition("=")[0], folder) for folder in found]
        else:
            plain += found
        order += found
    labels = dict(zip(plain, _labels(plain), strict=True)) | {folder: label for label, folder in own}
    if len(set(map(Path.resolve, order))) < len(order):
        twice = next(folder for n, folder in enumerate(order) if folder.resolve() in map(Path.resolve, order[:n]))
        fail(f"{twice}: is named twice; a run counts once")
    return [(labels[folder], folder) for folder in order]


def place_of(word: str) -> Path:
    """The folder that RUN or LABEL=RUN names."""
    _, sign, rest = word.partition("=")
    return Path(rest if sign and not Path(word).exists() else word)


def _labels(found: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart, without the folder of a seed."""
    stems = [path.parent if SEED_FOLDER.match(path.name) else path for path in (one.resolve() for one in found)]
    for depth in range(1, max((len(stem.parts) for stem in stems), default=1) + 1):
        short = ["/".join(stem.parts[-depth:]) for stem in stems]
        if len(set(short)) == len(set(stems)):
            return short
    return [str(stem) for stem in stems]


def read_arms(
    given: Sequence[str],
    *,
    jobs: int | None = None,
    progress: Callable[[str, float], None] | None = None,
    detectors: Sequence[str] = (),
) -> tuple[list[Arm], list[str]]:
    """Reads runs and puts those together that differ in nothing but the seed. Raises UserError.

    Also gives remarks: what was left out, and why. Trained arms that are no control come first. ``progress`` is told
    what is read, and the share of all that is done; ``detectors`` are those of `analysis.stored.read_table`.
    """
    by_label: dict[str, list[StoredRun]] = {}
    remarks: list[str] = []
    listed = named(given)
    for number, (label, folder) in enumerate(listed):

        def tell(share: float, folder: Path = folder, number: int = number) -> None:
            if progress:
                progress(str(folder), (number + share) / len(listed))

        try:
            run = _read(folder, partial(read_table, jobs=jobs, detectors=detectors), tell)
        except StoreError as error:
            fail(str(error))
        if run.trained and not (folder / "summary.json").is_file():
            remarks.append(f"{folder} is not finished and left out.")
        elif not len(run.episodes):
            remarks.append(f"{folder} has no episodes and is left out.")
        else:
            for other in by_label.setdefault(label, []):
                _check_same(label, other, run)
            by_label[label].append(run)
    if not by_label:
        fail(f"{given[0]}: there is nothing to report: {' '.join(remarks) or 'name a run beside it'}")
    arms = [Arm(label, tuple(sorted(runs, key=lambda run: run.seed))) for label, runs in by_label.items()]
    return sorted(arms, key=lambda arm: not arm.runs[0].trained or bool(arm.config.get("control"))), remarks


def _read(folder: Path, read: Callable[..., Table], progress: Callable[[float], None]) -> StoredRun:
    config = read_config(folder)
    if "optimiser" not in config:
        table = read(folder, progress=progress)
        return StoredRun(folder, config, table.episodes, table.broken, table.made, config.get("split", ""), folder)
    before = after = None
    broken: list[Broken] = []
    if (folder / "validation" / "episodes.jsonl").is_file():
        validation = read(folder / "validation", progress=lambda share: progress(share / 2))
        steps, broken, made = validation.episodes["step"], list(validation.broken), validation.made
        if len(steps):
            before = validation.episodes[steps == 0].reset_index(drop=True)
            after = validation.episodes[steps == steps.max()].reset_index(drop=True)
    if (folder / "test" / "episodes.jsonl").is_file():
        test = read(folder / "test", progress=lambda share: progress(0.5 + share / 2))
        broken += test.broken
        return StoredRun(folder, config, test.episodes, broken, test.made, "test", folder / "test", before, after)
    if after is None:
        raise StoreError(f"{folder}: this training run was never evaluated; give it --set evaluation.every=5")
    return StoredRun(folder, config, after, broken, made, "held-out", folder / "validation", before, after)


def _check_same(label: str, one: StoredRun, other: StoredRun) -> None:
    """Raises UserError for runs that are not of one arm."""
    a, b = ({name: value for name, value in run.config.items() if name not in FREE} for run in (one, other))
    if unlike := list(differing(a, b)):
        fail(
            f"{label}: {one.path} and {other.path} differ in more than the seed ({'; '.join(unlike[:3])}); "
            "give them different names: NAME=RUN"
        )
    if one.seed == other.seed:
        fail(f"{label}: {one.path} and {other.path} have the same seed {one.seed}: they are one run, not two")


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
