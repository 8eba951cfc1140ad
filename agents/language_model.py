"""A causal language model as an agent: its model, tokeniser, prompt and sampling. Its seat is in `agents.seat`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, fields
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from agents.contract import View
from agents.distribution import NEVER, Sampling
from agents.encoding import Encoder
from agents.prompting import ChatTemplate, Prompting
from agents.seat import LanguageModelSeat
from agents.vocabulary import Vocabulary, vocabulary_of


class LanguageModel:
    """A Hugging Face causal model (or a PEFT model around one) with its tokeniser, prompt and sampling."""

    gives_logprobs = True
    conditions_on_opening = True
    deterministic = True

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        prompt: str | Prompting = "{question}\n",
        sampling: Sampling | None = None,
        vocabulary: Vocabulary | None = None,
        marker: str | None = None,
    ):
        """``prompt`` is the agent's own prompt, ``{question}`` standing for the problem, or all that it is told.

        ``marker`` is the text by which it gives the pen away, on demand. Raises ValueError for what cannot be.
        """
        self.prompting = Prompting(prompt) if isinstance(prompt, str) else prompt
        self.model, self.tokenizer, self.prompt = model.eval(), tokenizer, self.prompting.prompt
        self.sampling = sampling or Sampling()
        self.marker = marker
        keep_four_bit_exact(model)
        chat = ChatTemplate(tokenizer, self.prompting.chat_options) if self.prompting.chat else None
        self._chat = chat
        config = getattr(model.config, "get_text_config", lambda: model.config)()
        ends = list(dict.fromkeys([*end_ids_of(model, tokenizer), *(chat.end_ids() if chat else [])]))
        self.vocabulary = vocabulary or vocabulary_of(tokenizer, config.vocab_size, ends, suppressed_ids_of(model))
        self.context = _context(config)
        """How many positions its view may have."""
        self.weights = weights_digest(model)
        roles = [role for role, _ in self.prompting.messages("")]
        self._encoder = Encoder(tokenizer, self.vocabulary, chat.tokens_in(roles) if chat else ())
        self._prompt_ids = lru_cache(maxsize=256)(self._made_prompt_ids)
        if chat:
            self.prompt_ids("?")  # a template that refuses system prompt or demonstrations does so now
        boundary = torch.zeros(len(self.vocabulary), dtype=torch.bool)
        boundary[self.vocabulary.end] = True
        self._end = boundary
        self._boundaries: dict[str, Tensor] = {}

    def sit(self, view: View) -> LanguageModelSeat:
        """Its place in an episode. Raises AgentError if the question cannot be asked."""
        return LanguageModelSeat(self, view)

    def prompt_ids(self, question: str) -> list[int]:
        """The agent's own prompt in its own tokenisation; the last 256 are remembered. Raises PromptError.

        With one beginning-of-text token where its tokeniser adds or its prompt names one; in a chat, where the
        template writes one.
        """
        return list(self._prompt_ids(question))

    def _made_prompt_ids(self, question: str) -> tuple[int, ...]:
        if self._chat:
            return tuple(self._encoder.chat(self._chat.pieces(self.prompting.messages(question))))
        return tuple(self._encoder.prompt(self.prompting.plain(question, self.tokenizer.bos_token or "")))

    def encode(self, text: str) -> tuple[list[int], bool]:
        """Ids of what others wrote, in the middle of a view, and whether they spell it to the byte."""
        return self._encoder.encode(text)

    def boundaries(self, unit: str) -> Tensor:
        """W and E in every state of a unit rule, to be added to log-probabilities: 0 there, else -inf; [S, V]."""
        if unit not in self._boundaries:
            inside = torch.from_numpy(self.vocabulary.table(unit).opens) | self._end
            with torch.inference_mode(False):
                self._boundaries[unit] = torch.zeros(inside.shape).masked_fill_(~inside, NEVER)
        return self._boundaries[unit]

    def boundary(self, unit: str, state: int) -> Tensor:
        """W and E in a state of a unit rule: bool of shape [V]."""
        return torch.from_numpy(self.vocabulary.table(unit).opens[state]) | self._end


def _context(config: Any) -> int:
    """Positions that a view may have.

    LongRoPE turns all positions in another way once a text is longer than its original length: keys that were cached
    before are of the other kind, and in a batch one long row would change the short ones. So that length is the end.
    """
    most = int(getattr(config, "max_position_embeddings", None) or 2**31)
    rope: Any = getattr(config, "rope_parameters", None) or {}
    kinds = [rope, *(kind for kind in rope.values() if isinstance(kind, dict))]
    lengths = [kind.get("original_max_position_embeddings") for kind in kinds if kind.get("rope_type") == "longrope"]
    return min([most, *(int(length) for length in lengths if length)])


def weights_digest(model: Any) -> str:
    """Tells models apart by up to 64 numbers of each tensor, evenly spaced: cheap also for billions of weights.

    Of 4-bit weights these are packed bytes and the numbers to unpack them with. An adapter counts with its tensors and
    with what its configuration says beyond the defaults: its scale, say, is in no tensor.
    """
    state = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(model.state_dict().items()):
        flat = tensor.detach().flatten()
        some = flat[:: max(1, flat.numel() // 64)][:64].double().cpu().numpy()
        state.update(f"{name} {tuple(tensor.shape)}".encode() + some.astype("<f8").tobytes())
    adapters: dict[str, Any] = getattr(model, "peft_config", None) or {}
    for name, config in sorted(adapters.items()):
        state.update(f"{name} {json.dumps(_beyond_defaults(config), sort_keys=True, default=_plain)}".encode())
    return state.hexdigest()


_NOT_THE_ADAPTER = ("auto_mapping", "base_model_name_or_path", "inference_mode", "peft_version", "revision")
"""Of an adapter's configuration: where it came from and what it is for, rather than what it computes."""


def _beyond_defaults(config: Any) -> dict[str, Any]:
    """What an adapter's configuration says that is not its default: the rest may grow with the library."""
    said = {}
    for one in fields(config):
        default = one.default if one.default_factory is MISSING else one.default_factory()
        value = getattr(config, one.name)
        if one.name not in _NOT_THE_ADAPTER and value != default:
            said[one.name] = value
    return said


def _plain(value: Any) -> Any:
    """What JSON has no word for."""
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def keep_four_bit_exact(model: Any) -> None:
    """Lets 4-bit layers compute in their own dtype on every CPU.

    On CPUs with AVX512-BF16 bitsandbytes (0.50) rounds activations and scales to bf16 instead, whatever compute dtype
    was asked for, and repacks the weights with loss whenever they are saved: factors would move by more than 1e-4.
    """
    layers: list[Any] = list(model.modules()) if isinstance(model, torch.nn.Module) else []
    for module in layers:
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def end_ids_of(model: Any, tokenizer: Any) -> list[int]:
    """Every id that ends a text: the model's generation config's, then the tokeniser's; the tokeniser's comes first."""
    listed = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    listed = [] if listed is None else [listed] if isinstance(listed, int) else list(listed)
    first = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    return list(dict.fromkeys(first + listed))


def suppressed_ids_of(model: Any) -> list[int]:
    """Ids that the model's own generation config says are never to be drawn."""
    return list(getattr(getattr(model, "generation_config", None), "suppress_tokens", None) or [])
