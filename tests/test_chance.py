"""Coins and draws: the published generator, and pure functions of seed, key, stream and index."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.chance import Chance, Picks, Stream, Uniforms, episode_key, stable_key

WORDS = st.integers(0, 2**64 - 1)


def test_the_generator_is_philox4x64_10() -> None:
    """Known answers of Random123's kat_vectors for philox4x64-10; numpy counts up before it draws."""
    most = 2**64 - 1
    zero = np.random.Philox(counter=[most] * 4, key=[0, 0]).random_raw(4)
    assert [f"{int(word):016x}" for word in zero] == [
        "16554d9eca36314c",
        "db20fe9d672d0fdc",
        "d7e772cee186176b",
        "7e68b68aec7ba23b",
    ]


def test_the_numbers_never_change() -> None:
    """Stored runs are redone and validated by these numbers: a change here breaks every run ever stored."""
    coins = Uniforms(7, episode_key("arithmetic/test/17", 0), Stream.COIN)
    assert episode_key("arithmetic/test/17", 0) == 0x06DB3AFD8E1E5E4C
    numbers = [round(coins[u], 12) for u in (0, 1, 255, 256, 100_000)]
    assert numbers == [0.752733012789, 0.060375708771, 0.459344725726, 0.053562576259, 0.982725215137]


@given(WORDS, WORDS, st.sampled_from(Stream), st.lists(st.integers(0, 5000), min_size=1, max_size=8))
def test_order_does_not_matter(seed: int, key: int, stream: Stream, indices: list[int]) -> None:
    forwards, backwards = Uniforms(seed, key, stream), Uniforms(seed, key, stream)
    assert [forwards[i] for i in indices] == [backwards[i] for i in reversed(indices)][::-1]
    assert forwards.take(max(indices) + 1)[indices[0]] == forwards[indices[0]]
    assert all(0 <= forwards[i] < 1 for i in indices)


@given(WORDS, WORDS)
def test_streams_and_keys_are_apart(seed: int, key: int) -> None:
    taken = [
        tuple(Uniforms(s, k, stream).take(4))
        for s in (seed, (seed + 1) % 2**64)
        for k in (key, (key + 1) % 2**64)
        for stream in Stream
    ]
    assert len(set(taken)) == len(taken)


def test_uniform_and_uncorrelated() -> None:
    """Mean, variance and correlation of neighbouring coins and of coin with draw, over 20,000 episodes."""
    chances = [Chance(1, episode_key("p", sample)) for sample in range(20_000)]
    coins = np.array([[chance.coin[0], chance.coin[1], chance.token[0], chance.open[0]] for chance in chances])
    assert np.abs(coins.mean(axis=0) - 0.5).max() < 5 * np.sqrt(1 / 12 / 20_000)
    assert np.abs(coins.var(axis=0) - 1 / 12).max() < 0.004
    assert np.abs(np.corrcoef(coins.T) - np.eye(4)).max() < 5 / np.sqrt(20_000)


def test_keys_do_not_depend_on_the_process() -> None:
    command = [sys.executable, "-c", "from agents.chance import stable_key; print(stable_key('a', 1))"]
    other = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "12"})
    assert int(other.stdout) == stable_key("a", 1)
    assert stable_key("a", "b") != stable_key("ab")


def test_picks_cover_their_range() -> None:
    picks = Picks(0, 1)
    assert {picks.between(2, 5) for _ in range(200)} == {2, 3, 4, 5}


def test_all_orders_are_equally_likely() -> None:
    picks = Picks(0, 2)
    counts = Counter("".join(picks.shuffled("abc")) for _ in range(6000))
    assert len(counts) == 6
    assert all(850 < count < 1150 for count in counts.values())  # 1000, give or take five standard deviations
