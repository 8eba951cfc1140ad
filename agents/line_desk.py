"""A person's desk in a plain terminal: whole lines in, whole lines out.

Nothing is redrawn, coloured or placed, so it serves a braille line, a screen reader, ssh and a pipe alike. What a
partner writes is said turn by turn, and sentence by sentence in a long turn; never token by token.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from agents.asking import in_words
from agents.contract import AgentError, View
from agents.desk import Action, Asking
from agents.line_commands import HELP, action_of, line_of
from agents.plain import inline, visible
from agents.units import RULES
from agents.vocabulary import readable

TAIL = 60
"""Characters of the text so far that are said again when it is the person's turn."""


class TerminalDesk:
    """Line mode, on standard input and output unless other streams are given."""

    kind = "line mode"
    hint = "; /help lists the commands"

    def __init__(self, typed: TextIO | None = None, shown: TextIO | None = None):
        self._given, self._shown = typed, shown
        self._lines: LineReader | None = None
        self.live = False
        self._prompted = False
        """The cursor stands after a prompt."""
        self._author, self._heard, self._said = "", b"", 0
        """A partner's turn: its name, what was heard of it, and how many characters of that were said."""

    def open(self, view: View, acted: Callable[[], None]) -> None:
        stream = self._given or sys.stdin
        if stream is None:
            raise AgentError(f"{view.author}: there is no standard input to read from")
        lines = reader_of(stream)
        if lines.listener:
            raise AgentError(f"{view.author}: somebody sits at this terminal already; one person plays at a time")
        self._lines, self.live = lines, stream.isatty()
        lines.open(acted)
        names = ", ".join(map(inline, view.others))
        self._say(f"question: {visible(view.question).strip()}")
        self._say(f"you are {inline(view.author)}, {'with ' + names if names else 'alone'}; /help lists the commands")

    def hear(self, author: str, piece: bytes) -> None:
        self._author = author
        self._heard += piece
        text = readable(self._heard)
        rest = text[self._said :]
        # A sentence is over where the next one opens, a line where it breaks.
        over = max([*RULES["sentence"].openings(rest), rest.rfind("\n")])
        if rest[:over].strip():
            self._say(f"{inline(author)}: {inline(rest[:over])}")
            self._said += over

    async def room(self) -> None:
        """A terminal keeps what scrolls by."""

    def wrote(self, author: str, text: str, ended: bool) -> None:
        said = readable(self._heard)[: self._said] if author == self._author else ""
        again = "" if text.startswith(said) else " (what counts of it)"  # a stopped turn loses its last unit
        rest = text if again else text[len(said) :]
        if rest:
            self._say(f"{inline(author)}{again}: {inline(rest) or '(white space)'}")
        if ended:
            self._say(f"{inline(author)} ends the solution")
        self._author, self._heard, self._said = "", b"", 0

    async def ask(self, asking: Asking) -> None:
        self._say(in_words(asking))
        if asking.so_far:
            tail = asking.so_far[-TAIL:]
            self._say(f"so far: {'... ' if tail != asking.so_far else ''}{inline(tail)}")
        if asking.ahead is not None:
            self._say(f"typed before your turn: {inline(line_of(asking.ahead))}. Enter takes it, /undo drops it")
        if self.live:
            self._write("> ")
            self._prompted = True

    def sent(self, text: str, seconds: list[float]) -> None:
        """It stands on the terminal as it was typed, with a notice where it was not taken so."""

    def notice(self, line: str) -> None:
        self._say(line)

    def show(self, turns: Sequence[tuple[str, str]]) -> None:
        for author, text in turns:
            self._say(f"[{inline(author)}]{visible(text)}")
        if not turns:
            self._say("nothing is written yet")

    async def waiting(self) -> bool:
        assert self._lines, "the desk is not open"
        await self._lines.waiting()
        return True

    def help(self) -> None:
        for line in HELP:
            self._say(line)

    def take(self) -> Action | None:
        line = self._next_line()
        return None if line is None else action_of(line)

    def _next_line(self) -> str | None:
        line = self._lines.take() if self._lines else None
        if line is not None:
            self._prompted = False
            if not self.live:
                self._say(f"> {visible(line)}")  # a terminal shows what is typed; a pipe does not
        return line

    def now(self) -> float:
        return time.monotonic()

    async def review(self, ended: str, together: bool) -> dict[str, Any]:
        """Asks somebody who sits there; lines that lie ready are for solutions."""
        while self.live and together:
            self._write("how easy was it to go on from what your partner wrote? 1 (very hard) to 7 (very easy): ")
            self._prompted = True
            await self.waiting()
            line = self._next_line()
            if not (line or "").strip():
                return {}
            if line and line.strip() in set("1234567"):
                return {"ease": int(line)}
            self._say("a number from 1 to 7, or Enter to pass")
        return {}

    def close(self) -> None:
        self._say("this solution is over")
        if self._lines:
            self._lines.close()
            self._lines = None

    def _say(self, line: str) -> None:
        """One announcement."""
        self._write(f"\n{line}\n" if self._prompted else f"{line}\n")
        self._prompted = False

    def _write(self, text: str) -> None:
        out = self._shown or sys.stdout
        try:
            try:
                out.write(text)
            except UnicodeEncodeError:
                out.write(text.encode("ascii", "backslashreplace").decode())
            out.flush()
        except (OSError, ValueError, AttributeError):  # it is closed, or there is none: nobody can be asked any more
            if self._lines:
                self._lines.end()


