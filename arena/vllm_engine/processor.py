"""The logits processor: whose distribution counts in each row, and which token it gives (HANDOFF.md, section 3).

Coins and draws are looked up by the row's plan, so the token is chosen here, by the code of the torch engine and with
the same uniform numbers; what is left to vLLM's sampler is one possible token. So the episodes are those of the other
engines, sampled ones too, and that can be tested by plain equality.

The factors travel as the logits themselves (``logprobs_mode="processed_logits"``): the token's logit is minus the
log-probability of its `token` or `open` factor; where it was decided that a unit is over, another token's logit is that
of the `end` factor, less one so that it stays behind. Everything else is -inf. So they survive eviction and separate
processes. Logits beyond these say why a row was ended (`arena.vllm_engine.host`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor, MoveDirectionality

from agents.distribution import NEVER
from arena.torch_engine.drawing import Drawn, Tables, Wanted, draw
from arena.vllm_engine.host import BROKEN, HANDED
from arena.vllm_engine.members import ADDITIONAL, read_members
from arena.vllm_engine.model import LOADED
from arena.vllm_engine.plan import ELSEWHERE, EXTRA, RowPlan
from arena.vllm_engine.rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_SLOT = UNKNOWN = -1


@dataclass(frozen=True)
class _Seated:
    """The rows with a plan among the first ``count`` of the batch."""

    count: int
    here: NDArray[np.int64]
    """[R]: which they are."""
    slots: NDArray[np.int64]
    """[R]: theirs."""
    outputs: list[Any]
    """[R]: vLLM's own list of each row's output tokens."""


class TandemProcessor(LogitsProcessor):  # type: ignore[misc, unused-ignore]
    """Chooses the token of every row that has a plan; leaves other rows alone."""

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool):
        self._folder = vllm_config.additional_config[ADDITIONAL]
        self._members = read_members(self._folder)
        self._tables = [Tables(member.vocabulary, device) for member in self._members]
        self._end = self._members[0].vocabulary.end
        alike = [(m.end_ids, m.never, m.drawn_by, len(m.pieces)) for m in self._members]
        self._kinds = [[number for number, other in enumerate(alike) if other == kind] for kind in dict.fromkeys(alike)]
        """Members that draw by the same rules: their rows are drawn together."""
        size = vllm_config.scheduler_config.max_num_seqs
        self._rows = Rows(size)
        self._chosen = np.zeros(size, dtype=np.int64)
        """[slots]: what was last chosen for the row."""
        self._slots = np.full(size, NO_SLOT, dtype=np.int64)
        """[rows of the batch]: the slot of a row with a plan."""
        self._outputs: list[Any] = [None] * size
        """[rows of the batch]: vLLM's own list of the row's output tokens."""
        self._free = list(range(size))
        self._seated: _Seated | None = None
        """Found when first needed after rows came, went or moved."""
        self._device = device

    def is_argmax_invariant(self) -> bool:
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Rows that came, went and moved. A row that comes back after an eviction comes with its tokens."""
        if batch_update is None:
            return
        self._seated = None
        for row in batch_update.removed:
            self._leave(row)
        for row, params, _, outputs in batch_update.added:
            self._leave(row)
            if plan := (params.extra_args or {}).get(EXTRA):
                slot = self._free.pop()
                read = RowPlan.read(plan)
                for tables in self._tables:  # in the same order, so that all have the same lines
                    tables.first(read.parsed.rule)
                self._rows.seat(slot, read, self._tables[0], (), self._end)
                self._chosen[slot] = UNKNOWN
                self._slots[row], self._outputs[row] = slot, outputs
        for one, other, direction in batch_update.moved:
            if direction == MoveDirectionality.SWAP:
                self._slots[[one, other]] = self._slots[[other, one]]
                self._outputs[one], self._outputs[other] = self._outputs[other], self._outputs[one]
            else:
                self._leave(other)
                self._slots[other], self._outputs[other] = self._slots[one], self._outputs[one]
                self._slots[one], self._outputs[one] = NO_SLOT, None

    def _leave(self, row: int) -> None:
        if self._slots[row] != NO_SLOT:
            self._free.append(int(self._slots[row]))
        self._slots[row], self._outputs[row] = NO_SLOT, None

    def _find(self, count: int) -> _Seated:
        here = np.flatnonzero(self._slots[:count] != NO_SLOT)
        outputs = self._outputs[:count] if len(here) == count else [self._outputs[row] for row in here]
        return _Seated(count, here, self._slots[here], outputs)

    def apply(self, logits: Tensor) -> Tensor:
        """Leaves one possible token in every row with a plan."""
        if self._seated is None or self._seated.count != len(logits):
            self._seated = self._find(len(logits))
        here, slots = self._seated.here, self._seated.slots
        if not len(here):
            return logits
        self._catch_up(slots, self._seated.outputs)
        pairs = zip(self._tables, LOADED[self._folder].logits, strict=True)
        columns = [tables.columns(_padded(logits)) for tables, logits in pairs]
        tokens, logprobs, over, over_logprobs = self._draw(here, slots, columns)
        handed = tokens == ELSEWHERE
        broken = np.isnan(logprobs)
        tokens[handed | broken] = self._end
        logprobs[handed], logprobs[broken] = -HANDED, -BROKEN
        self._chosen[slots] = tokens
        if len(here) == len(logits):
            logits.fill_(NEVER)
        else:
            logits.index_fill_(0, torch.from_numpy(here).to(logits.device), NEVER)
        at = np.concatenate([here, here[over]])
        ids = np.concatenate([tokens, (tokens[over] + 1) % logits.shape[1]])
        values = np.concatenate([-logprobs, over_logprobs[over] - 1])
        where = tuple(torch.from_numpy(index).to(logits.device) for index in (at, ids))
        return logits.index_put_(where, torch.from_numpy(values).to(logits))

    def _catch_up(self, slots: NDArray[np.int64], outputs: list[Any]) -> None:
        """Follows the rows through the tokens that vLLM took since the last step.

        A row that has one more token took the one chosen here. One that has none more was not to draw: its prompt is
        being read in pieces. Any other came new or came back, and is followed from its beginning.
        """
        rows = self._rows
        more = np.fromiter(map(len, outputs), dtype=np.int64, count=len(outputs)) - rows.written[slots]
        fresh = np.flatnonzero((more != 0) & ((more != 1) | (self._chosen[slots] == UNKNOWN)))
        for row in fresh:
            rows.follow(int(slots[row]), self._tables[0], outputs[row], self._end)
            more[row] = 0
        grown = slots[more == 1]
        rows.advance(grown, self._chosen[grown], self._tables[0], self._end)

    def _draw(
        self, here: NDArray[np.int64], slots: NDArray[np.int64], columns: list[Tensor]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
        """[R] each: tokens, log-probabilities of their factors, whether an author's unit was over, and of `end`."""
        rows, count = self._rows, len(here)
        tokens = np.full(count, ELSEWHERE)  # where an author is not here, whatever came opened a unit of another's
        logprobs, over_logprobs = np.zeros((2, count), dtype=np.float32)
        over = np.zeros(count, dtype=bool)
        hands = rows.hands[slots] & ~rows.plain[slots]
        everybody = np.arange(count)
        for mine, drawn in self._drawn(everybody, rows.author[slots], here, slots, rows.opening[slots], hands, columns):
            tokens[mine], logprobs[mine] = drawn.tokens, drawn.logprobs
            over[mine], over_logprobs[mine] = drawn.over & ~drawn.broken, drawn.over_logprobs
        if len(opened := np.flatnonzero(over)):
            following = rows.authors[slots, rows.next[slots]]
            tokens[opened] = ELSEWHERE
            yes = np.ones(count, dtype=bool)
            for mine, drawn in self._drawn(opened, following, here, slots, yes, ~yes, columns):
                tokens[mine], logprobs[mine] = drawn.tokens, drawn.logprobs
        return tokens, logprobs, over, over_logprobs

    def _drawn(
        self,
        which: NDArray[np.int64],
        author: NDArray[np.int64],
        here: NDArray[np.int64],
        slots: NDArray[np.int64],
        opening: NDArray[np.bool_],
        hands: NDArray[np.bool_],
        columns: list[Tensor],
    ) -> Iterator[tuple[NDArray[np.int64], Drawn]]:
        """What authors draw in the rows ``which``, those together that draw alike; within W and E where they open."""
        rows = self._rows
        for numbers in self._kinds:
            several = [which[author[which] == number] for number in numbers]
            mine = np.concatenate(several)
            if not len(mine):
                continue
            parts = [
                columns[number].index_select(0, torch.from_numpy(here[its]).to(self._device))
                for number, its in zip(numbers, several, strict=True)
                if len(its)
            ]
            member, tables = self._members[numbers[0]], self._tables[numbers[0]]
            event = tables.events(torch.cat(parts) if len(parts) > 1 else parts[0], member.drawn_by)
            at = slots[mine]
            position = rows.start[at] + rows.written[at]
            uniforms = np.where(opening[mine], rows.open_uniform[at, position], rows.uniform[at, position])
            none = np.zeros(len(mine), dtype=bool)
            drawn = draw(event, tables, Wanted(rows.line[at], opening[mine], hands[mine], none, uniforms, uniforms))
            # Everybody's end is said as the first member's.
            drawn.tokens[drawn.tokens == member.vocabulary.end] = self._end
            yield mine, drawn


def _padded(logits: Tensor) -> Tensor:
    """[R, V or more]: logits [R, V] and what vLLM padded them with, before it cut that off.

    Columns of rows that lie side by side are selected much faster.
    """
    stride = logits.stride(0)
    held = logits.untyped_storage().nbytes() // logits.itemsize - logits.storage_offset()
    whole = logits.stride(1) == 1 and stride >= logits.shape[1] and held >= len(logits) * stride
    return logits.as_strided((len(logits), stride), (stride, 1)) if whole else logits
