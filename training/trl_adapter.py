"""What must agree before TRL may train on the Arena's episodes: whose tokens, which distribution, which ends.

The agents' distribution goes over the ids that may be drawn; TRL's softmax goes over all ids of the model's head. So
the others are barred in the head (`bar`). Everything else that could differ is refused, by name, and the first rollouts
are scored by TRL itself and compared (`scored_by_trl`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from agents.language_model import LanguageModel
from agents.units import RULES
from arena.policy import Call, Once, OnDemand, Policy

UNITS = tuple(name for name, rule in RULES.items() if rule.plain or name == "token")
"""Where every token has one factor, and nothing else has one."""
BARRED = -1e4
"""Added to the logits of ids that are never drawn: e^-10000 is 0 in fp32, and unlike -inf it is 0 times a mask of 0."""


class TrlError(ValueError):
    """TRL cannot train on this, or not as it is configured; one line that says what to change."""


@contextmanager
def playing(agent: LanguageModel, model: Any) -> Iterator[None]:
    """Within it the agent is this model, in eval mode; afterwards the model's modes and attention are as before."""
    modes = [(module, module.training) for module in model.modules()]
    attention = model.config._attn_implementation
    agent.model = model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        if model.config._attn_implementation != attention:  # the engine exchanges it
            model.set_attn_implementation(attention)


def bar(model: Any, never: Sequence[int]) -> None:
    """Bars ids in a model's head by a bias that is neither trained nor saved. Raises TrlError for an unusual head.

    TRL multiplies hidden states by the head's weight, adds its bias and takes the softmax over all ids.
    """
    head = model.get_output_embeddings()
    if not never or "bias" in getattr(head, "_buffers", ()):
        return
    config = model.config.get_text_config()
    if not isinstance(head, torch.nn.Linear) or head.bias is not None or getattr(config, "final_logit_softcapping", 0):
        raise TrlError(
            f"{type(model).__name__}: ids that the senior never draws cannot be barred in its head, and TRL would "
            "train another distribution than the one that wrote; use python -m training.run"
        )
    bias = torch.zeros(head.weight.shape[0], dtype=head.weight.dtype, device=head.weight.device)
    bias[list(never)] = BARRED
    del head.bias
    head.register_buffer("bias", bias, persistent=False)


@torch.no_grad()
def scored_by_trl(trainer: Any, model: Any, prompts: Sequence[Sequence[int]], texts: Sequence[Sequence[int]]) -> Tensor:
    """log p of the texts' tokens as TRL computes it, in padded batches like its own; [N, longest text], else 0.

    Wherever a padded batch is another thing to a model than a text alone (positions of GPT-2), it shows here.
    """
    before = pad_sequence([torch.tensor(ids) for ids in prompts], True, -1, "left")
    after = pad_sequence([torch.tensor(ids) for ids in texts], True, -1)
    ids = torch.cat([before, after], 1).to(model.device)
    given = (ids.clamp(min=0), (ids >= 0).long(), after.shape[1])
    size = trainer.args.per_device_train_batch_size
    found: Tensor = trainer._get_per_token_logps_and_entropies(model, *given, batch_size=size)[0]
    return found.float().cpu() * (after >= 0)


def check_policy(policy: Policy) -> None:
    if policy.unit not in UNITS:
        raise TrlError(
            f"handoff {policy}: TRL has one log-probability a token and no place for the `end` and `open` factors of "
            f"the unit {policy.unit!r}; take {' or '.join(UNITS)}, or train with python -m training.run"
        )
    if isinstance(policy.schedule, Once | OnDemand | Call):
        raise TrlError(f"handoff {policy}: training needs a schedule that coins decide, as {policy.unit}:p=0.5")


def check_agents(agents: Mapping[str, LanguageModel], name: str) -> None:
    senior = agents[name]
    trained = {id(weight) for weight in senior.model.parameters()} if isinstance(senior, LanguageModel) else set()
    for other, agent in agents.items():
        if not isinstance(agent, LanguageModel):
            raise TrlError(f"{other}: is not a language model, and TRL trains on tokens only")
        if other != name and trained & {id(weight) for weight in agent.model.parameters()}:
            raise TrlError(f"{other}: has the very weights of {name}, which are trained; load the model twice")
        if agent.vocabulary.digest != senior.vocabulary.digest:
            raise TrlError(
                f"{other}: has another tokeniser than {name}, so its token ids mean something else to TRL; train such "
                "a pair with python -m training.run"
            )
    if senior.sampling.greedy or senior.sampling.truncates:
        raise TrlError(f"{name}: training needs the whole distribution; leave out top_k, top_p and temperature 0")
    if len(ends := senior.vocabulary.end_ids) > 1:
        raise TrlError(
            f"{name}: has {len(ends)} ends {ends}, which are one event here and several to TRL; before you make the "
            f"agent, say which: model.generation_config.eos_token_id = {senior.vocabulary.end}"
        )


def trl_ends(trainer: Any) -> set[int]:
    """Ids that TRL takes for an end where a completion's last token is one; else it counts it as truncated."""
    return {*trainer.eos_token_ids, trainer.processing_class.pad_token_id}


def check_trainer(trainer: Any, model: Any, senior: LanguageModel) -> None:
    """Raises TrlError where TRL's configuration and the agents do not agree."""
    args, vocabulary = trainer.args, senior.vocabulary
    inner = model.get_base_model() if hasattr(model, "peft_config") else model
    if senior.model is not model and senior.model is not inner:
        raise TrlError("the senior's model is not the one that TRL trains; give GRPOTrainer(model=senior.model)")
    if args.temperature != senior.sampling.temperature:
        raise TrlError(
            f"GRPOConfig(temperature={args.temperature:g}), but the senior draws at {senior.sampling.temperature:g}; "
            "make them equal"
        )
    plain = {"top_p": 1.0, "top_k": 0, "min_p": None, "repetition_penalty": 1.0, "generation_kwargs": None}
    for field, value in plain.items():
        if (getattr(args, field) or None) != (value or None):
            raise TrlError(f"GRPOConfig({field}={getattr(args, field)!r}): the Arena draws, plainly; leave it out")
    if args.use_vllm:
        raise TrlError("GRPOConfig(use_vllm=True): the Arena draws, so vLLM would not be asked; leave it out")
    if getattr(trainer, "tools", None) or getattr(trainer, "environments", None):
        raise TrlError("tools and environments: TRL makes a mask of its own for them, and forgets who wrote what")
    if args.max_completion_length is None:
        raise TrlError("GRPOConfig(max_completion_length=None): the Arena needs a maximum length")
    if any(p.numel() == 0 or hasattr(p, "placements") for p in model.parameters()) or trainer.is_fsdp_enabled:
        raise TrlError("the weights are spread over processes (FSDP, ZeRO-3), and the Arena needs them whole to play")
    ends = trl_ends(trainer)
    if vocabulary.end not in ends:
        raise TrlError(f"token {vocabulary.end} ends a solution, but TRL's ends are {sorted(ends)}; make them equal")
    if stray := ends - {vocabulary.end, *vocabulary.never}:
        raise TrlError(f"TRL takes token {min(stray)} for an end, and the senior for text; is it the pad token?")
