"""A causal language model as an agent: its model, tokeniser, prompt and sampling. Its seat is in `agents.seat`."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from agents.contract import View
from agents.distribution import Sampling
from agents.encoding import Encoder
from agents.seat import LanguageModelSeat
from agents.vocabulary import Vocabulary, vocabulary_of


class LanguageModel:
    """A Hugging Face causal model with its tokeniser, prompt and sampling."""

    gives_logprobs = True
    conditions_on_opening = True
    deterministic = True

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        prompt: str = "{question}\n",
        sampling: Sampling | None = None,
        vocabulary: Vocabulary | None = None,
    ):
        """``prompt`` is the agent's own prompt, ``{question}`` standing for the problem."""
        if "{question}" not in prompt:
            raise ValueError(f"a prompt must say where the question goes with {{question}}: {prompt!r}")
        self.model, self.tokenizer, self.prompt = model.eval(), tokenizer, prompt
        self.sampling = sampling or Sampling()
        config = getattr(model.config, "get_text_config", lambda: model.config)()
        self.vocabulary = vocabulary or vocabulary_of(
            tokenizer, config.vocab_size, end_ids_of(model, tokenizer), suppressed_ids_of(model)
        )
        self.context = int(getattr(config, "max_position_embeddings", None) or 2**31)
        self.weights = weights_digest(model)
        self._encoder = Encoder(tokenizer, self.vocabulary)
        boundary = torch.zeros(len(self.vocabulary), dtype=torch.bool)
        boundary[self.vocabulary.end] = True
        self._end = boundary

    def sit(self, view: View) -> LanguageModelSeat:
        return LanguageModelSeat(self, view)

    def prompt_ids(self, question: str) -> list[int]:
        """The agent's own prompt in its own tokenisation."""
        return self._encoder.prompt(self.prompt, question)

    def encode(self, text: str) -> tuple[list[int], bool]:
        """Ids of what others wrote, in the middle of a view, and whether they spell it to the byte."""
        return self._encoder.encode(text)

    def boundary(self, unit: str, state: int) -> Tensor:
        """W and E in a state of a unit rule: bool of shape [V]."""
        return torch.from_numpy(self.vocabulary.table(unit).opens[state]) | self._end


def weights_digest(model: Any) -> str:
    """Tells models apart by up to 64 numbers of each tensor, evenly spaced: cheap also for billions of weights."""
    state = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(model.state_dict().items()):
        flat = tensor.detach().flatten()
        some = flat[:: max(1, flat.numel() // 64)][:64].double().cpu().numpy()
        state.update(f"{name} {tuple(tensor.shape)}".encode() + some.astype("<f8").tobytes())
    return state.hexdigest()


def end_ids_of(model: Any, tokenizer: Any) -> list[int]:
    """Every id that ends a text: the model's generation config's, then the tokeniser's; the tokeniser's comes first."""
    listed = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    listed = [] if listed is None else [listed] if isinstance(listed, int) else list(listed)
    first = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    return list(dict.fromkeys(first + listed))


def suppressed_ids_of(model: Any) -> list[int]:
    """Ids that the model's own generation config says are never to be drawn."""
    return list(getattr(getattr(model, "generation_config", None), "suppress_tokens", None) or [])
