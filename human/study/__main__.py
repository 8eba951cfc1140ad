"""``python -m human.study COMMAND FILE``: a study from its first draft to its lock."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from arena.command import UserError, fail, guarded, leave, parse_options
from arena.terminal import say, visible

if TYPE_CHECKING:
    from human.study.simulate import Point

File = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]


@dataclass
class New:
    """Write a commented study to begin with."""

    file: File
    """Where: a .toml file that is not there yet."""


@dataclass
class Check:
    """Say what is wrong with a study (exit code 2) and what is doubtful (0), a line each, with the fix."""

    file: File
    """The study's TOML file."""
    json: bool = False
    """Print the findings as JSON."""


@dataclass
class MakeStimuli:
    """Choose problems, cut stored solutions, and write them beside the study as NAME.stimuli.jsonl."""

    file: File
    """The study's TOML file."""
    again: bool = False
    """Replace stimuli that are there already and are others."""


@dataclass
class Preview:
    """Show what a participant sees, in order."""

    file: File
    """The study's TOML file."""
    slot: int = 0
    """Which slot: who meets what."""
    html: Path | None = None
    """Write it as a page to this file instead."""


@dataclass
class MakeLock:
    """Seal the study by hash before the first person: file, stimuli, who meets what, and the rules."""

    file: File
    """The study's TOML file."""
    studies: int = 400
    """Simulated studies behind the power that is stated in the lock."""


@dataclass
class Simulate:
    """Run the study with simulated people, many times: its power as a curve, and how often it finds what is not there.

    Example: python -m human.study simulate examples/study/handoff.toml --people 24,48,96
    """

    file: File
    """The study's TOML file."""
    effects: str = ""
    """Differences of accuracies, treated less control, as 0.05,0.1,0.2; 0 and that of [simulation] are added."""
    people: str = ""
    """Numbers of people, as 24,48,96; default: half, all and twice [study] participants, which is always among them."""
    studies: int = 400
    """Simulated studies a point."""
    seed: int = 0
    """Decides every draw; 0 or more."""
    out: Path | None = None
    """Files OUT.csv, .svg and .png; default: NAME.power beside the study."""
    json: bool = False
    """Print the points as JSON."""


def new(given: New) -> int:
    if given.file.suffix != ".toml":
        fail(f"FILE {given.file}: name a file that ends in .toml")
    text = (resources.files("human.study") / "template.toml").read_text(encoding="utf-8")
    try:
        with given.file.open("x", encoding="utf-8") as file:
            file.write(text.replace('"NAME"', json.dumps(given.file.stem)).replace("THIS_FILE", str(given.file)))
    except FileExistsError:
        fail(f"FILE {given.file}: is there already; name another")
    except OSError as error:
        fail(f"FILE {given.file}: {error.strerror}")
    say(f"written to {visible(str(given.file))}; next: python -m human.study check {visible(str(given.file))}")
    return 0


def check(given: Check) -> int:
    from human.study.check import findings
    from human.study.config import parse_study

    study = parse_study(given.file)
    found = findings(study, datetime.now(UTC).date())
    errors = sum(one.level == "error" for one in found)
    if given.json:
        say(json.dumps([asdict(one) for one in found], indent=1, ensure_ascii=False))
        return 2 if errors else 0
    for one in found:
        say(visible(str(one)))
    say(f"{study.name}: {errors} errors, {len(found) - errors} warnings")
    return 2 if errors else 0


def stimuli(given: MakeStimuli) -> int:
    from arena.lines import replace_file
    from human.study.config import read_study
    from human.study.stimuli import make_stimuli

    study = read_study(given.file)
    made = make_stimuli(study)
    path = study.stimuli_path
    if path.is_file() and path.read_bytes() != made.data:
        if study.lock_path.exists():
            fail(f"{path}: others are there, and the study is locked; put the runs back")
        if not given.again:
            fail(f"{path}: others are there; add --again to replace them, if nobody has met them")
    replace_file(path, made.data)
    for reason in made.passed_over:
        say(visible(f"left out: {reason}"))
    for condition in study.conditions:
        mine = [one for one in made.stimuli if one.condition == condition.name and one.parent]
        if not mine:
            continue
        right = sum(one.parent.verdict == "correct" for one in mine if one.parent)
        probed = "" if condition.baseline else f", {sum(one.probe is not None for one in mine)} can be probed"
        say(visible(f"{condition.name}: {len(mine)}, of solutions {right} of which end rightly{probed}"))
    say(visible(f"{study.trials.problems} problems, {len(made.stimuli)} stimuli in {path}"))
    return 0


