"""The seal of a study: what was decided before the first person, by hash, so that nothing of it changes unseen."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from arena.command import fail
from arena.jobs import versions
from arena.lines import replace_file
from human.study.assignment import trials_for
from human.study.config import Study, read_study
from human.study.stimuli import Stimuli, read_stimuli

SCHEMA = 2
UNBOUNDED = 2
"""Slots that are sealed, for each person wanted, where no rule says how many may begin."""


@dataclass(frozen=True)
class Lock:
    """What NAME.lock.json says. Hashes are SHA-256."""

    schema: int
    name: str
    version: str
    toml: str
    """Of the TOML file's bytes."""
    stimuli: str
    """Of the stimuli file's bytes."""
    trials: str
    """Of all that is dealt in `slots` slots: the code that deals it must not change either."""
    slots: int
    """As many as people may begin by [stopping] recruited."""
    rules: dict[str, Any]
    """Exclusion, stopping and analysis, to be read."""
    rules_hash: str
    """Of the rules as JSON with sorted keys."""
    package: str
    """Version of this package."""
    locked: str
    """Time, UTC."""
    power: str
    """What was known of the study's power."""
    whole: str = ""
    """Of all that stands above, as JSON with sorted keys."""


def seal(study: Study, stimuli: Stimuli, power: str) -> Lock:
    """The lock of a study as it is now, written beside it. Raises UserError where there is one."""
    path = study.lock_path
    if path.exists():
        fail(
            f"{path}: the study is locked already; before the first person the file may be deleted, after it give "
            "another [study] version and a file of another name"
        )
    rules = study.rules()
    lock = Lock(
        SCHEMA,
        study.name,
        study.version,
        study.sha256,
        stimuli.sha256,
        _trials_hash(study, stimuli),
        sealed_slots(study),
        rules,
        _hash_of(rules),
        versions()["tandem-arena"],
        datetime.now(UTC).isoformat(timespec="seconds"),
        power,
    )
    lock = replace(lock, whole=_whole(lock))
    replace_file(path, (json.dumps(asdict(lock), indent=1, ensure_ascii=False) + "\n").encode())
    return lock


def read_lock(study: Study) -> Lock:
    """The lock beside a study's file. Raises UserError where there is none, or none that can be read."""
    path = study.lock_path
    try:
        given = json.loads(path.read_bytes())
        if given["schema"] != SCHEMA:
            fail(f"{path}: schema {given['schema']!r} is not {SCHEMA}, which this version reads")
        return Lock(**given)
    except FileNotFoundError:
        fail(f"{path}: the study is not locked; lock it with python -m human.study lock {study.path}")
    except (OSError, ValueError, TypeError, KeyError) as error:
        fail(f"{path}: cannot be read as a lock ({error}); restore it from a backup")


def locked(path: Path) -> tuple[Study, Stimuli, Lock]:
    """A study that is what it was when it was locked. Raises UserError with what is not."""
    study = read_study(path)
    lock = read_lock(study)
    since = f"was changed after {lock.locked}, when the study was locked"
    if study.sha256 != lock.toml:
        fail(f"{path}: {since}; restore the file, or lock it under another name")
    if lock.rules_hash != _hash_of(lock.rules) or lock.rules != study.rules():
        fail(f"{study.lock_path}: its rules are not those that were locked; restore it from a backup")
    stimuli = read_stimuli(study)
    if stimuli.sha256 != lock.stimuli:
        fail(f"{stimuli.path}: {since}; restore the file, or lock the study under another name")
    if _trials_hash(study, stimuli) != lock.trials:
        fail(f"{path}: this version of tandem-arena deals other trials than {lock.package}; install that one")
    if lock.whole != _whole(lock):
        fail(f"{study.lock_path}: is not what was written when the study was locked; restore it from a backup")
    return study, stimuli, lock


def sealed_slots(study: Study) -> int:
    """As many slots as may be dealt: nobody's is further on than so many people who began before."""
    return max(study.participants, study.stopping.recruited or UNBOUNDED * study.participants)


def _whole(lock: Lock) -> str:
    return _hash_of({name: value for name, value in asdict(lock).items() if name != "whole"})


def _hash_of(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _trials_hash(study: Study, stimuli: Stimuli) -> str:
    slots = [
        [
            (
                trial.id,
                trial.problem.id,
                trial.condition,
                trial.number,
                trial.rest,
                [asdict(q) for q in trial.questions],
            )
            for trial in trials_for(study, stimuli, slot)
        ]
        for slot in range(sealed_slots(study))
    ]
    return _hash_of(slots)
