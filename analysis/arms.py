"""Which runs are compared: runs that differ in nothing but the seed are one arm."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.plain import inline
from analysis.columns import METRICS
from analysis.frames import metrics_of
from analysis.report.words import counted
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
_KINDS: dict[str, type] = {
    "seed": int, "pair": str, "task": str, "split": str, "agents": dict, "rollouts": dict, "optimiser": dict,
    "study": dict,
}  # fmt: skip


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
    metrics: pd.DataFrame | None = None
    """Of a training run: its figures over the steps (`analysis.columns.METRICS`)."""

    @property
    def trained(self) -> bool:
        return "optimiser" in self.config

    def held_out(self, condition: str, measure: str) -> pd.DataFrame:
        """Of a training run: (step, value) of a measure at every evaluation that has it, in order."""
        import pandas as pd

        lines = pd.DataFrame(columns=list(METRICS)) if self.metrics is None else self.metrics
        wanted = (lines["split"] == "held-out") & (lines["condition"] == condition) & (lines["measure"] == measure)
        return lines.loc[wanted, ["step", "value"]].dropna().sort_values("step")

    @property
    def seed(self) -> int:
        seed: int = self.config.get("seed", 0)
        return seed


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
        """Of its episodes: the team first, then the senior alone; of a study as it has them."""
        found = {str(name) for run in self.runs for name in run.episodes["condition"].unique()}
        order = list(self.config.get("study", {}).get("conditions", []))
        place = {name: n for n, name in enumerate(order)}
        return sorted(
            found, key=lambda name: (name != "team", name != f"solo:{self.senior}", place.get(name, len(order)), name)
        )

    @property
    def senior(self) -> str:
        """The first-named agent of its pair."""
        return str(self.config.get("pair", "")).split(",")[0].split(":")[0]


def analyses(path: Path) -> list[Path]:
    """The folders at or under a path that another command of analysis has made, in order."""
    return sorted({found.parent for name in ANALYSES for found in (*path.glob(name), *path.rglob(f"*/{name}"))})


def folders(path: Path) -> list[Path]:
    """The folders of runs at or under a path, in order. Raises UserError if there is nothing to report on."""

    seen: set[Path] = set()

    def search(folder: Path) -> Iterable[Path]:
        if folder.resolve() in seen:  # by a link
            return
        seen.add(folder.resolve())
        if any((folder / name).is_file() for name in ANALYSES):
            return
        if (folder / "config.toml").is_file() and (folder / "episodes.jsonl").is_file():
            yield folder
            return
        children = (one for one in folder.iterdir() if one.is_dir() and one.name != "checkpoints")
        for child in sorted(children, key=lambda one: (one.is_symlink(), one)):
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
            name = word.partition("=")[0]
            if not name.strip() or inline(name) != name:
                fail(f"{word}: give the arm a name that can be shown, as in tandem={place_of(word)}")
            own += [(name, folder) for folder in found]
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
            return [inline(name) for name in short]
    return [inline(str(stem)) for stem in stems]


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
            why = f": {counted(len(run.broken), 'line')} could not be read, {run.broken[0]}" if run.broken else ""
            remarks.append(f"{folder} has no episodes and is left out{why}.")
        else:
            if run.source != folder / "validation" and not (run.source / "summary.json").is_file():
                remarks.append(
                    f"{run.source} is not finished: {counted(len(run.episodes), 'episode')} count. Those that end "
                    "soon are stored first, so they are no sample of all."
                )
            for other in by_label.setdefault(label, []):
                _check_same(label, other, run)
            by_label[label].append(run)
    if not by_label:
        fail(f"{given[0]}: there is nothing to report: {' '.join(remarks) or 'name a run beside it'}")
    for label, runs in by_label.items():
        if len({run.measured_on for run in runs}) > 1:  # of training runs, which test or not
            remarks += [
                f"{run.path} was not played on test, as others of {label} were, and is left out."
                for run in runs
                if run.measured_on != "test"
            ]
            by_label[label] = [run for run in runs if run.measured_on == "test"]
    arms = [Arm(label, tuple(sorted(runs, key=lambda run: run.seed))) for label, runs in by_label.items()]
    return sorted(arms, key=lambda arm: not arm.runs[0].trained or bool(arm.config.get("control"))), remarks


def _read(folder: Path, read: Callable[..., Table], progress: Callable[[float], None]) -> StoredRun:
    config = read_config(folder)
    _check_config(folder, config)
    if "optimiser" not in config:
        table = read(folder, progress=progress)
        return StoredRun(folder, config, table.episodes, table.broken, table.made, config.get("split", ""), folder)
    before = after = None
    metrics, broken = metrics_of(folder)
    if (folder / "validation" / "episodes.jsonl").is_file():
        validation = read(folder / "validation", progress=lambda share: progress(share / 2))
        steps, made = validation.episodes["step"], validation.made
        broken += validation.broken
        if len(steps):
            before = validation.episodes[steps == 0].reset_index(drop=True)
            after = validation.episodes[steps == steps.max()].reset_index(drop=True)
    if (folder / "test" / "episodes.jsonl").is_file():
        test = read(folder / "test", progress=lambda share: progress(0.5 + share / 2))
        broken += test.broken
        place = folder / "test"
        return StoredRun(folder, config, test.episodes, broken, test.made, "test", place, before, after, metrics)
    if after is None:
        raise StoreError(f"{folder}: this training run was never evaluated; give it --set evaluation.every=5")
    place = folder / "validation"
    return StoredRun(folder, config, after, broken, made, "held-out", place, before, after, metrics)


def _check_config(folder: Path, config: dict[str, Any]) -> None:
    """Raises StoreError for a configuration that no run was made with."""
    for name, kind in _KINDS.items():
        if not isinstance(config.get(name, kind()), kind):
            raise StoreError(f"{folder / 'config.toml'}: {name} cannot be {config[name]!r}; was it changed by hand?")
    for name, table in config.get("agents", {}).items():
        if not isinstance(table, dict):
            raise StoreError(f"{folder / 'config.toml'}: agents.{name} cannot be {table!r}; was it changed by hand?")


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
