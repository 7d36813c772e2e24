"""TransformerLens' face of the network: what its tools ask a model for, beside the hooks themselves.

`ActivationCache`, the patching functions and the logit lens read a configuration (`cfg`), the unembedding
(`W_U`, `b_U`), the tokens of a text, and the direction in the residual stream that gives a token's logit.
None of it takes part in the forward pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
import xarray as xr
from jaxtyping import Float, Int
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformer_lens.config import TransformerLensConfig
from transformer_lens.utilities.slice import Slice, SliceInput

from data.refusal import refusal
from data.text.tokenizer import encode
from model.config import SISAConfig
from model.mixers.parts.norm import RMSNorm
from model.network.block import Block
from model.network.cache_tools import NetworkCache
from model.network.capture import capture
from model.network.sequence import Sequenced
from model.network.turns import HooksInTurn

PositionCode = Literal["rotary", "alibi", "none"]  # TransformerLens' words for what SISAConfig.rope says


class LensTools(HooksInTurn):
    """Answer what TransformerLens' utilities ask of a model that has an embedding and a final norm.

    The network inherits from it and holds the attributes named here.
    """

    config: SISAConfig
    tokenizer: Tokenizer | None
    seed: int
    blocks: Sequence[Block]
    embed: nn.Embedding
    ln_final: RMSNorm

    @property
    def device(self) -> torch.device:
        """The device that the weights are on."""
        return self.embed.weight.device

    @property
    def cfg(self) -> TransformerLensConfig:
        """The configuration as TransformerLens' utilities read it.

        `positional_embedding_type` is what `position_code` returns. `attn_only` says that the blocks have no
        MLP, so that `ActivationCache.decompose_resid` does not ask for one.
        """
        c = self.config
        return TransformerLensConfig(
            d_model=c.d_model,
            d_head=c.d_head,
            n_layers=c.n_layers,
            n_ctx=c.n_ctx,
            n_heads=c.n_heads,
            d_mlp=c.d_mlp,
            d_vocab=c.d_vocab,
            device=str(self.device),
            dtype=self.embed.weight.dtype,
            positional_embedding_type=position_code(c),
            attn_only=c.d_mlp == 0,
            gated_mlp=c.d_mlp > 0,
            normalization_type="RMS",
            default_prepend_bos=False,
        )

    @property
    def W_U(self) -> Float[Tensor, "d_model d_vocab"]:
        """The unembedding, which is the embedding transposed: one tensor, two names."""
        return self.embed.weight.T

    @property
    def b_U(self) -> Float[Tensor, " d_vocab"]:
        """Zeros: the unembedding has no bias, and TransformerLens' tools ask for one."""
        return torch.zeros(self.config.d_vocab, device=self.device, dtype=self.embed.weight.dtype)

    def accumulated_bias(
        self, layer: int, mlp_input: bool = False, include_mlp_biases: bool = True
    ) -> Float[Tensor, " d_model"]:
        """Return zeros: no block has a bias, and `get_full_resid_decomposition` asks for their sum."""
        return torch.zeros(self.config.d_model, device=self.device, dtype=self.embed.weight.dtype)

    def run_with_cache(
        self,
        *args: Any,
        return_cache_object: bool = True,
        remove_batch_dim: bool = False,
        pos_slice: Slice | SliceInput | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run the model once and return its output and what its hooks saw.

        It takes what HookedRootModule's own method takes. The cache is an ActivationCache, a `NetworkCache`.
        `pos_slice` cuts the position axis of every hook, wherever that axis stands: second in q, third in B
        and scores.

        Args:
            args: as of `forward`.
            return_cache_object: False returns a dict of tensors by hook name.
            remove_batch_dim: drop the batch axis; the batch must be of one row.
            pos_slice: positions to keep, as TransformerLens' Slice understands them.
            kwargs: as of HookedRootModule.run_with_cache and of `forward`.

        Returns:
            what `forward` returns, and the cache.
        """
        output, cache = super().run_with_cache(*args, **kwargs)
        if pos_slice is not None:
            cut = Slice.unwrap(pos_slice)
            cache = {
                name: cut.apply(t, dim=self._position_dim(name)) if t.ndim > 1 else t
                for name, t in cache.items()
            }
        cache = NetworkCache(cache, self)
        if remove_batch_dim:
            cache = cache.remove_batch_dim()
        return output, cache if return_cache_object else cache.cache_dict

    def _position_dim(self, name: str) -> int:
        """Return the axis of positions of a hook; its gradient has the same."""
        return self.hook_dict[name.removesuffix("_grad")].pos_dim or 1

    def capture(
        self,
        tokens: Sequenced,
        labels: Sequence[str] | None = None,
        *,
        spans: Mapping[str, Sequence[int]] | None = None,
        dtype: str = "float32",
        part: str | None = None,
    ) -> xr.Dataset:
        """Return a trace of one sequence; `model.capture` says what the arguments mean.

        As a method it serves who holds a model but does not import this package, such as the score explorer.
        """
        return capture(self, tokens, labels, spans=spans, dtype=dtype, part=part)

    def to_tokens(self, text: str | list[str], **_: object) -> Int[Tensor, "batch position"]:
        """Return the token ids of one text, or of several of equal length.

        Other keywords that TransformerLens' tools pass, such as prepend_bos, are not needed: no token is ever
        put before a text.

        Args:
            text: one text or a list of them.

        Raises:
            ValueError: the model has no tokenizer, a text is none or empty, or the texts differ in length.
        """
        texts = list(text) if isinstance(text, list | tuple) else [text]
        rows = [self._encoded(each) for each in texts]
        for each, row in zip(texts, rows, strict=True):
            if not row:
                legal = "a text of at least one token"
                raise refusal("text", each, legal=legal, step="Nothing is put before a text: write some.")
        if len({len(row) for row in rows}) != 1:
            came = f"{[len(row) for row in rows]} tokens long"
            raise refusal("texts", came, legal="texts of equal length", step="Pass them one by one.")
        return torch.tensor(rows, dtype=torch.int64, device=self.device)

    def _encoded(self, text: object) -> list[int]:
        """Return the token ids of one text; half a surrogate pair is read as its escape."""
        if not isinstance(self.tokenizer, Tokenizer):
            step = "Pass token ids, or SISAModel(..., tokenizer=...)."
            raise refusal("tokenizer", self.tokenizer, legal="a tokenizers.Tokenizer", step=step)
        if not isinstance(text, str):
            raise refusal("text", text, legal="a string", step="Token ids need no tokenizer: pass a tensor.")
        return encode(self.tokenizer, text)

    def to_single_token(self, text: str) -> int:
        """Return the id of a text that is one token; a ValueError says how many tokens it is otherwise."""
        ids = self._encoded(text)
        if len(ids) != 1:
            legal = f"a text that is one token, not {len(ids)}"
            raise refusal("text", text, legal=legal, step="Pass a shorter text or a token id.")
        return ids[0]

    def tokens_to_residual_directions(self, tokens: str | int | Tensor) -> Float[Tensor, "*dims d_model"]:
        """Return the directions of the normalised residual stream whose products are the tokens' logits.

        The weight w of the final norm is folded in: the logit of token t is (x / rms(x)) · (w ⊙ W_U[:, t]).
        So `ActivationCache.logit_attrs` of all parts of x adds up to the logit.

        Args:
            tokens: one token as text or id, or ids of any shape.

        Raises:
            ValueError: a text is no single token, or ids are no integers or outside the vocabulary.
        """
        given = self.to_single_token(tokens) if isinstance(tokens, str) else tokens
        ids = self._ids(given)
        return self.embed.weight[ids] * self.ln_final.w

    def _ids(self, tokens: object) -> Tensor:
        """Return token ids of any shape and integer type as int64 on the model's device."""
        legal = f"whole numbers, 0 to {self.config.d_vocab - 1}"
        step = "A text must be one token; ids may have any shape."
        try:
            ids = torch.as_tensor(tokens)
        except (TypeError, ValueError, RuntimeError) as error:
            raise refusal("tokens", tokens, legal=legal, step=step) from error
        if ids.dtype == torch.bool or ids.is_floating_point() or ids.is_complex() or not ids.numel():
            raise refusal("tokens", tokens, legal=legal, step=step)
        ids = ids.to(self.device, torch.int64)
        if ids.min() < 0 or ids.max() >= self.config.d_vocab:
            raise refusal("tokens", tokens, legal=legal, step=step)
        return ids


def position_code(config: SISAConfig) -> PositionCode:
    """Return how a model tells positions apart, in the words of TransformerLens.

    "rotary" means that q and k are turned, by stretched RoPE too; "alibi" means ALiBi's linear biases; "none"
    means that a decay, a forget gate or nothing at all tells positions apart. TransformerLens' default,
    "standard", would be a learned table of positions, which no model here has.

    Example:
        >>> from model import SISAConfig
        >>> names = ["sisa", "alibi", "mamba2"]
        >>> [position_code(SISAConfig.preset("tiny", architecture=name)) for name in names]
        ['rotary', 'alibi', 'none']
    """
    if config.architecture == "alibi":
        return "alibi"
    return "none" if config.rope == "none" else "rotary"
