"""What every command line shares: one clear line for a user's mistake and exit code 2, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class UserError(Exception):
    """Something that the user can mend; the message names the flag and the fix."""


def fail(message: str) -> NoReturn:
    """Stops the command with one line and exit code 2."""
    raise UserError(message)


def run_command(
    main: Callable[[T], int | None], options: Callable[..., T], argv: list[str] | None = None, **tyro_options: Any
) -> NoReturn:
    """Reads the options (a dataclass) from the command line, runs ``main`` and exits with what it returns."""
    import tyro

    given = tyro.cli(options, args=argv, **tyro_options)
    sys.exit(guarded(lambda: main(given)))


def guarded(act: Callable[[], int | None]) -> int:
    """Runs ``act``; a UserError becomes a line on stderr and 2, a closed pipe is nobody's mistake."""
    try:
        return act() or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 0
