"""A causal language model as an agent: one episode at a time, plain, with a key-value cache.

`LanguageModelSeat.write` is the handoff process of HANDOFF.md, section 3, as seen by one author; together with the
loop in `arena.reference` it is the judge of every faster engine. It is written to be read, not to be fast.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.contract import AgentError, Span, Turn, View, joined_text
from agents.distribution import NextEvent, Sampling
from agents.encoding import Encoder
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


class LanguageModelSeat:
    """A language model's place in one episode: its view as ids, and its cache."""

    def __init__(self, agent: LanguageModel, view: View):
        self.agent, self.view = agent, view
        prompt = agent.prompt_ids(view.question)
        if not prompt:
            raise AgentError(f"{view.author}: its prompt has no tokens, so it has nothing to continue")
        self.ids: list[int] = prompt
        """Prompt and shared text in this agent's tokenisation, so far."""
        self._prompt_digest = digest_ids(prompt)
        self._unread: list[Span] = []
        self._cache: Any = None
        self._cached = 0
        self._last: Tensor | None = None
        self._inexact = 0

    def read(self, span: Span) -> None:
        """Same tokeniser: the ids pass straight through. Different: the text waits until this agent needs its view."""
        if span.token_ids is not None and span.tokeniser == self.agent.vocabulary.digest:
            self.take_in()
            self.ids += span.token_ids[: span.written]
        else:
            self._unread.append(span)

    def take_in(self) -> list[int]:
        """The view's ids, after encoding what others wrote since this agent's last token: in one go, once."""
        if text := joined_text(self._unread):
            ids, exact = self.agent.encode(text)
            self.ids += ids
            self._inexact += not exact
        self._unread.clear()
        return self.ids

    async def write(self, turn: Turn) -> Span:
        agent, rule, draws = self.agent, turn.rule, turn.chance
        table = agent.vocabulary.table(rule.name)
        self.take_in()
        state, unit, opening = turn.state, turn.unit, turn.opening and not rule.plain
        ids: list[int] = []
        logprobs: list[float] = []
        end_logprob = None
        ended = False
        while len(ids) < turn.budget and len(self.ids) < agent.context:
            position = turn.position + len(ids)
            hands_over = not turn.holds(unit)
            if hands_over and table.opens[state].all():  # whatever comes opens: nothing is left to decide
                end_logprob = None if rule.plain else 0.0
                break
            boundary = agent.boundary(rule.name, state)
            event = NextEvent.of(self._logits(), agent.vocabulary, agent.sampling)
            if opening:
                event = event.opening(boundary)
                token = int(event.draw(draws.open[position]))
            else:
                token = int(event.draw(draws.token[position]))
                if hands_over and not rule.plain and boundary[token]:
                    end_logprob = float(event.over(boundary))
                    break
            opening = False
            ids.append(token)
            logprobs.append(float(event.drawn[token]))
            if token == agent.vocabulary.end:
                ended = True
                break
            unit += int(table.opens[state, token])
            state = int(table.next[state, token])
            self.ids.append(token)
            turn.emit(agent.vocabulary.pieces[token])
        pieces = tuple(b"" if i == agent.vocabulary.end else agent.vocabulary.pieces[i] for i in ids)
        digest = agent.vocabulary.digest
        return Span(self.view.author, "", tuple(ids), pieces, tuple(logprobs), end_logprob, ended, digest)

    @torch.inference_mode()
    def _logits(self) -> Tensor:
        """Logits [V] of the next token, fp32: feeds the cache what it has not seen yet."""
        if self._last is not None and self._cached == len(self.ids):  # what was read had no tokens here
            return self._last
        fresh = torch.tensor([self.ids[self._cached :]], device=self.agent.model.device)
        out = self.agent.model(input_ids=fresh, past_key_values=self._cache, use_cache=True)
        self._cache, self._cached = out.past_key_values, len(self.ids)
        logits: Tensor = out.logits[0, -1].float().cpu()
        if not torch.isfinite(logits).any() or torch.isnan(logits).any():
            raise AgentError(f"{self.view.author}: its logits are not numbers (NaN or all -inf)")
        self._last = logits
        return logits

    def leave(self) -> None:
        self._cache = None
        self._unread.clear()

    def record(self) -> dict[str, Any]:
        """What proves the view and the model; ``inexact_reads`` counts texts that its tokeniser could not spell."""
        agent = self.agent
        made = {"weights": agent.weights, "tokeniser": agent.vocabulary.digest, "prompt_ids": self._prompt_digest}
        return {**made, **vars(agent.sampling), "inexact_reads": self._inexact}


def digest_ids(ids: list[int]) -> str:
    """A digest of token ids, to prove that two views are the same."""
    return hashlib.blake2b(np.asarray(ids, dtype="<i8").tobytes(), digest_size=8).hexdigest()


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


def load_language_model(path: str, *, prompt: str = "{question}\n", sampling: Sampling | None = None) -> LanguageModel:
    """Loads ``path`` (a folder, or a hub id) in fp32 from safetensors. Raises AgentError in one line.

    Nothing is fetched for a folder; remote code stays off. bf16 weights are computed in fp32, because bf16 products
    are slow on CPUs and their roundings would move factors by more than 1e-4.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as library_log

    logging: Any = library_log
    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # a bar for loading a few tensors would be most of what a log shows
    logging.set_verbosity_error()  # what is wrong with a model is said once, in the error
    local = Path(path).expanduser()
    if path.startswith((".", "/", "~")) and not local.is_dir():
        raise AgentError(f"hf:{path}: there is no such folder")
    if local.is_dir() and not (local / "config.json").is_file():
        raise AgentError(f"hf:{path}: there is no config.json in this folder, so there is no model in it")
    try:
        where = str(local) if local.is_dir() else path
        here = local.is_dir()
        tokenizer = AutoTokenizer.from_pretrained(where, local_files_only=here, trust_remote_code=False)
        auto: Any = AutoModelForCausalLM
        model, loading = auto.from_pretrained(
            where,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=here,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise AgentError(f"hf:{path}: {why}") from None
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
    if missing := loading["missing_keys"]:
        first = sorted(missing)[0]
        raise AgentError(f"hf:{path}: not a causal language model: {len(missing)} weights are missing, as {first}")
    agent = LanguageModel(model, tokenizer, prompt=prompt, sampling=sampling)
    if not agent.encode("a")[0]:
        raise AgentError(f"hf:{path}: its tokeniser gives no tokens; is there a tokenizer.json in the folder?")
    return agent
