"""The optimiser against torch's own, step by step; rates by hand; small updates of bf16 weights; going on."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.config import OptimiserConfig
from training.optimiser import Optimiser


def model(dtype: torch.dtype = torch.float32, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.Linear(7, 3, bias=False)).to(dtype)


def push(network: nn.Module, number: int, size: float = 1.0) -> None:
    """The same gradients at every call with this number."""
    generator = torch.Generator().manual_seed(1000 + number)
    for weight in network.parameters():
        if weight.requires_grad:
            weight.grad = (size * torch.randn(weight.shape, generator=generator)).to(weight.dtype)


def weights(network: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in network.parameters()]


def equal(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def run(optimiser: Optimiser, network: nn.Module, numbers: range, size: float = 1.0) -> None:
    for number in numbers:
        push(network, number, size)
        optimiser.step(optimiser.norm())


@pytest.mark.parametrize("clip", [0.0, 0.5, 3.0, 1e6])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_it_is_torchs_adamw_with_torchs_clipping(clip: float, decay: float) -> None:
    """In fp32, step by step: clip_grad_norm_, then AdamW. Sizes of gradients are below and above the clip."""
    config = OptimiserConfig(
        learning_rate=0.01, betas=[0.8, 0.95], eps=1e-6, weight_decay=decay, max_grad_norm=clip, warmup_steps=3
    )
    mine, its = model(), model()
    optimiser = Optimiser(mine, config, 20)
    adam = torch.optim.AdamW(its.parameters(), lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=decay)
    clipped = 0
    for number in range(20):
        size = 0.01 * 2 ** (number % 7)
        push(mine, number, size)
        push(its, number, size)
        norm = optimiser.norm()
        total = torch.nn.utils.clip_grad_norm_(its.parameters(), clip if clip else math.inf)
        assert norm == pytest.approx(float(total), rel=1e-6)
        assert norm == pytest.approx(math.sqrt(sum(float((w**2).sum()) for w in grads(number, size))), rel=1e-5)
        clipped += bool(clip) and norm > clip
        for group in adam.param_groups:
            group["lr"] = 0.01 * min(1.0, (number + 1) / 4)
        adam.step()
        optimiser.step(norm)
        for a, b in zip(weights(mine), weights(its), strict=True):
            assert torch.allclose(a, b, rtol=1e-6, atol=1e-8)
        assert all(weight.grad is None for weight in mine.parameters()), "gradients are gone afterwards"
    assert clip not in (0.5, 3.0) or 0 < clipped < 20
    assert optimiser.done == 20


def grads(number: int, size: float) -> list[Tensor]:
    network = model()
    push(network, number, size)
    return [weight.grad for weight in network.parameters() if weight.grad is not None]


def test_the_first_step_by_hand() -> None:
    """AdamW's first step moves every weight by the rate, against the sign of its gradient, after the decay."""
    network = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1.0, -2.0]]))
    network.weight.grad = torch.tensor([[3.0, -4.0]])
    optimiser = Optimiser(network, OptimiserConfig(learning_rate=0.1, weight_decay=0.5, max_grad_norm=1.0), 1)
    assert optimiser.norm() == 5
    optimiser.step(5.0)
    assert network.weight.tolist()[0] == pytest.approx([1 * 0.95 - 0.1, -2 * 0.95 + 0.1], abs=1e-6)


def test_clipping_is_to_the_norm_of_all_gradients() -> None:
    """With no momentum and a large eps AdamW is g / eps: so the gradient that it was given can be read off."""
    for clip, scale in ((1.0, 0.2), (10.0, 1.0), (0.0, 1.0)):
        network = nn.Linear(2, 1, bias=False)
        before = network.weight.detach().clone()
        network.weight.grad = torch.tensor([[3.0, -4.0]])
        config = OptimiserConfig(learning_rate=1e4, betas=[0.0, 0.0], eps=1e4, max_grad_norm=clip)
        optimiser = Optimiser(network, config, 1)
        optimiser.step(optimiser.norm())
        moved = (before - network.weight.detach())[0].tolist()
        assert moved == pytest.approx([3.0 * scale, -4.0 * scale], rel=1e-2)


