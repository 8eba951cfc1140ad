"""One vLLM and the agents in it: started, given weights, asked to play rows, stepped, closed."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from agents.contract import AgentError
from arena.vllm_engine.members import write_members
from arena.vllm_engine.start import cache_bytes, defaults, in_process, parameters, start
from arena.vllm_engine.weights import weights_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from agents.language_model import LanguageModel
    from arena.vllm_engine.plan import RowPlan

BROKEN = 1e6
"""A token's logit where an agent's logits are not numbers: the row is ended."""
HANDED = 2e6
"""A token's logit where another's unit follows, who is not in this vLLM: the row is ended."""
_MOST_CACHE = 4 << 30
"""Bytes of key-value cache on a CPU at most, unless an option says more."""
_BLOCK = 256
"""Tokens of a cache block at most by default: a row takes a whole one, however short it is."""


@dataclass(frozen=True)
class Said:
    """What became of a row."""

    tokens: list[int]
    """Those written, the end included; the end of every member is the first's."""
    logprobs: NDArray[np.float64]
    """[tokens]: of their `token` or `open` factors."""
    decided: dict[int, float]
    """Before which tokens it was decided that a unit was over: log-probabilities of the `end` factors."""
    why: float
    """BROKEN, HANDED, or 0."""


class Host:
    """One vLLM. All its agents read the same text."""

    def __init__(self, agents: Mapping[str, LanguageModel], rows: int, options: Mapping[str, Any]):
        """Raises AgentError if vLLM does not start."""
        self.agents = dict(agents)
        self._folder = tempfile.TemporaryDirectory(prefix="tandem-vllm-")
        self.members = write_members(Path(self._folder.name), self.agents)
        self.numbers = {member.name: number for number, member in enumerate(self.members)}
        self.end = self.members[0].vocabulary.end
        context = min(agent.context for agent in agents.values())
        self.length: int = options.get("max_model_len", context)
        """Tokens of a view at most."""
        if not 1 <= self.length <= context:
            raise AgentError(f"--vllm max_model_len={self.length}: must be from 1 to {context}, what the agents take")
        per_token = sum(cache_bytes(agent.model) for agent in agents.values())
        ours = {"max_model_len": self.length, "max_num_seqs": rows}
        ours |= defaults(min(_MOST_CACHE, 2 * rows * max(self.length, _BLOCK) * per_token))
        dtype = str(next(iter(agents.values())).model.dtype)
        self.engine = start(self._folder.name, self.members[0].folder, dtype, {**ours, **options})
        self._can_rest, self._rests = bool(options.get("enable_sleep_mode")), False
        self._number = 0
        self._given = dict.fromkeys(agents, "")
        """Digests of the weights that vLLM has."""

    def rest(self) -> None:
        """Puts vLLM to sleep, if it was started so that it can: caches are dropped, weights wait in main memory."""
        if self._can_rest and not self._rests:
            self.engine.sleep(level=1)
            self._rests = True

    def wake(self) -> None:
        """Takes the memory again, also that which torch keeps back from an update for another one."""
        if self._rests:
            torch.cuda.empty_cache()
            self.engine.wake_up()
            self._rests = False

    def check_length(self, tokens: int) -> None:
        """Raises AgentError for a view that may grow to so many tokens, if vLLM was given less room than the agents."""
        if self.length < min(tokens, *(agent.context for agent in self.agents.values())):
            raise AgentError(
                f"--vllm max_model_len={self.length}: prompt and --limit may come to {tokens} tokens; give so many"
            )

    def refresh(self) -> None:
        """Gives vLLM the weights of agents that say that they are others."""
        for name, agent in self.agents.items():
            if self._given[name] != agent.weights:
                self.hand_over(name)

    def hand_over(self, name: str) -> None:
        """Gives an agent's present weights to vLLM, in place: what it plays from then on is played by these."""
        pairs = weights_of(self.agents[name], self.numbers[name])
        if in_process():
            self.engine.collective_rpc("tandem_take", args=(pairs,))
        else:
            from safetensors.torch import save_file

            path = Path(self._folder.name) / "weights.safetensors"
            save_file({name: tensor.contiguous().cpu().clone() for name, tensor in pairs}, path)
            self.engine.collective_rpc("tandem_read", args=(str(path),))
            path.unlink()
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # rows may be stepped in another thread, on another stream
        if not self.engine.reset_prefix_cache():
            raise AgentError(f"--engine vllm: {name} has new weights while rows of the old ones are still played")
        self._given[name] = self.agents[name].weights

    def add(self, ids: Sequence[int], plan: RowPlan) -> str:
        """Begins a row whose view so far is ``ids``. Returns its name."""
        name = str(self._number)
        self._number += 1
        self.engine.add_request(name, {"prompt_token_ids": list(ids)}, parameters(plan, self.end))
        return name

    def step(self) -> list[tuple[str, Said]]:
        """One step of all rows; those that are over."""
        # A thread that is new to torch has OpenMP's own number of threads until torch first runs in parallel in it,
        # and vLLM's attention stops where that number changes within a step.
        torch.set_num_threads(torch.get_num_threads())
        return [(output.request_id, _said(output)) for output in self.engine.step() if output.finished]

    def abort(self, names: Sequence[str]) -> None:
        """Forgets rows."""
        self.engine.abort_request(list(names))

    def close(self) -> None:
        """Stops vLLM and gives its memory back."""
        self.engine.engine_core.shutdown()
        del self.engine
        from vllm.distributed import cleanup_dist_env_and_memory

        cleanup_dist_env_and_memory()
        self._folder.cleanup()


def _said(output: Any) -> Said:
    """Reads tokens and factors off a request that is over: see `arena.vllm_engine.processor` for how they travel."""
    said = output.outputs[0]
    tokens = list(said.token_ids)
    # Of each position: the token's own logit, then the two largest.
    logits = np.array(said.logprobs.logprobs, dtype=np.float64).reshape(len(tokens), 3)
    ends = logits[:, 2] + 1
    decided = {at: float(ends[at]) for at in np.flatnonzero(np.isfinite(ends)).tolist()}
    why = float(logits[-1, 0]) if len(tokens) else 0.0
    if why in (BROKEN, HANDED):
        return Said(tokens[:-1], -logits[:-1, 0], decided, why)
    return Said(tokens, -logits[:, 0], decided, 0.0)
