"""Grades: correct, wrong or unreadable, and why. As many come out as items went in, in the same order.

Numbers and words are compared here by grammar (`arena.answers.grammar`); every other answer is read by math-verify in a
pool of processes, each answer under a time limit and each process under a memory limit. What cannot be read is
unreadable, never wrong and never correct, and no answer makes the grader raise. There is no second grader.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from arena.answers.expressions import compare_expressions
from arena.answers.grammar import LONGEST, Verdict, by_grammar, refuse
from arena.answers.notation import tidy

if TYPE_CHECKING:
    from pebble import ProcessFuture, ProcessPool

_OUT_OF_MEMORY = 77  # exit code of a worker that met its memory limit
_STALL = 60.0  # seconds beyond the limit after which a pool that answers nothing is taken for broken
_STARTING = 120.0  # seconds a first worker may take to import math-verify
_ANSWERS_A_WORKER = 1000
_PROBE = "0" + "}" * 8  # text that would change an answer still open at the end: another digit, the end of its box


class GraderError(RuntimeError):
    """The grader itself does not work here; the message says why. Never caused by an answer."""


class Marks(Protocol):
    """The part of a task that grading needs."""

    def extract(self, text: str) -> str | None: ...


@dataclass(frozen=True)
class Grade:
    """What became of one solution."""

    verdict: Verdict
    answer: str | None
    """The marked answer as written, at most 1,000 characters of it; None if none is marked."""
    expected: str
    reason: str


@dataclass(frozen=True)
class Item:
    """One solution to grade."""

    text: str
    expected: str
    task: Marks
    cut_off: bool = False
    """The text ended at the length limit: an answer that more text could have changed is unreadable."""


class Grader:
    """Grades items; its processes start when the first answer needs them. Use it in ``with``, or call ``close``.

    ``seconds`` bounds the reading of one answer (its process has started before the clock does), ``megabytes`` what a
    process may allocate beyond its start (Linux; not enforced where the system has no such limit).
    Threads may share one. The processes come from a fork server, never from a fork of this process, so a script that
    grades needs the usual ``if __name__ == "__main__":``.
    """

    def __init__(self, seconds: float = 2.0, workers: int = 2, megabytes: int = 2048):
        if seconds <= 0 or workers < 1 or megabytes < 64:
            raise ValueError("a grader needs seconds > 0, workers >= 1 and megabytes >= 64")
        self.seconds, self.workers, self.megabytes = seconds, workers, megabytes
        self._pool: ProcessPool | None = None
        self._lock = threading.Lock()
        self._first: ProcessFuture[str | None] | None = None
        """What a pool that is being started is waited for by."""
        self._left = False

    def __enter__(self) -> Grader:
        self._left = False
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Ends the processes; a thread that is still grading (the program was stopped) gets a GraderError at once."""
        self._left = True
        if first := self._first:
            first.cancel()  # type: ignore[no-untyped-call]
        self.close()

    def close(self) -> None:
        """Ends the processes; a later grade starts new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            _end(pool)

    def grade(self, items: Sequence[Item]) -> list[Grade]:
        """One grade for each item, in order. Raises GraderError only if math-verify or its processes cannot start."""
        readings = [_read(item) for item in items]
        pairs = dict.fromkeys(reading.pair for reading in readings if isinstance(reading, _Owed))
        found = self._by_parser(pairs) if pairs else {}
        return [
            reading if isinstance(reading, Grade) else reading.grade(*found[reading.pair], item.expected)
            for reading, item in zip(readings, items, strict=True)
        ]

    def _by_parser(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[Verdict, str]]:
        """Verdict and reason of each (expected, answer). A pair whose process died gets one more, in a fresh one."""
        from pebble import ProcessExpired

        owed, found = list(pairs), dict[tuple[str, str], tuple[Verdict, str]]()
        died: dict[tuple[str, str], str] = {}
        for _ in range(2):
            pool = self._started()
            died = {}
            try:
                futures = {pair: pool.schedule(compare_in_worker, args=pair, timeout=self.seconds) for pair in owed}
                for pair, future in futures.items():
                    try:
                        found[pair] = future.result(timeout=self.seconds + _STALL)
                    except TimeoutError:
                        if not future.done():
                            raise BrokenProcessPool("no answer") from None
                        found[pair] = "unreadable", f"took longer than {self.seconds:g} s"
                    except ProcessExpired as error:
                        memory = error.exitcode == _OUT_OF_MEMORY
                        died[pair] = f"needed more than {self.megabytes} MB" if memory else "its process died"
                    except (BrokenProcessPool, CancelledError):
                        raise
                    except Exception as error:
                        found[pair] = "unreadable", f"could not compare: {type(error).__name__}"
            except (CancelledError, RuntimeError):  # the pool broke, or another thread closed it
                self._discard(pool)
            owed = [pair for pair in owed if pair not in found]
            if not owed:
                break
        return found | {pair: ("unreadable", died.get(pair, "the grader's processes died")) for pair in owed}

    def _started(self) -> ProcessPool:
        with self._lock:
            if self._left:
                raise GraderError("the grader was closed while it graded")
            if self._pool is None:
                from pebble import ProcessPool

                context = _Context()
                context.set_forkserver_preload(["math_verify"])  # new workers are ready sooner
                pool = ProcessPool(self.workers, _ANSWERS_A_WORKER, _warm_up, (self.megabytes,), context)
                try:
                    with interrupts_held():
                        first = self._first = pool.schedule(start_problem)
                    if self._left:
                        first.cancel()
                    problem = first.result(timeout=_STARTING)
                except KeyboardInterrupt:
                    _end(pool)
                    raise
                except Exception as error:
                    problem = (
                        f"its processes do not start ({type(error).__name__}); "
                        'does the script that grades have `if __name__ == "__main__":`?'
                    )
                if problem is not None:
                    _end(pool)
                    raise GraderError(f"the grader does not work here: {problem}")
                self._pool = pool
            return self._pool

    def _discard(self, pool: ProcessPool) -> None:
        with self._lock:
            if self._pool is pool:
                self._pool = None
        _end(pool)


class _Context(ForkServerContext):
    """A fork server whose locks live as long as the pool that asked for them.

    Pebble drops them before it ends its processes, and one that is just starting then prints that it cannot find its
    lock.
    """

    def __init__(self) -> None:
        super().__init__()
        self._locks: list[RLock] = []

    def RLock(self) -> RLock:  # noqa: N802 - multiprocessing's name
        self._locks.append(super().RLock())
        return self._locks[-1]


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Processes that start in here never see Ctrl-C, which is for the one that grades: they would print tracebacks."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # whoever starts it, as the fork server's start does, lets interrupts in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(pool: ProcessPool) -> None:
    """Stops a pool's processes, whatever they are doing."""
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