class LineReader:
    """Reads a stream line by line, for one event loop after the other.

    A thread waits for the stream. It is a daemon and reads the file itself where there is one: Python's buffered reader
    would hold a lock that the end of the program waits for.
    """

    def __init__(self, stream: TextIO):
        self._stream, self._encoding = stream, getattr(stream, "encoding", None) or "utf-8"
        self._lines: deque[str] = deque()
        self._lock = threading.Lock()
        self._ended = False
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.listener: Callable[[], None] | None = None
        """Called in the event loop when a line comes that nobody waits for."""
        self._file, self._rest = -1, b""
        with contextlib.suppress(OSError, ValueError):  # a stream without a file
            self._file = stream.fileno() if os.name != "nt" else -1
        read = self._read_stream if self._file < 0 else self._read_file
        self.thread = threading.Thread(target=read, name="a person's lines", daemon=True)
        self.thread.start()

    def open(self, listener: Callable[[], None]) -> None:
        self.listener = listener
        with contextlib.suppress(RuntimeError):  # no loop runs yet
            self._loop = asyncio.get_running_loop()

    async def waiting(self) -> None:
        """Returns when there is a line, or will be none any more."""
        loop = self._loop = asyncio.get_running_loop()
        while True:
            with self._lock:
                if self._lines or self._ended:
                    return
                future: asyncio.Future[None] = loop.create_future()
                self._waiter = loop, future
            try:
                await future  # the thread may have been woken for what was taken already
            finally:
                with self._lock:
                    self._waiter = None

    def take(self) -> str | None:
        """The next line, if there is one. What was typed before now is there, however late the thread is."""
        with self._lock:
            if not self._lines and self._file >= 0:
                self._pump()
            return self._lines.popleft() if self._lines else None

    def end(self) -> None:
        """Nothing more is taken: there is nobody to ask."""
        with self._lock:
            self._lines.clear()
            self._ended = True
            self._wake()

    def close(self) -> None:
        self.listener = self._loop = None

    def _read_file(self) -> None:
        while not self._ended:
            with contextlib.suppress(OSError, ValueError):  # closed, which reading it will tell
                select.select([self._file], [], [])
            with self._lock:
                self._pump()
                self._wake()

    def _pump(self) -> None:
        """Takes in what lies ready in the file. Whoever calls it has the lock."""
        while not self._ended:
            try:
                if not select.select([self._file], [], [], 0)[0]:
                    return
                data = os.read(self._file, 1 << 12)
            except BlockingIOError:
                return
            except (OSError, ValueError):  # the terminal is gone
                data = b""
            *lines, self._rest = (self._rest + data).split(b"\n")
            if not data:
                lines, self._ended = [self._rest] if self._rest else [], True
            self._lines += [line.decode(self._encoding, "surrogateescape").removesuffix("\r") for line in lines]

    def _read_stream(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed, or not to be read
            for line in self._stream:
                with self._lock:
                    if not self._ended:
                        self._lines.append(line.removesuffix("\n").removesuffix("\r"))
                        self._wake()
        with self._lock:
            self._ended = True
            self._wake()

    def _wake(self) -> None:
        """Tells whoever waits or listens; a loop that is closed has nobody who does."""
        with contextlib.suppress(RuntimeError):
            if self._waiter:
                loop, future = self._waiter
                loop.call_soon_threadsafe(_settle, future)
            elif self._loop:
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if self.listener:
            self.listener()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


_READERS: dict[TextIO, LineReader] = {}


def reader_of(stream: TextIO) -> LineReader:
    """One reader a stream: two would take each other's lines."""
    if stream not in _READERS:
        _READERS[stream] = LineReader(stream)
    return _READERS[stream]
