"""What every command line shares: one clear line for a user's mistake and exit code 2, never a traceback."""

from __future__ import annotations

import atexit
import contextlib
import io
import math
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from arena.terminal import say, silence, visible

T = TypeVar("T")

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


class UserError(Exception):
    """Something that the user can mend; the message names the flag and the fix."""


def fail(message: str) -> NoReturn:
    """Stops the command with one line and exit code 2."""
    raise UserError(message)


def check_least(config: object, least: int, *flags: str) -> None:
    """Raises UserError for the first of a configuration's numbers that is below, or no number."""
    for flag in flags:
        if not least <= (value := getattr(config, flag)) < math.inf:
            wanted = f"at least {least}" if least else "0 or more"
            fail(f"--{flag.replace('_', '-')} must be {wanted}, not {value}")


def check_file(flag: str, path: Path, *, force: bool) -> None:
    """Raises UserError, before anything is computed, for a file that could not be written, or is there already."""
    try:
        if path.is_dir():
            fail(f"{flag} {path}: is a folder; name a file")
        if path.exists() and not force:
            fail(f"{flag} {path}: is there already; give --force to write over it, or choose another name")
        if not path.parent.is_dir():
            fail(f"{flag} {path}: there is no folder {path.parent}; make it first")
        if not os.access(path.parent, os.W_OK):
            fail(f"{flag} {path}: nothing may be written into {path.parent}; choose another folder")
    except OSError as error:  # a name that no disk takes
        fail(f"{flag} {path}: {error.strerror}")


def parse_options(options: Callable[..., T], argv: Sequence[str] | None = None, **tyro_options: Any) -> T:
    """Reads options (a dataclass) from the command line. Raises UserError for what cannot be read.

    ``--help`` prints and exits.
    """
    import tyro

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            given: T = tyro.cli(options, args=argv, **tyro_options)
            return given
    except SystemExit as stop:
        if stop.code in (None, 0):
            raise
    fail(_unboxed(said.getvalue()))


def _unboxed(said: str) -> str:
    """tyro's box as one line: what is wrong, and the flag that may have been meant."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    parts: list[list[str]] = [[]]  # title (in the frame, or a line of its own), what is wrong, hints
    for row in (line.strip("│ ") for line in plain.splitlines()):
        if row.startswith("╭") or (row and not row.strip("─-╰╯")):
            parts.append([])
        else:
            parts[-1].append(row)
    wrong = " ".join(parts[1] if len(parts) > 1 else parts[0]).partition("Got errors:")[0]
    meant = next((row.split()[0] for part in parts[2:] for row in part if row.startswith("--")), "")
    hint = f"; did you mean {meant}?" if meant and meant not in re.split("[ ,:]+", wrong) else ""
    return f"{' '.join(wrong.split()).rstrip('.')}{hint}; see --help"


def told(argv: Sequence[str], flag: str) -> str:
    """What a flag was given on the command line, or nothing; of several the last, as tyro has it.

    For what decides the defaults of all other flags, and so must be known before they are read.
    """
    found = ""
    for word, after in zip(argv, [*argv[1:], ""], strict=True):
        if word == flag:
            found = after
        elif word.startswith(f"{flag}="):
            found = word.partition("=")[2]
    return found


def new_folder(stem: str, *, resume: bool) -> Path:
    """``runs/STEM-1``, -2, ...: the first that is free. Raises UserError if there is a run to go on with."""
    if resume:
        fail("--resume: name the run to go on with by --out")
    stem, number = re.sub(r"[^\w-]", "_", stem)[:80], 1
    while (folder := Path("runs") / f"{stem}-{number}").exists():
        number += 1
    return folder


def to_go_on(module: str, folder: Path) -> str:
    """The command that goes on with a run, to be pasted into a shell."""
    python = "python" if shutil.which("python") == sys.executable else sys.executable
    return shlex.join([python, "-m", module, "--config", str(folder / "config.toml"), "--out", str(folder), "--resume"])


def out_of_memory(error: BaseException) -> bool:
    """Whether that is what an error means; on a CPU torch raises a RuntimeError."""
    torchs = type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in str(error)
    return isinstance(error, MemoryError) or torchs


def run_command(
    main: Callable[[T], int | None],
    options: Callable[..., T],
    argv: Sequence[str] | None = None,
    **tyro_options: Any,
) -> NoReturn:
    """Reads the options from the command line, runs ``main`` and exits with what it returns."""
    leave(guarded(lambda: main(parse_options(options, argv, **tyro_options))))


def guarded(act: Callable[[], int | None]) -> int:
    """Runs ``act``; a UserError becomes a line on stderr and 2, Ctrl-C a line and 130.

    A closed pipe is nobody's mistake, and neither is text that the terminal's encoding cannot spell.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = act() or 0
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except UserError as error:
        # a message may quote a file or a model
        say(f"error: {visible(' '.join(str(error).split()))}", sys.stderr)
        return 2
    except KeyboardInterrupt:
        say("stopped", sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        silence(sys.stdout)
        return 0


@contextlib.contextmanager
def patient_interrupt(what: str = "episode") -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C waits for what is at hand, which would be lost; the second does not. Gives: was it asked?"""
    asked = False

    def note(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        with contextlib.suppress(OSError):  # not by print: a handler may run in the middle of another print
            os.write(2, f"\nstopping after this {what}; Ctrl-C again stops at once\n".encode())

    before = signal.getsignal(signal.SIGINT)
    try:
        if before is signal.SIG_IGN:  # as in the background of a script: Ctrl-C is for somebody else
            raise ValueError
        signal.signal(signal.SIGINT, note)
    except ValueError:  # or not in the main thread: whoever started it deals with signals
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def leave(code: int) -> NoReturn:
    """Ends the program with this exit code, also if Ctrl-C comes while Python tidies up, which takes a second."""
    with contextlib.suppress(ValueError):  # not in the main thread: whoever started it deals with signals
        # While threads are waited for it hurries; after that no handler is called, and the signal would be the end.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, lambda number, frame: os._exit(code))
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    eval("0")  # Python remembers a Ctrl-C that an import's exec() met, though it was caught, until the next such call
    sys.exit(code)