@pytest.mark.parametrize(
    ("schedule", "warmup", "rates"),
    [
        ("constant", 0, [8, 8, 8, 8, 8, 8]),
        ("constant", 3, [2, 4, 6, 8, 8, 8]),
        ("linear", 0, [8, 20 / 3, 16 / 3, 4, 8 / 3, 4 / 3]),
        ("linear", 2, [8 / 3, 16 / 3, 8, 6, 4, 2]),
        ("cosine", 0, [8 * (1 + math.cos(math.pi * n / 6)) / 2 for n in range(6)]),
        ("cosine", 2, [8 / 3, 16 / 3, 8, 4 + 4 * math.cos(math.pi / 4), 4, 4 - 4 * math.cos(math.pi / 4)]),
    ],
)
def test_rates_by_hand(schedule: str, warmup: int, rates: list[float]) -> None:
    """It rises from 0 (which no update has), and falls to 0 (which the update after the last would have)."""
    network = model()
    optimiser = Optimiser(network, OptimiserConfig(learning_rate=8e-3, schedule=schedule, warmup_steps=warmup), 6)
    found = []
    for number in range(6):
        found.append(optimiser.rate())
        before = weights(network)
        run(optimiser, network, range(number, number + 1))
        assert not equal(before, weights(network))
    assert found == pytest.approx([rate * 1e-3 for rate in rates])
    if schedule != "constant":
        assert optimiser.rate() == pytest.approx(0, abs=1e-12)
    run(optimiser, network, range(6, 9))
    assert optimiser.rate() == pytest.approx(8e-3 if schedule == "constant" else 0, abs=1e-12)


def test_more_warm_up_than_updates() -> None:
    network = model()
    optimiser = Optimiser(network, OptimiserConfig(learning_rate=1.0, schedule="linear", warmup_steps=9), 3)
    rates = []
    for number in range(3):
        rates.append(optimiser.rate())
        run(optimiser, network, range(number, number + 1))
    assert rates == pytest.approx([0.5, 1.0, 0.5])  # it rises for one update, half of three, and falls for two


def test_the_rate_is_the_one_that_moves_the_weights() -> None:
    network = nn.Linear(1, 1, bias=False)
    optimiser = Optimiser(network, OptimiserConfig(learning_rate=0.5, warmup_steps=1, schedule="linear"), 5)
    for wanted in (0.25, 0.5, 0.375, 0.25, 0.125):
        before = float(network.weight.detach())
        network.weight.grad = torch.ones_like(network.weight)
        optimiser.step(optimiser.norm())
        assert before - float(network.weight.detach()) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_small_updates_of_small_numbers_add_up(dtype: torch.dtype) -> None:
    """Steps of 1e-6 on weights of 1.0, which 16 bits cannot hold: after 20,000 of them 0.98 is there."""
    network = nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(1.0)
    network.to(dtype)
    plain = copy.deepcopy(network)
    optimiser = Optimiser(network, OptimiserConfig(learning_rate=1e-6, max_grad_norm=0), 1)
    adam = torch.optim.AdamW(plain.parameters(), lr=1e-6, betas=(0.9, 0.95), weight_decay=0.0)
    for step in range(20000):
        network.weight.grad = torch.ones_like(network.weight)
        optimiser.step(1.0)
        if step < 200:
            plain.weight.grad = torch.ones_like(plain.weight)
            adam.step()
    assert torch.equal(plain.weight, torch.ones_like(plain.weight)), "else this shows nothing"
    assert network.weight.dtype == dtype
    assert network.weight.tolist()[0] == pytest.approx([0.98] * 4, abs=0.003)


def test_bf16_weights_are_the_rounded_fp32_ones() -> None:
    """With masters the weights follow those of an fp32 model that is given the same gradients."""
    small, whole = model(torch.bfloat16), model(torch.bfloat16).float()
    config = OptimiserConfig(learning_rate=1e-3, max_grad_norm=1.0, weight_decay=0.1)
    one, other = Optimiser(small, config, 30), Optimiser(whole, config, 30)
    for number in range(30):
        push(small, number)
        for a, b in zip(small.parameters(), whole.parameters(), strict=True):
            assert a.grad is not None
            b.grad = a.grad.float()
        norm = other.norm()
        one.step(norm)
        other.step(norm)
        for a, b in zip(small.parameters(), whole.parameters(), strict=True):
            assert torch.equal(a, b.to(torch.bfloat16))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_norm_is_exact_in_16_bits(dtype: torch.dtype) -> None:
    """It decides how much is clipped, and whether a run stops: it must not round or overflow as its parts do."""
    network = nn.Linear(300, 300, bias=False).to(dtype)
    optimiser = Optimiser(network, OptimiserConfig(), 1)
    for size in (1.0, 300.0):
        push(network, 3, size)
        assert network.weight.grad is not None
        wanted = float(network.weight.grad.double().norm())
        assert optimiser.norm() == pytest.approx(wanted, rel=1e-5)


