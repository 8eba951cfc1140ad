"""A study opened for its participants: checked, its record opened, its partners loaded."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from arena.command import fail
from human.record import Record, RecordError
from human.session.hall import Hall
from human.study import Stimuli, Study, read_stimuli, read_study

if TYPE_CHECKING:
    from agents.contract import Agent


def record_path(study: Study) -> Path:
    """Where a study's record is."""
    return study.path.with_suffix(".sqlite")


def opened(path: Path, *, draft: bool) -> tuple[Study, Stimuli, str]:
    """A locked study (or a draft, if that is asked for), and the seal that its record must carry. Raises UserError."""
    from human.study.lock import locked

    if draft:
        study = read_study(path)
        return study, read_stimuli(study), "draft"
    study, stimuli, lock = locked(path)
    return study, stimuli, f"{lock.toml} {lock.stimuli} {lock.rules_hash} {lock.trials}"


@contextmanager
def record_of(study: Study, seal: str) -> Iterator[Record]:
    """The study's record; one of another seal is refused. Raises UserError."""
    path = record_path(study)
    try:
        record = Record(path)
    except RecordError as error:
        fail(str(error))
    with record:
        known = record.meta("seal")
        if known is None:
            record.set_meta("seal", seal)
        else:
            check_seal(path, known, seal)
        yield record


def check_seal(path: Path, known: str | None, seal: str) -> None:
    """Raises UserError for a record of another seal."""
    if known != seal:
        was = "a draft" if known == "draft" else "another lock"
        fail(f"{path}: was begun under {was} of this study; move it away, or serve what it was begun under")


@contextmanager
def hall_of(study: Study, stimuli: Stimuli, record: Record, *, draft: bool, slots: int = 64) -> Iterator[Hall]:
    """The study's hall, with the partners that its live conditions need. Raises UserError."""
    with ExitStack() as stack:
        partners = seated({one.partner for one in study.seen if one.partner}, study, slots, stack)
        last = record.read("SELECT kind FROM events WHERE kind LIKE 'study_%' ORDER BY seq DESC LIMIT 1")
        hall = Hall(study, stimuli, record, partners, draft, paused=last == [("study_paused",)])
        stack.callback(hall.close)
        yield hall


def seated(names: Iterable[str], study: Study, slots: int, stack: ExitStack) -> Mapping[str, Agent]:
    """Agents by name. Seats of one model share its forwards, however many people there are. Raises UserError."""
    from agents.contract import AgentError
    from agents.registry import make_agent, resolve

    out: dict[str, Agent] = {}
    for name in sorted(names):
        try:
            agent = make_agent(resolve(name, study.agents))
        except AgentError as error:
            fail(f"{study.path}: {name}: {error}")
        if hasattr(agent, "vocabulary"):
            from agents.language_model import LanguageModel
            from arena.run import settle_threads
            from arena.torch_engine.scheduler import SharedModel

            assert isinstance(agent, LanguageModel)
            settle_threads({name: agent})
            thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix=f"forward {name}"))
            out[name] = SharedModel(agent, slots, thread)
        else:
            out[name] = agent
    return out


def private_file(path: Path, text: str) -> None:
    """Writes a file that only its owner can read; one that is there is replaced. Raises OSError."""
    with private(path) as file:
        file.write(text)


@contextmanager
def private(path: Path) -> Iterator[TextIO]:
    """A file that only its owner can read, of a new name, which takes ``path``'s place when all went well.

    Raises OSError, before anything else is done where the folder takes no file.
    """
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600, and never one that is there
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(number)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
