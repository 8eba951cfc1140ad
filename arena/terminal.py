"""Text that cannot break a terminal, and output whose reader may leave."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

from agents.plain import visible

__all__ = ["say", "silence", "visible"]


def say(text: str, stream: TextIO | None = None) -> None:
    """Prints a line; where the reader is gone, it and all that follows goes nowhere."""
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        silence(stream)


def silence(stream: TextIO) -> None:
    """Sends a stream nowhere from now on: its reader is gone, and the work goes on."""
    with contextlib.suppress(OSError, ValueError):  # a stream without a file has no pipe either
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
