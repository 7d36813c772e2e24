"""Notebook 00: every symbol of one head's score as an array with named axes, checked against the model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor

from data.refusal import one_of, refusal, whole
from data.text.labels import token_labels
from model.mixers.attention.sisa import SISAAttention
from model.network.network import SISAModel
from model.weights.checkpoint import load, read_config

TOLERANCE = 1e-5  # of the largest number that is compared
LONGEST = 32  # tokens whose arrays can still be read
SYMBOLS = {  # axes, name and unit of what the hooks show, in the order of the equation
    "x": (("position", "d_model"), "normed input x", "1"),
    "q": (("position", "d_head"), "query q before RoPE", "1"),
    "k": (("position", "d_head"), "key k before RoPE", "1"),
    "v": (("position", "d_head"), "value v", "1"),
    "rot_q": (("position", "d_head"), "query q after RoPE", "1"),
    "rot_k": (("position", "d_head"), "key k after RoPE", "1"),
    "content_scores": (("query", "key"), "content score", "nats"),
    "log_decay": (("position",), "log decay log α", "nats"),
    "cum_decay": (("position",), "running sum g", "nats"),
    "phase": (("position", "pair"), "running angle Φ", "radians"),
    "B": (("position", "d_state"), "state input B", "1"),
    "C": (("position", "d_state"), "state output C", "1"),
    "rot_B": (("position", "d_state"), "turned state input R(Φ)B", "1"),
    "rot_C": (("position", "d_state"), "turned state output R(Φ)C", "1"),
    "importance_scores": (("query", "key"), "importance score", "nats"),
    "attn_scores": (("query", "key"), "score", "nats"),
    "pattern": (("query", "key"), "weight", "probability"),
    "z": (("position", "d_head"), "output z", "1"),
}
POSITION_FIRST = ("q", "k", "v", "rot_q", "rot_k", "z")  # whose hooks have batch position head channel


@dataclass(frozen=True, kw_only=True)
class StepByStep:
    """Hold the parameters of notebook 00, and read its text with the model.

    Args:
        checkpoint: a file that model.save wrote, or the name of a shipped one; of a SISA with a tokenizer.
        text: what is read, 2 to 32 tokens.
        layer, head: where the score is taken apart.
        query, key: positions of the pair whose score is followed; negative ones count from the end.
        smoke: as it is; other notebooks do less then.

    Raises:
        ValueError: a parameter is not legal; names it.
        FileNotFoundError: there is no such checkpoint.

    Example:
        >>> step = StepByStep(text="It rains. It", key=0)
        >>> step.symbols["rot_q"].dims, step.query, float(step.lam.round(2))
        (('position', 'd_head'), 4, 0.31)
    """

    checkpoint: str = "niah"
    text: str = "The secret number is 42. The secret number is"
    layer: int = 0
    head: int = 3
    query: int = -1
    key: int = 11
    smoke: bool = False

    def __post_init__(self) -> None:
        config = read_config(self.checkpoint)
        if config.architecture != "sisa":
            step = "Other mixers have other symbols; notebook 04 compares them."
            raise refusal("checkpoint", self.checkpoint, legal="one of architecture 'sisa'", step=step)
        whole("layer", self.layer, least=0, most=config.n_layers - 1)
        whole("head", self.head, least=0, most=config.n_heads - 1)
        one_of("smoke", self.smoke, (True, False))
        length = self._tokens.shape[1]
        if not 2 <= length <= LONGEST:
            step = "Every token is a row of every array; write a shorter sentence."
            raise refusal("text", f"{length} tokens", legal=f"2 to {LONGEST} tokens", step=step)
        for name in ("query", "key"):
            position = whole(name, getattr(self, name), least=-length, most=length - 1) % length
            object.__setattr__(self, name, position)
        if self.key > self.query:
            step = "A token never sees a later one."
            raise refusal("key", self.key, legal=f"0 to the query's position {self.query}", step=step)

    @cached_property
    def model(self) -> SISAModel:
        """The model of the checkpoint."""
        return load(self.checkpoint)

    @property
    def _tokenizer(self) -> Tokenizer:
        if self.model.tokenizer is None:
            step = "Save it with its tokenizer."
            raise refusal("checkpoint", self.checkpoint, legal="one with a tokenizer inside", step=step)
        return self.model.tokenizer

    @cached_property
    def _tokens(self) -> Tensor:
        assert self._tokenizer  # refused here, in words, rather than by the model
        return self.model.to_tokens(self.text)

    @property
    def attention(self) -> SISAAttention:
        """The layer whose head is taken apart, with its weights."""
        mixer = self.model.blocks[self.layer].attn
        assert isinstance(mixer, SISAAttention)
        return mixer

    @cached_property
    def symbols(self) -> xr.Dataset:
        """What each symbol of the equation is in this head, read from the model's hooks."""
        with torch.no_grad():
            _, fired = self.model.run_with_cache(self._tokens)
        tokens = token_labels(self._tokenizer, self._tokens[0].tolist())
        axes = {axis: (axis, tokens) for axis in ("position", "query", "key")}
        coords = {("token" if axis == "position" else f"{axis}_token"): pair for axis, pair in axes.items()}
        return xr.Dataset(
            {
                name: (dims, self._of_head(name, fired), {"long_name": words, "units": unit})
                for name, (dims, words, unit) in SYMBOLS.items()
            },
            coords=coords,
        )

    def _of_head(self, name: str, fired: dict[str, Tensor]) -> np.ndarray:
        """Return what a hook of this layer showed of this head, in float64."""
        block = f"blocks.{self.layer}"
        if name == "x":
            norm = self.model.blocks[self.layer].ln1
            return (norm.w.detach() * fired[f"{block}.ln1.hook_normalized"][0]).double().numpy()
        shown = fired[f"{block}.attn.hook_{name}"][0]
        shown = shown[:, self.head] if name in POSITION_FIRST else shown[self.head]
        return shown.double().numpy()

    def weight(self, name: str) -> xr.DataArray:
        """Return the weights of a linear map of this head, from the residual stream to its channels.

        Args:
            name: "q", "k", "B", "C", "theta" or "decay".

        Raises:
            ValueError: the layer has no such map.

        Example:
            >>> StepByStep().weight("q").sizes
            Frozen({'d_model': 256, 'd_head': 32})
        """
        channels = {
            "q": "d_head",
            "k": "d_head",
            "B": "d_state",
            "C": "d_state",
            "theta": "pair",
            "decay": "",
        }
        one_of("name", name, list(channels))
        weights = getattr(self.attention, f"to_{name}").weight.detach().double()
        mine = weights.unflatten(0, (self.model.config.n_heads, -1))[self.head]
        words = {"long_name": f"weights W_{name}", "units": "1"}
        if not channels[name]:
            return xr.DataArray(mine[0].numpy(), dims="d_model", attrs=words)
        return xr.DataArray(mine.mT.numpy(), dims=("d_model", channels[name]), attrs=words)

    @property
    def decay_bias(self) -> float:
        """The bias b_α of the decay of this head."""
        return self.attention.to_decay.bias[self.head].item()

    @property
    def lam(self) -> xr.DataArray:
        """The weight λ of the importance term of this head."""
        value = torch.nn.functional.softplus(self.attention.lam_raw[self.head]).item()
        return xr.DataArray(value, attrs={"long_name": "importance weight λ", "units": "1"})


