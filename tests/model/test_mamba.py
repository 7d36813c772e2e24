"""Mamba-2 against transformers, Mamba-3 against its recurrence written out, and the limit where they meet."""
# a mixer's own layers and hooks are known when it runs: to the type checker `attn` is any Mixer
# pyright: reportAttributeAccessIssue=false, reportIndexIssue=false, reportOperatorIssue=false

import math

import pytest
import torch
import torch.nn.functional as F
from state_space_models import small_config, small_model, some_input
from transformers import Mamba2Config
from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer

from model.mixers.state_space.mamba2 import Mamba2
from model.mixers.state_space.mamba3 import LEAST_DECAY_RATE, Mamba3
from model.mixers.state_space.ssd import recurrent


def official(mixer):
    """The same weights in transformers' module."""
    d, heads, state = mixer.config.d_model, mixer.n_state_heads, mixer.config.d_state
    names: dict = dict(hidden_size=d, num_heads=heads, head_dim=2 * d // heads, state_size=state)
    theirs = Mamba2Mixer(Mamba2Config(**names, n_groups=1, expand=2, conv_kernel=4, chunk_size=32), 0)
    ours = mixer.state_dict()
    ours["conv1d.weight"] = ours.pop("conv.weight").T[:, None]
    renamed = {"to_in.": "in_proj.", "to_o.": "out_proj.", "norm.w": "norm.weight", "conv.b": "conv1d.b"}
    for old, new in renamed.items():
        ours = {name.replace(old, new): t for name, t in ours.items()}
    theirs.load_state_dict(ours)
    return theirs


@pytest.mark.parametrize("length", [1, 64, 100])
def test_mamba2_is_that_of_transformers(length):
    mixer, x = small_model("mamba2").blocks[0].attn, some_input(length)
    theirs, ours = official(mixer)(x), mixer(x)
    assert (ours - theirs).abs().max() <= 1e-5
    assert ours.std() > 0.1


def test_gradients_of_mamba2_are_those_of_transformers():
    mixer, x = small_model("mamba2").blocks[0].attn, some_input(70)
    theirs = official(mixer)
    for module in (mixer, theirs):
        module(x).square().sum().backward()
    names = {"A_log": "A_log", "dt_bias": "dt_bias", "D": "D", "to_in.weight": "in_proj.weight"}
    for name, other in names.items():
        ours, expected = mixer.get_parameter(name).grad, theirs.get_parameter(other).grad
        assert ours is not None
        assert expected is not None
        assert (ours - expected).abs().max() <= 1e-5 * max(1, expected.abs().max())


def as_written(mixer, u):
    """Mamba-3 position by position, from the equations and the weights alone, for one row u."""
    d, N, H = mixer.config.d_model, mixer.config.d_state, mixer.n_state_heads
    columns = (2 * d, 2 * d, N, N, H, H, H, N // 4)
    P = 2 * d // H
    S, phase = torch.zeros(H, P, N), torch.zeros(H, N // 4)
    x_before, B_before, out = torch.zeros(H, P), torch.zeros(H, N), []
    for row in u @ mixer.to_in.weight.T:
        z, x, B, C, dt, kappa, tau, theta = row.split(columns)
        x, dt = x.view(H, P), F.softplus(dt + mixer.dt_bias)
        alpha = torch.exp(-torch.maximum(F.softplus(kappa), torch.tensor(LEAST_DECAY_RATE)) * dt)
        lam = 1 / (1 + torch.exp(-tau))
        phase = (phase + math.pi * torch.tanh(theta) * dt[:, None]) % (2 * math.pi)
        B, C = (
            turned(v / (v.square().mean() + 1e-5).sqrt() * norm.w + bias, phase)
            for v, norm, bias in ((B, mixer.norm_B, mixer.bias_B), (C, mixer.norm_C, mixer.bias_C))
        )
        beta, gamma = (1 - lam) * dt * alpha, lam * dt
        S = alpha[:, None, None] * S + torch.einsum("h,hp,hn->hpn", beta, x_before, B_before)
        S = S + torch.einsum("h,hp,hn->hpn", gamma, x, B)
        y = torch.einsum("hpn,hn->hp", S, C) + mixer.D[:, None] * x
        out.append(mixer.to_o.weight @ (y.flatten() * z * torch.sigmoid(z)))
        x_before, B_before = x, B
    return torch.stack(out)


def turned(v, phase):
    """The first half of the channels, taken in twos as complex numbers, times e^{iφ}; head channel."""
    first, rest = v.chunk(2, dim=-1)
    pairs = torch.view_as_complex(first.unflatten(-1, (-1, 2)).contiguous()) * torch.exp(1j * phase)
    return torch.cat((torch.view_as_real(pairs).flatten(-2), rest), dim=-1)


@pytest.mark.parametrize("length", [1, 2, 150])
def test_mamba3_is_its_recurrence(length):
    mixer, x = small_model("mamba3").blocks[0].attn, some_input(length)
    with torch.no_grad():
        mixer.dt_bias += 2  # steps near one, so that phases turn
        ours, expected = mixer(x), torch.stack([as_written(mixer, row) for row in x])
    assert (ours - expected).abs().max() <= 1e-5 * max(1, expected.abs().max())
    assert ours.std() > 0.1


def test_mamba3_without_its_inventions_is_the_core_of_mamba2():
    """λ ≡ 1, Φ ≡ 0, B and C as given: S_t = e^{a_t} S_{t−1} + Δ_t x_t B_tᵀ."""
    mixer, u, seen = small_model("mamba3").blocks[0].attn, some_input(100), {}
    B, C = torch.randn(2, 2, 2, 100, 8, generator=torch.Generator().manual_seed(2))
    fixed = {"B": B, "C": C, "trapezoid": torch.ones(2, 2, 100), "phase": torch.zeros(2, 2, 100, 2)}
    for name, value in fixed.items():
        getattr(mixer, f"hook_{name}").register_forward_hook(lambda *_, value=value: value)
    for name in ("x", "dt", "log_decay", "z"):
        getattr(mixer, f"hook_{name}").register_forward_hook(
            lambda _m, _i, t, name=name: seen.update({name: t})
        )
    mixer(u)
    x, gate = seen["x"].transpose(1, 2), (u @ mixer.to_in.weight[:128].T).unflatten(-1, (2, 64))
    y = recurrent(seen["dt"][..., None] * x, seen["log_decay"], B, C) + mixer.D[:, None, None] * x
    assert (seen["z"] - y.transpose(1, 2) * F.silu(gate)).abs().max() <= 1e-5 * seen["z"].abs().max()


def test_slowest_decay_has_a_floor():
    mixer, seen = small_model("mamba3").blocks[0].attn, {}
    start = sum(mixer.widths[:5])
    with torch.no_grad():
        mixer.to_in.weight[start : start + 2] = -1e3 * mixer.to_in.weight[start : start + 2].abs()
    mixer.hook_log_decay.register_forward_hook(lambda _m, _i, a: seen.update(a=a))
    mixer.hook_dt.register_forward_hook(lambda _m, _i, dt: seen.update(dt=dt))
    mixer(torch.ones(1, 3, 64))
    torch.testing.assert_close(seen["a"], -LEAST_DECAY_RATE * seen["dt"], atol=0, rtol=1e-5)


@pytest.mark.parametrize("Mixer", [Mamba2, Mamba3])
def test_initial_values(Mixer):
    mixer = Mixer(small_config(Mixer.__name__.lower(), d_model=512, n_heads=8, d_state=64))
    with torch.no_grad():
        for p in mixer.parameters():
            p.fill_(torch.nan)
        for name, p in mixer.named_parameters():
            if "norm" in name:
                p.fill_(1.0)  # as Block does
    mixer.initialise(torch.Generator().manual_seed(0))
    assert all(p.isfinite().all() for p in mixer.parameters())
    step = F.softplus(mixer.dt_bias)
    assert (step.min() >= 0.999e-3, step.max() <= 0.1001, (mixer.D == 1).all()) == (True, True, True)
    assert step.log().std().item() == pytest.approx(math.log(100) / 12**0.5, rel=0.4)  # 16 heads
    assert mixer.to_in.weight.abs().max().item() == pytest.approx(512**-0.5, rel=1e-3)
    assert mixer.to_o.weight.abs().max().item() == pytest.approx((1024 * 8) ** -0.5, rel=1e-3)
    if Mixer is Mamba2:
        assert (mixer.A_log.min() >= 0, mixer.A_log.max() <= math.log(16)) == (True, True)
        assert mixer.conv.weight.abs().max().item() == pytest.approx(0.5, rel=1e-2)
    else:
        assert (mixer.bias_B == 1).all()
        assert (mixer.bias_C == 1).all()
