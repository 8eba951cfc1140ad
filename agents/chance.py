"""Every random number of an episode: a pure function of (run seed, episode key, stream, index).

HANDOFF.md, section 2. The generator is numpy's Philox4x64-10, a counter-based generator (Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", SC 2011): its key is (run seed, episode key) and its counter holds the stream.
So nothing about batching, eviction, resuming or the order in which numbers are asked for can change one of them.
Token draws and coins come from different streams; the coins of one episode are the same at every p.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_BLOCK = 256  # numbers made at a time: an episode of some words needs one block of each stream


class Stream(IntEnum):
    """What a uniform number is used for."""

    COIN = 0
    """Who writes unit u; index = u."""
    TOKEN = 1
    """An author's draw from its whole distribution; index = tokens written before it in the episode."""
    OPEN = 2
    """The next author's draw among what opens a unit; index = tokens written before it in the episode."""
    PROBLEM = 3
    """Numbers that make up a generated problem; index = order of use."""
    PAIR = 4
    """In training: which of several pairs writes an episode; index 0."""


def stable_key(*parts: object) -> int:
    """A 64-bit key from the parts' text, the same on every machine and in every process."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def episode_key(problem_id: str, sample: int) -> int:
    """The key of one episode: a stable hash of problem id and sample number."""
    return stable_key("episode", problem_id, sample)


class Uniforms:
    """The uniform numbers in [0, 1) of one stream, by index, in any order.

    ``Uniforms(seed, key, stream)[i]`` is 53 bits of output ``i`` of Philox4x64-10 under the key ``(seed, key)`` with
    the stream in the counter's third word.
    """

    __slots__ = ("_blocks", "_key", "_stream")

    def __init__(self, seed: int, key: int, stream: Stream):
        self._key = np.array([seed % 2**64, key % 2**64], dtype=np.uint64)
        self._stream = int(stream)
        self._blocks: dict[int, np.ndarray] = {}

    def __getitem__(self, index: int) -> float:
        if index < 0:
            raise IndexError(f"uniform numbers are counted from 0, not {index}")
        block, offset = divmod(index, _BLOCK)
        numbers = self._blocks.get(block)
        if numbers is None:
            numbers = self._blocks[block] = self._make(block)
        return float(numbers[offset])

    def take(self, count: int) -> np.ndarray:
        """The first ``count`` numbers, float64 of shape [count]."""
        return self._make(0, count)

    def _make(self, block: int, count: int = _BLOCK) -> np.ndarray:
        counter = np.array([block * (_BLOCK // 4), 0, self._stream, 0], dtype=np.uint64)
        raw = np.random.Philox(counter=counter, key=self._key).random_raw(count)
        return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53


class Chance:
    """The coins and draws of one episode. ``draws`` is the key of its draws, where it is not that of its coins."""

    __slots__ = ("coin", "draws", "key", "open", "seed", "token")

    def __init__(self, seed: int, key: int, draws: int | None = None):
        self.seed, self.key = seed, key
        self.draws = key if draws is None else draws
        self.coin = Uniforms(seed, key, Stream.COIN)
        self.token = Uniforms(seed, self.draws, Stream.TOKEN)
        self.open = Uniforms(seed, self.draws, Stream.OPEN)


class Picks:
    """Choices for generated problems, drawn in order: small, and the same under every Python version."""

    def __init__(self, seed: int, key: int):
        self._uniforms = Uniforms(seed, key, Stream.PROBLEM)
        self._used = 0

    def uniform(self) -> float:
        number = self._uniforms[self._used]
        self._used += 1
        return number

    def between(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.between(0, len(options) - 1)]

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """The items in an order of which all are equally likely (Fisher and Yates)."""
        out = list(items)
        for last in range(len(out) - 1, 0, -1):
            other = self.between(0, last)
            out[last], out[other] = out[other], out[last]
        return out