def test_weights_of_mixed_kinds() -> None:
    """Frozen weights stay; what is in fp32 is its own master."""
    network: Any = model(torch.bfloat16)
    network[1].float()
    network[0].requires_grad_(False)
    before = weights(network)
    optimiser = Optimiser(network, OptimiserConfig(), 5)
    assert optimiser.names == ["1.weight", "1.bias", "2.weight"]
    assert optimiser.masters[0] is network[1].weight
    assert optimiser.masters[2] is not network[2].weight
    run(optimiser, network, range(3))
    after = weights(network)
    assert equal(before[:2], after[:2])
    assert not any(torch.equal(a, b) for a, b in zip(before[2:], after[2:], strict=True))
    assert set(optimiser.state()) == {
        "done", "master.2.weight",
        *(f"{key}.{name}" for key in ("step", "exp_avg", "exp_avg_sq") for name in optimiser.names),
    }  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("done", [0, 1, 7])
def test_going_on_is_bit_for_bit(dtype: torch.dtype, done: int) -> None:
    """From what is stored (weights, and the optimiser's state by name) the next steps are the same ones."""
    config = OptimiserConfig(learning_rate=1e-3, weight_decay=0.01, warmup_steps=2, schedule="cosine")
    network = model(dtype)
    optimiser = Optimiser(network, config, 12)
    run(optimiser, network, range(done))
    stored = {name: value.clone() for name, value in optimiser.state().items()}
    tensors = copy.deepcopy(network.state_dict())
    run(optimiser, network, range(done, 12))
    again = model(dtype, seed=1)
    again.load_state_dict(tensors)
    other = Optimiser(again, config, 12)
    # A state that is loaded is not tied to the one that it came from.
    given = {name: value.clone() for name, value in stored.items()}
    other.load_state(given)
    for value in given.values():
        value.zero_()
    assert other.done == done
    assert other.rate() == pytest.approx(Optimiser.rate(other))
    assert set(other.state()) == set(stored)
    for name, value in other.state().items():
        assert torch.equal(value, stored[name]), name
        assert value.dtype == stored[name].dtype
    run(other, again, range(done, 12))
    assert equal(weights(network), weights(again))
    for name, value in optimiser.state().items():
        assert torch.equal(value, other.state()[name]), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_state_of_another_model_is_refused(dtype: torch.dtype) -> None:
    network = model(dtype)
    optimiser = Optimiser(network, OptimiserConfig(), 3)
    run(optimiser, network, range(2))
    stranger = Optimiser(nn.Sequential(nn.ReLU(), model(dtype)), OptimiserConfig(), 3)
    with pytest.raises(KeyError):
        stranger.load_state(optimiser.state())
    with pytest.raises(KeyError):
        stranger.load_state({})


def test_forgetting() -> None:
    """After `forget` nothing of the gradients is left, and nothing was moved."""
    network = model()
    optimiser = Optimiser(network, OptimiserConfig(), 3)
    before = weights(network)
    push(network, 0)
    optimiser.forget()
    assert optimiser.norm() == 0
    assert equal(before, weights(network))
    assert optimiser.done == 0


def test_gradients_do_not_linger_in_masters() -> None:
    """A weight without a gradient does not move, also where its copy had one in the step before."""
    network: Any = model(torch.bfloat16)
    optimiser = Optimiser(network, OptimiserConfig(learning_rate=0.1), 5)
    run(optimiser, network, range(1))
    before = network[2].weight.detach().clone()
    push(network, 1)
    network[2].weight.grad = None
    optimiser.step(optimiser.norm())
    assert torch.equal(before, network[2].weight)


def test_nothing_to_train() -> None:
    with pytest.raises(ValueError, match="no weights to train"):
        Optimiser(model().requires_grad_(False), OptimiserConfig(), 3)
    with pytest.raises(ValueError, match="no weights to train"):
        Optimiser(nn.ReLU(), OptimiserConfig(), 3)
