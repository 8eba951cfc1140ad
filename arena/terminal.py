"""Text that cannot break a terminal, and output whose reader may leave."""

from __future__ import annotations

import contextlib
import os
import sys
import unicodedata
from typing import TextIO


def visible(text: str) -> str:
    """The text with every control and direction character replaced by a visible one; newlines stay."""
    return "".join(_stand_in(c) if c != "\n" else c for c in text)


def _stand_in(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    category = unicodedata.category(character)
    if category in ("Cc", "Cs") or character in "\u2028\u2029" or (category == "Cf" and character != "\u200d"):
        return f"<U+{code:04X}>"
    return character


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