def preview(given: Preview) -> int:
    from arena.lines import replace_file
    from human.study.config import read_study
    from human.study.preview import as_html, as_text
    from human.study.stimuli import read_stimuli

    study = read_study(given.file)
    if given.slot < 0:
        fail(f"--slot must be 0 or more, not {given.slot}")
    stored = read_stimuli(study)
    if given.html is None:
        for line in as_text(study, stored, given.slot):
            say(line)
        return 0
    try:
        replace_file(given.html, as_html(study, stored, given.slot).encode())
    except OSError as error:
        fail(f"--html {given.html}: {error.strerror}")
    say(f"written to {visible(str(given.html))}")
    return 0


def lock(given: MakeLock) -> int:
    from human.study.check import findings
    from human.study.config import read_study
    from human.study.lock import seal
    from human.study.power import own_points, statement
    from human.study.stimuli import read_stimuli

    study = read_study(given.file)
    check_studies(given.studies)
    found = findings(study, datetime.now(UTC).date())
    if wrong := [one for one in found if one.level == "error"]:
        fail(f"{study.path}: not locked: {wrong[0]}" + (f" (and {len(wrong) - 1} more)" if wrong[1:] else ""))
    if study.simulation.accuracy:
        power = statement(study, *own_points(study, given.studies, study.seed), given.studies)
    else:
        power = "not stated"
    made = seal(study, read_stimuli(study), power)
    say(visible(f"locked as {study.lock_path}: {made.toml[:12]} (study), {made.stimuli[:12]} (stimuli)"))
    say(visible(power))
    for one in found:
        say(visible(str(one)), sys.stderr)
    return 0


def simulate(given: Simulate) -> int:
    from human.study.config import read_study
    from human.study.power import effects_of, sizes_of, stated_effect, statement, write
    from human.study.simulate import point

    study = read_study(given.file)
    check_studies(given.studies)
    if given.seed < 0:
        fail(f"--seed must be 0 or more, not {given.seed}")
    effects, sizes = effects_of(study, given.effects), sizes_of(study, given.people)
    points: list[Point] = []
    for people in sizes:
        for effect in effects:
            points.append(point(study, people, effect, given.studies, given.seed))
            if not given.json:
                say(_row(points[-1]))
    out = given.out or study.path.with_suffix(".power")
    try:
        write(study, points, out)
    except OSError as error:
        fail(f"--out {out}: {error.strerror}")
    at = {(one.people, one.effect): one for one in points}
    own, none = (at[study.participants, effect] for effect in (stated_effect(study), 0.0))
    said = statement(study, own, none, given.studies)
    if given.json:
        plain: dict[str, Any] = {"studies": given.studies, "seed": given.seed, "statement": said}
        say(json.dumps({**plain, "points": [one.as_dict() for one in points]}, indent=1, ensure_ascii=False))
        return 0
    say(visible(said))
    say(f"written to {visible(str(out))}.csv, .svg, .png")
    return 0


def check_studies(studies: int) -> None:
    """Raises UserError for so few simulated studies that their share says nothing."""
    if studies < 50:
        fail(f"--studies {studies}: leaves an error of more than seven points; give 50 or more, 400 for three")


def _row(one: Point) -> str:
    why = ", ".join(f"{count:.1f} {reason}" for reason, count in sorted(one.excluded.items()))
    return (
        f"{one.people} people, effect {one.effect:.3f}: power {one.power.power:.3f} ± {one.power.error:.3f}, "
        f"found {one.found:.3f}; {one.recruited:.1f} began, excluded: {why or 'nobody'}"
    )


COMMANDS: dict[str, tuple[Any, Callable[[Any], int]]] = {
    "new": (New, new),
    "check": (Check, check),
    "stimuli": (MakeStimuli, stimuli),
    "preview": (Preview, preview),
    "lock": (MakeLock, lock),
    "simulate": (Simulate, simulate),
}


def usage() -> str:
    lines = ["usage: python -m human.study COMMAND FILE [OPTIONS]", "", "commands (each has its own --help):"]
    lines += [f"  {name:9} {options.__doc__.splitlines()[0]}" for name, (options, _) in COMMANDS.items()]
    return "\n".join(lines)


def cli(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv

    def act() -> int:
        name = argv[0] if argv else ""
        if name in ("-h", "--help"):
            say(usage())
            return 0
        if name not in COMMANDS:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"COMMAND {name!r}: give one of {', '.join(COMMANDS)}{hint}")
        options, run = COMMANDS[name]
        return run(parse_options(options, argv[1:], prog=f"python -m human.study {name}"))

    return guarded(act)


if __name__ == "__main__":
    leave(cli())
