"""A key-value cache of slots, and attention over them, through transformers' documented interfaces.

Tokens of many episodes are packed into one row [1, N] and go through the model together; only attention needs to know
which token belongs to which slot. The model calls `SlotLayer.update` with its new keys and values, which are written to
their places, and then the attention function ``"slots"``, registered with transformers' ``AttentionInterface``. The
tokens of a call are bundled into groups of rows with similarly many new tokens, so that little is padded, and the query
heads that share a key head are laid side by side as if they were queries of it, so that keys are read once.

Outside of such a call the function ``"slots"`` is transformers' own ``"sdpa"``: a model that was adopted by the engine
can still be trained or run by others.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import Cache, CacheLayerMixin
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_Layer: Any = CacheLayerMixin
_Cache: Any = Cache

NAME = "slots"
_STEP = 64
"""Slots grow by this many tokens: few copies, little waste."""
_BUCKETS = (2, 8, 32, 128, 512)
"""Rows with at most so many new tokens share a group: padding at most quadruples, and most rows have one or two."""


class UnsupportedModelError(ValueError):
    """The model does what these slots cannot hold; the message says what."""


@dataclass
class Group:
    """Some rows of a call, padded to the same number of new tokens. R rows, Q queries each, L keys."""

    first: int
    last: int
    """Its tokens are ``first`` to ``last`` of the packed ones."""
    rows: int
    queries: int
    slots: Tensor | None
    """[R] of int64; None where the rows are the slots from 0 on, which saves copying them."""
    place: tuple[Tensor, Tensor] | None
    """(row, query) of each token; None where no row is padded and none is left out."""
    mask: Tensor
    """[R, 1, Q, L], added to the scores."""
    _wide: dict[int, Tensor] = field(default_factory=dict)

    def mask_for(self, share: int) -> Tensor:
        """The mask for ``share`` query heads a key head: [R, 1, share * Q, L]."""
        if share not in self._wide:
            rows, _, queries, keys = self.mask.shape
            wide = self.mask.unsqueeze(2).expand(rows, 1, share, queries, keys)
            self._wide[share] = wide.reshape(rows, 1, share * queries, keys)
        return self._wide[share]


@dataclass
class Plan:
    """Where the tokens of one call belong."""

    slots: Tensor
    """[N]"""
    positions: Tensor
    """[N]"""
    longest: int
    """Keys of the longest row after this call."""
    groups: list[Group]
    layer: SlotLayer | None = None
    """The layer whose keys were written last: its attention comes next."""


_PLAN: ContextVar[Plan | None] = ContextVar("plan", default=None)


@contextmanager
def planned(plan: Plan) -> Iterator[None]:
    """Within it, models that `adopt` prepared attend over their slots."""
    token = _PLAN.set(plan)
    try:
        yield
    finally:
        _PLAN.reset(token)


class SlotLayer(_Layer):  # type: ignore[misc]
    """Keys and values of one layer: [slots, key heads, capacity, head size]."""

    keys: Tensor
    values: Tensor

    def __init__(self, slots: int):
        super().__init__()
        self.slots = slots

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        # Zeros, not memory as it is found: rows that are masked out would carry its NaNs into the sums.
        self.keys = key_states.new_zeros(self.slots, key_states.shape[1], 0, key_states.shape[3])
        self.values = value_states.new_zeros(self.slots, value_states.shape[1], 0, value_states.shape[3])
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Writes the packed keys and values [1, heads, N, size] to their slots, and gives them back as they are."""
        plan = _PLAN.get()
        if plan is None:
            raise UnsupportedModelError("its cache was used outside of the engine")
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        if self.keys.shape[2] < plan.longest:
            self._grow(plan.longest)
        self.keys[plan.slots, :, plan.positions] = key_states[0].transpose(0, 1)
        self.values[plan.slots, :, plan.positions] = value_states[0].transpose(0, 1)
        plan.layer = self
        return key_states, value_states

    def _grow(self, needed: int) -> None:
        more = -(-needed // _STEP) * _STEP - self.keys.shape[2]
        self.keys = F.pad(self.keys, (0, 0, 0, more))
        self.values = F.pad(self.values, (0, 0, 0, more))

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return query_length, 0

    def get_seq_length(self) -> int:
        return 0

    def get_max_length(self) -> int:
        return -1


class SlotCache(_Cache):  # type: ignore[misc]
    """The cache that is handed to the model: a `SlotLayer` for each of its layers."""

    def __init__(self, layers: int, slots: int):
        super().__init__(layers=[SlotLayer(slots) for _ in range(layers)])

    def clean(self, slot: int, first: int) -> None:
        """Zeros in a slot from position ``first`` on."""
        for layer in self.layers:
            if layer.is_initialized:
                layer.keys[slot, :, first:] = 0
                layer.values[slot, :, first:] = 0

    def bytes(self) -> int:
        """Memory in use."""
        tensors = [t for layer in self.layers if layer.is_initialized for t in (layer.keys, layer.values)]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def plan_call(
    slots: NDArray[np.int64], starts: NDArray[np.int64], counts: NDArray[np.int64], total: int, like: Tensor
) -> tuple[Plan, NDArray[np.int64], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Plans a call for rows in ``slots`` that have ``starts`` tokens cached and ``counts`` new ones.

    ``total`` is the number of slots there are; ``like`` gives device and dtype. Also returns the order in which the
    rows are packed, and (slot, position) of every token.
    """
    bucket = np.searchsorted(_BUCKETS, counts)
    # By slot within a bucket: rows that fill the slots from 0 on then need no index.
    order = np.lexsort((slots, bucket))
    slots, starts, counts, bucket = slots[order], starts[order], counts[order], bucket[order]
    row = np.repeat(np.arange(len(slots)), counts)
    ends = np.cumsum(counts)
    within = np.arange(int(ends[-1])) - (ends - counts)[row]
    positions = starts[row] + within
    device = like.device
    groups = []
    for kind in np.unique(bucket):
        rows = np.flatnonzero(bucket == kind)
        groups.append(_group(rows, slots, starts, counts, ends, within, row, total, like))
    plan = Plan(_moved(slots[row], device), _moved(positions, device), int((starts + counts).max()), groups)
    return plan, order, (slots[row], positions)


def _group(
    rows: NDArray[np.intp],
    slots: NDArray[np.int64],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    ends: NDArray[np.int64],
    within: NDArray[np.int64],
    row: NDArray[np.int64],
    total: int,
    like: Tensor,
) -> Group:
    device = like.device
    queries = int(counts[rows].max())
    first, last = int(ends[rows[0]] - counts[rows[0]]), int(ends[rows[-1]])
    longest = int((starts + counts)[rows].max())
    # Copying the keys of few rows costs less than attending over all slots, and more where they are most of them.
    whole = int(slots[rows].max()) + 1
    together = 3 * whole <= 4 * len(rows)
    at = slots[rows] if together else np.arange(len(rows))
    size = whole if together else len(rows)
    dense = size == len(rows) and bool((counts[rows] == queries).all())
    seen = np.zeros((size, queries), dtype=np.int64)
    seen[at] = starts[rows, None] + np.minimum(np.arange(queries), counts[rows, None] - 1)
    allowed = _moved(seen, device).unsqueeze(-1) >= torch.arange(longest, device=device)
    mask = torch.zeros(allowed.shape, dtype=like.dtype, device=device).masked_fill_(~allowed, float("-inf"))
    place = None
    if not dense:
        mine = row[first:last]
        place = (_moved(at[mine - rows[0]], device), _moved(within[first:last], device))
    chosen = None if together else _moved(slots[rows], device)
    return Group(first, last, size, queries, chosen, place, mask.unsqueeze(1))


def _moved(array: NDArray[Any], device: torch.device) -> Tensor:
    moved = torch.from_numpy(np.ascontiguousarray(array))
    return moved if device.type == "cpu" else moved.to(device, non_blocking=True)


def _attend(plan: Plan, query: Tensor, scaling: float | None) -> Tensor:
    """Attention of packed queries [1, heads, N, size] over the slots; [1, N, heads, value size]."""
    layer = plan.layer
    assert layer is not None
    heads, size = query.shape[1], query.shape[3]
    key_heads = layer.keys.shape[1]
    share = heads // key_heads
    packed = query[0].transpose(0, 1)
    found = []
    for group in plan.groups:
        rows, queries, keys = group.rows, group.queries, group.mask.shape[-1]
        asked = packed[group.first : group.last]
        if group.place is not None:
            padded = asked.new_zeros(rows, queries, heads, size)
            padded[group.place] = asked
            asked = padded
        asked = asked.reshape(rows, queries, key_heads, share, size).permute(0, 2, 3, 1, 4)
        if group.slots is None:
            known, values = layer.keys[:rows, :, :keys], layer.values[:rows, :, :keys]
        else:
            known = layer.keys[:, :, :keys].index_select(0, group.slots)
            values = layer.values[:, :, :keys].index_select(0, group.slots)
        out = F.scaled_dot_product_attention(
            asked.reshape(rows, key_heads, share * queries, size),
            known,
            values,
            attn_mask=group.mask_for(share),
            scale=scaling,
        )
        out = out.reshape(rows, key_heads, share, queries, -1).permute(0, 3, 1, 2, 4)
        out = out.reshape(rows, queries, heads, -1)
        found.append(out[group.place] if group.place is not None else out.reshape(rows * queries, heads, -1))
    return (found[0] if len(found) == 1 else torch.cat(found)).unsqueeze(0)


def _slot_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **given: Any
) -> tuple[Tensor, None]:
    plan = _PLAN.get()
    if plan is None:
        out: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **given)
        return out
    for name in ("softcap", "sliding_window", "s_aux", "position_bias"):
        if given.get(name) is not None:
            raise UnsupportedModelError(f"its attention uses {name}")
    if attention_mask is not None:  # `_slot_mask` makes none
        raise UnsupportedModelError("it makes an attention mask of its own")
    if plan.layer is None:
        raise UnsupportedModelError("its attention does not use the cache that it is given")
    return _attend(plan, query, given.get("scaling")), None


def _slot_mask(*args: Any, **given: Any) -> Tensor | None:
    if _PLAN.get() is None:
        made: Tensor | None = sdpa_mask(*args, **given)
        return made
    return None


def adopt(model: Any) -> None:
    """Makes a model attend over slots where a `Plan` is active. Raises UnsupportedModelError."""
    AttentionInterface.register(NAME, _slot_attention)
    AttentionMaskInterface.register(NAME, _slot_mask)
    if model.config._attn_implementation == NAME:
        return
    config = model.config.get_text_config()
    kinds: Sequence[str] = getattr(config, "layer_types", None) or ()
    if others := sorted(set(kinds) - {"full_attention"}):
        raise UnsupportedModelError(f"it has layers of the kind {others[0]}")
    if not kinds and getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        raise UnsupportedModelError(f"it attends within a sliding window of {config.sliding_window} tokens")
    try:
        model.set_attn_implementation(NAME)
    except ValueError as error:
        raise UnsupportedModelError(f"its attention cannot be exchanged ({str(error).splitlines()[0]})") from None
    if config._attn_implementation != NAME:
        raise UnsupportedModelError("its attention cannot be exchanged")