@dataclass(frozen=True)
class _Owed:
    """An answer that the parser has to read."""

    answer: str
    pair: tuple[str, str]
    """(expected, answer), tidy."""

    def grade(self, verdict: Verdict, reason: str, expected: str) -> Grade:
        return Grade(verdict, self.answer, expected, reason)


def _read(item: Item) -> Grade | _Owed:
    """The grade of an item that needs no parser, or what the parser needs."""

    def unreadable(answer: str | None, reason: str) -> Grade:
        return Grade("unreadable", answer if answer is None else answer[:LONGEST], item.expected, reason)

    try:
        answer = item.task.extract(item.text)
        still_open = item.cut_off and answer is not None and item.task.extract(item.text + _PROBE) != answer
    except Exception as error:
        return unreadable(None, f"the task could not look for an answer: {type(error).__name__}")
    if answer is None or not answer.strip():
        return unreadable(None, "no marked answer")
    if still_open:
        return unreadable(answer, "cut off inside the answer")
    if refuse(item.expected) or not (expected := tidy(item.expected)):
        return unreadable(answer, "expected answer could not be parsed")
    if reason := refuse(answer):
        return unreadable(answer, reason)
    if not (tidied := tidy(answer)):
        return unreadable(answer, "no marked answer")
    settled = by_grammar(expected, tidied)
    if settled is None:
        return _Owed(answer, (expected, tidied))
    return Grade(settled[0], answer, item.expected, settled[1])


_start_problem: str | None = None


def _warm_up(megabytes: int) -> None:
    """Makes a worker ready: imports and first use are done, and its memory is bounded, before a clock runs."""
    global _start_problem
    try:
        importlib.import_module("math_verify")
        logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its own time limit is off
        compare_expressions(r"\frac{1}{3}", "0.333")
        compare_expressions("x=5", "(1,2)")
        _bound_memory(megabytes)
    except Exception as error:
        _start_problem = f"{type(error).__name__}: {error}"


def _bound_memory(megabytes: int) -> None:
    try:
        import resource

        with open("/proc/self/statm") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20,) * 2)
    except (ImportError, OSError, ValueError):
        return  # not Linux, or a lower limit is set already


def start_problem() -> str | None:
    """What went wrong when this worker started, or None."""
    return _start_problem


def compare_in_worker(expected: str, answer: str) -> tuple[Verdict, str]:
    """`compare_expressions` in a worker, which ends if it runs out of memory: the next answer gets a fresh one."""
    try:
        return compare_expressions(expected, answer)
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