def turned(x: xr.DataArray, angle: xr.DataArray) -> xr.DataArray:
    """Return R(φ)x: every pair of channels (0, 1), (2, 3), … turned by its angle.

        (a, b) becomes (a cos φ − b sin φ, a sin φ + b cos φ)

    Args:
        x: vectors; their last axis has an even number of channels.
        angle: radians, along an axis "pair" of half as many.

    Example:
        >>> import xarray as xr
        >>> quarter = xr.DataArray([np.pi / 2], dims="pair")
        >>> turned(xr.DataArray([1.0, 0.0], dims="d_head"), quarter).round(6).values.tolist()
        [0.0, 1.0]
    """
    channel = str(x.dims[-1])
    a = x.isel({channel: slice(0, None, 2)}).rename({channel: "pair"})
    b = x.isel({channel: slice(1, None, 2)}).rename({channel: "pair"})
    first, second = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
    both = xr.concat([first, second], dim="of_pair").transpose(..., "pair", "of_pair")
    return (
        both.stack({channel: ("pair", "of_pair")})
        .drop_vars([channel, "pair", "of_pair"])
        .assign_attrs(x.attrs)
    )


def agree(name: str, ours: xr.DataArray | np.ndarray | float, models: xr.DataArray) -> None:
    """Print how far a number or an array computed by hand is from the model's, which must be next to nothing.

    Args:
        name: what was computed.
        ours: by hand.
        models: what the model's hook showed, of the same axes.

    Raises:
        AssertionError: they differ by more than 1e-5 of the largest number.

    Example:
        >>> import xarray as xr
        >>> agree("score", 0.5, xr.DataArray(0.5))
        score: the model's too, to 0.0e+00
    """
    off = float(np.abs(np.asarray(ours) - np.asarray(models)).max())
    largest = float(np.abs(np.asarray(models)).max())
    assert off <= TOLERANCE * max(largest, 1.0), f"{name} is {off:.2g} off the model's"
    print(f"{name}: the model's too, to {off:.1e}")


def widened(
    content: Float[np.ndarray, "position d_head"],
    state: Float[np.ndarray, "position d_state"],
    *,
    scale: float,
) -> Tensor:
    """Return a query or key beside its state channels: [q ; s C̄] or [k ; s B̄] (eq. 5).

    Args:
        content: q or k after RoPE.
        state: C̄ or B̄, turned and with its share of the decay.
        scale: s = d_head^{1/4} √λ.

    Example:
        >>> widened(np.ones((2, 4)), np.ones((2, 2)), scale=0.5).shape
        torch.Size([2, 6])
    """
    return torch.as_tensor(np.concatenate([content, scale * state], axis=-1))
