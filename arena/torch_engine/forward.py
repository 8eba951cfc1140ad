"""One model over many episodes: what each row's view holds, what of it the cache has seen, and the next logits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from agents.contract import AgentError
from arena.torch_engine.slots import SlotCache, UnsupportedModelError, adopt, plan_call, planned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from agents.language_model import LanguageModel

MOST_TOKENS = 4096
"""Tokens in one forward at most: bounds the memory of long prompts in large batches."""
_STEP = 128


class Forward:
    """A model with ``slots`` rows. A row's view is written by `open`, `extend` and `append`; `logits` catches up.

    Each row remembers how many of its tokens the cache has seen; a row that is asked for logits swallows all that it
    missed in the same forward. So a model need not run while others write.
    """

    def __init__(self, agent: LanguageModel, slots: int, *, name: str = "model", most_tokens: int = MOST_TOKENS):
        """Raises AgentError, naming the model, if it does what the slots cannot hold."""
        self.agent, self.slots, self.name, self.most_tokens = agent, slots, name, most_tokens
        self.length = np.zeros(slots, dtype=np.int64)
        """[slots]: tokens of each row's view."""
        self.cached = np.zeros(slots, dtype=np.int64)
        """[slots]: how many of them the cache has seen."""
        self._ids = np.zeros((slots, _STEP), dtype=np.int64)
        self.seconds, self.calls, self.rows, self.tokens = 0.0, 0, 0, 0
        """What was spent in forwards, positions and masks included (on a GPU: to give it the work): for benchmarks."""
        config = agent.model.config.get_text_config()
        try:
            adopt(agent.model)
        except UnsupportedModelError as error:
            raise _refused(agent, error) from None
        self._layers = int(config.num_hidden_layers)
        self._cache = SlotCache(self._layers, slots)
        self._like = next(agent.model.parameters()).new_zeros((), dtype=_computed(agent.model))

    def open(self, slot: int, ids: Sequence[int]) -> None:
        """Begins a row with its prompt; what the slot held is forgotten."""
        self.length[slot] = self.cached[slot] = 0
        self.clean(slot)
        self.extend(slot, ids)

    def extend(self, slot: int, ids: Sequence[int]) -> None:
        """Adds tokens to one row's view."""
        before, after = int(self.length[slot]), int(self.length[slot]) + len(ids)
        self._reserve(after)
        self._ids[slot, before:after] = ids
        self.length[slot] = after

    def append(self, slots: NDArray[np.intp], ids: NDArray[np.int64]) -> None:
        """Adds one token to each of some rows."""
        at = self.length[slots]
        if len(at):
            self._reserve(int(at.max()) + 1)
        self._ids[slots, at] = ids
        self.length[slots] = at + 1

    def crop(self, slot: int, length: int) -> None:
        """Forgets all but the first ``length`` tokens of a row."""
        self.length[slot] = length
        self.cached[slot] = min(int(self.cached[slot]), length)

    @torch.inference_mode()
    def clean(self, slot: int) -> None:
        """Zeros beyond a row's view. What is masked out still carries its NaNs into the sums."""
        self._cache.clean(slot, int(self.length[slot]))

    def _reserve(self, needed: int) -> None:
        if needed > self._ids.shape[1]:
            more = -(-needed // _STEP) * _STEP - self._ids.shape[1]
            self._ids = np.pad(self._ids, ((0, 0), (0, more)))

    @torch.inference_mode()
    def logits(self, slots: NDArray[np.int64], guesses: NDArray[np.int64] | None = None) -> Tensor:
        """Logits [R + G, V] of the next token of each row, in the order given, and then of what follows the guesses.

        ``guesses`` [R] are next tokens as somebody guesses them (-1 for none): they are swallowed too, but are no part
        of the view. Who finds a guess wrong says so by `void`; of one that came true the cache knows already.
        """
        # A row that has seen everything (what was read had no tokens here) takes its last token again.
        self.cached[slots] = np.minimum(self.cached[slots], self.length[slots] - 1)
        guessed = np.zeros(len(slots), dtype=np.int64)
        if guesses is not None:
            guessed[:] = guesses >= 0
            with_guess = slots[guessed > 0]
            if len(with_guess):
                self._reserve(int(self.length[with_guess].max()) + 1)
                self._ids[with_guess, self.length[with_guess]] = guesses[guessed > 0]
        missed = self.length[slots] + guessed - self.cached[slots]
        if int(missed.sum()) <= self.most_tokens:
            return self._run(slots, missed, guessed)
        parts = [(self._run(*part), len(part[0])) for part in self._parts(slots, guessed)]
        return torch.cat([logits[:rows] for logits, rows in parts] + [logits[rows:] for logits, rows in parts])

    def void(self, slots: NDArray[np.int64]) -> None:
        """The guesses that these rows swallowed were wrong."""
        self.cached[slots] = np.minimum(self.cached[slots], self.length[slots])

    def _parts(
        self, slots: NDArray[np.int64], guessed: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Cuts a call into some of at most ``most_tokens``; long rows are swallowed in pieces first."""
        missed = self.length[slots] + guessed - self.cached[slots]
        for slot in slots[missed > self.most_tokens]:
            one, none = np.array([slot]), np.zeros(1, dtype=np.int64)
            while self.length[slot] - self.cached[slot] >= self.most_tokens:
                self._run(one, np.array([self.most_tokens - 1]), none)
        missed = self.length[slots] + guessed - self.cached[slots]
        first, together = 0, 0
        for at, count in enumerate(missed):
            if at > first and together + count > self.most_tokens:
                yield slots[first:at], missed[first:at], guessed[first:at]
                first, together = at, 0
            together += int(count)
        yield slots[first:], missed[first:], guessed[first:]

    def _run(self, slots: NDArray[np.int64], counts: NDArray[np.int64], guessed: NDArray[np.int64]) -> Tensor:
        """Feeds each row its next ``counts`` tokens; logits after the last but guesses, and then after the guesses."""
        began = time.perf_counter()
        if getattr(self.agent.model, "training", False):
            raise AgentError(f"{self.name}: its model is in training mode; call model.eval() before it plays")
        starts = self.cached[slots]
        plan, order, where = plan_call(slots, starts, counts, self.slots, self._like)
        ids = torch.from_numpy(self._ids[where]).to(self._like.device)
        ends = np.empty(len(order), dtype=np.int64)
        ends[order] = np.cumsum(counts[order]) - 1
        kept = np.concatenate([ends - guessed, ends[guessed > 0]])
        with planned(plan):
            out = self.agent.model(
                input_ids=ids.unsqueeze(0),
                position_ids=plan.positions.unsqueeze(0),
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=torch.from_numpy(kept).to(self._like.device),
            )
        self.seconds += time.perf_counter() - began
        self.cached[slots] = starts + counts
        self.calls += 1
        self.rows += len(slots)
        self.tokens += len(ids)
        logits: Tensor = out.logits[0]
        return logits

    def bytes(self) -> int:
        """Memory of the cache in bytes."""
        return self._cache.bytes()


def _computed(model: Any) -> torch.dtype:
    """The dtype of keys and values: that of the first weights in floating point."""
    found: torch.dtype = next(p.dtype for p in model.parameters() if p.is_floating_point())
    return found


def _refused(agent: LanguageModel, why: Exception) -> AgentError:
    kind = type(agent.model).__name__
    return AgentError(f"the torch engine cannot hold {kind}: {why}; use --engine reference")


@torch.inference_mode()
def probe(agent: LanguageModel, *, tolerance: float = 1e-3) -> None:
    """Compares a model over slots with the model itself on a few tokens; raises AgentError where they differ.

    Whatever an architecture does (position biases, sinks, masks of its own), it is either held exactly or refused.
    The largest difference of log-probabilities may be ``tolerance``, ten times that below fp32.
    """
    before = agent.model.config._attn_implementation
    try:
        _probe(agent, tolerance)
    except AgentError:
        if before != agent.model.config._attn_implementation:  # it stays what it was
            agent.model.set_attn_implementation(before)
        raise


def _probe(agent: LanguageModel, tolerance: float) -> None:
    model, size = agent.model, len(agent.vocabulary)
    exact = _computed(model) == torch.float32
    ids = np.array([i for i in range(size) if i not in agent.vocabulary.never], dtype=np.int64)
    ids = ids[(np.arange(13) * 7919) % len(ids)]
    views = [ids[:9], ids[4:]]
    forward = Forward(agent, 3)
    try:
        for slot, view in zip((2, 0), views, strict=True):
            forward.open(slot, view[:5].tolist())
        first = forward.logits(np.array([2, 0]))
        for slot, view in zip((2, 0), views, strict=True):
            forward.extend(slot, view[5 : 6 + slot].tolist())
        second = forward.logits(np.array([0, 2]))
    except AgentError:
        raise
    except Exception as error:
        raise _refused(agent, ValueError(f"{type(error).__name__}: {str(error).splitlines()[0]}")) from error
    device = model.device
    for found, view in (
        (first[0], views[0][:5]),
        (first[1], views[1][:5]),
        (second[0], views[1][:6]),
        (second[1], views[0][:8]),
    ):
        plain = model(input_ids=torch.from_numpy(view).to(device).unsqueeze(0), use_cache=False).logits[0, -1]
        gap = (torch.log_softmax(found.float(), -1) - torch.log_softmax(plain.float(), -1)).abs().max()
        if not gap <= (tolerance if exact else 100 * tolerance):
            raise _refused(agent, ValueError(f"over slots its log-probabilities differ by {float(gap):.2g}"))
