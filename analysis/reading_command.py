"""What the commands that let a model read stored solutions have in common: options, loading, progress, an end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from arena.command import INTERRUPTED, check_least, fail, out_of_memory
from arena.terminal import say, visible

if TYPE_CHECKING:
    from analysis.readers import Loaded


@dataclass
class Reads:
    """Who reads which run, and how it is computed."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run's folder."""
    reader: str = "junior"
    """Who reads: a name that the run's config.toml, --agent or the built-in agents define, or hf:PATH-OR-ID."""
    agent: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """NAME=ADDRESS defines an agent, over the run's own."""
    step: int | None = None
    """The training step, where a run has several."""
    episodes: int = 0
    """Only the first so many solutions; 0 is all."""
    tokens: int = 8192
    """Tokens in one forward: memory and speed, not results."""
    device: str = ""
    """Where the models compute: cpu, cuda, cuda:N or auto; a table's own device wins."""
    dtype: str = ""
    """What they compute in: float32, bfloat16, float16 or auto (float32 on a CPU); a table's own dtype wins."""
    force: bool = False
    """Make again what is there already."""
    json: bool = False
    """Print the figures as JSON."""


def stoppable(config: Reads, act: Callable[[], int]) -> int:
    """Does what reads; returns the exit code. Raises UserError for senseless numbers, and where memory ends."""
    check_least(config, 0, "episodes")
    check_least(config, 1, "tokens")
    try:
        return act()
    except KeyboardInterrupt:
        say("stopped; what was not read to its end was not written", sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if out_of_memory(error):
            fail(f"--tokens {config.tokens}: out of memory; give a smaller number")
        raise


def load(config: Reads, name: str, flag: str) -> Loaded:
    """A model by its name, ready to read. Raises UserError, which begins with ``flag``."""
    from analysis.readers import load_reader
    from arena.run import settle_threads

    if sys.stderr.isatty():
        say(f"loading {visible(name)} ...", sys.stderr)
    loaded = load_reader(config.run, name, config.agent, flag, device=config.device, dtype=config.dtype)
    settle_threads({name: loaded.model})
    return loaded


@contextmanager
def progress(said: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, or a line every ten seconds; gives what is told (tokens done since, tokens in all)."""
    from arena.show import Screen

    screen = Screen(stderr=True)
    if screen.is_terminal:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=screen, transient=True) as shown:
            bar = shown.add_task(visible(said), total=None)
            yield lambda tokens, total: shown.update(bar, advance=tokens, total=total)
        return
    done, last = 0, time.monotonic()

    def advance(tokens: int, total: int) -> None:
        nonlocal done, last
        done += tokens
        if time.monotonic() - last > 10:
            say(visible(f"{said}: {done} of {total} tokens"), sys.stderr)
            last = time.monotonic()

    yield advance
