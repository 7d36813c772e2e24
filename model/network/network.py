"""The hooked network: embedding, blocks, final norm, tied unembedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from data.memory import check_memory, machine_memory
from data.refusal import one_of, refusal, whole
from model.config import SISAConfig
from model.config.sizes import total
from model.mixers.parts.cache import LayerCache
from model.mixers.parts.float32 import KeepsFloat32
from model.mixers.parts.hooks import at_least_float32
from model.mixers.parts.norm import RMSNorm
from model.mixers.parts.rope import rope_table
from model.network.block import Block
from model.network.generation import Generating
from model.network.inputs import (
    FLOAT32_BYTES,
    Tokens,
    check_caches,
    checked_labels,
    checked_tokens,
)
from model.network.lens_tools import LensTools
from model.network.unembedding import logits_of, next_token_loss


class Unembed(nn.Module):
    """Map the residual stream to logits with the weights of the embedding.

    Args:
        embed: the embedding; its weight belongs to it alone, so that a checkpoint holds it once.
    """

    def __init__(self, embed: nn.Embedding) -> None:
        super().__init__()
        self._embed = (embed,)  # a tuple, so that the tied weight has one owner

    @property
    def W_U(self) -> Float[Tensor, "d_model d_vocab"]:
        """The unembedding, which is the embedding transposed."""
        return self._embed[0].weight.T

    def forward(self, x: Float[Tensor, "*dims d_model"]) -> Float[Tensor, "*dims d_vocab"]:
        """Return x W_U."""
        return logits_of(x, self._embed[0].weight)


class SISAModel(Generating):
    """Hold a language model with TransformerLens hooks, of SISA (arXiv 2606.02332) or another architecture.

    The config says which mixer the blocks have; a SISA with d_state = 0 is the plain transformer. Every
    quantity of a mixer goes through a hook, so TransformerLens' tools can watch and change it.

    Args:
        config: shape of the model.
        seed: of the initial weights; nothing global is touched.
        tokenizer: turns text into token ids; only needed by what takes text.

    Example:
        >>> from model import SISAConfig, SISAModel
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> tokens = torch.tensor([[5, 3, 5, 7]])
        >>> model(tokens).shape
        torch.Size([1, 4, 64])
        >>> _, cache = model.run_with_cache(tokens)
        >>> cache["blocks.0.attn.hook_pattern"].shape  # batch, head, query, key
        torch.Size([1, 4, 4, 4])
    """

    def __init__(self, config: SISAConfig, *, seed: int = 0, tokenizer: Tokenizer | None = None) -> None:
        super().__init__()
        if not isinstance(config, SISAConfig):
            step = 'Begin with SISAConfig.preset("tiny").'
            raise refusal("config", config, legal="a SISAConfig", step=step)
        self.tokenizer, self.seed = tokenizer, whole("seed", seed, least=-(2**63), most=2**64 - 1)
        step = "Choose smaller sizes."
        # torch would take the memory layer by layer, and fail at the end without saying for what
        n_bytes = total(config) * FLOAT32_BYTES
        check_memory("config", config, n_bytes=n_bytes, step=step, limit=machine_memory())
        with torch.inference_mode(False):  # parameters made under it could never be trained
            self._lay_out(config)
            self.hook_embed = HookPoint()
            self.to_empty(device="cpu")
            self.unembed = Unembed(self.embed)
            self.initialise(self.seed)
        self.setup()
        self.eval()  # nothing here behaves differently in training; TransformerLens' tools ask for it

    def _lay_out(self, config: SISAConfig) -> None:
        """Make all modules on "meta", where parameters have shapes and no memory, whatever their size."""
        self.config = config
        # there torch's default initialisation draws nothing either: it would take numbers from the global
        # generator, and a user's own random numbers would depend on this model
        with torch.device("meta"):
            self.embed = nn.Embedding(config.d_vocab, config.d_model)
            blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
            self.blocks = cast(Sequence[Block], blocks)  # a ModuleList's elements have no type of their own
            self.ln_final = RMSNorm(config.d_model)
            if config.n_meta:
                self.meta = nn.Parameter(torch.empty(config.n_meta, config.d_model))
        # parameters are made in torch's default dtype, which is anybody's to change; these are float32
        self.to(torch.float32)

    @torch.no_grad()
    def initialise(self, seed: int) -> None:
        """Fill the model with fresh weights, a function of the seed alone.

        Weights are normal(0, 0.02), norms one, and the rest is as each mixer says.
        """
        generator = torch.Generator(self.device).manual_seed(seed)
        self.embed.weight.normal_(std=0.02, generator=generator)
        self.ln_final.w.fill_(1.0)
        if self.config.n_meta:
            self.meta.normal_(std=0.02, generator=generator)
        for block in self.blocks:
            block.initialise(generator)

    def forward(
        self,
        tokens: Tokens,
        *,
        return_type: Literal["logits", "loss", "both"] | None = "logits",
        labels: Tokens | None = None,
        caches: list[LayerCache] | None = None,
    ) -> Tensor | tuple[Tensor, Tensor] | None:
        """Return logits, the mean next-token loss, or both.

        A pass waits while another thread has hooks in the model, so that it runs through none of them.

        Args:
            tokens: batch × position.
            return_type: "logits" (batch position d_vocab), "loss" (nats a token), "both", or None to run for
                the hooks alone.
            labels: tokens to be predicted, −100 where none is scored; the tokens themselves by default.
            caches: one a layer, as `generate` uses them.

        Raises:
            ValueError: tokens of another shape or outside the vocabulary, labels that do not fit them or
                score nothing, caches of another past, unknown return_type.
        """
        one_of("return_type", return_type, ("logits", "loss", "both", None))
        if torch.compiler.is_compiling():  # a lock would cut the graph of a torch.compile(model) in two
            return self._pass(tokens, return_type, labels, caches)
        with self._turn:
            return self._pass(tokens, return_type, labels, caches)

    def _pass(
        self,
        tokens: Tokens,
        return_type: Literal["logits", "loss", "both"] | None,
        labels: Tokens | None,
        caches: list[LayerCache] | None,
    ) -> Tensor | tuple[Tensor, Tensor] | None:
        """Return what `forward` returns, in the turn of this thread."""
        tokens = checked_tokens(tokens, self.config)
        if labels is not None or return_type in ("loss", "both"):
            labels = checked_labels(tokens if labels is None else labels, tokens, self.config)
        if caches is not None:
            check_caches(caches, tokens, n_layers=self.config.n_layers)
        x = self._normed(tokens, caches)
        if return_type is None:
            return None
        logits = self.unembed(x)
        if return_type == "logits":
            return logits
        assert labels is not None  # checked above, for a loss
        loss = next_token_loss(logits, labels)
        return loss if return_type == "loss" else (logits, loss)

    def last_normed(self, tokens: Tokens) -> Float[Tensor, "batch position d_model"]:
        """Return what the unembedding maps to logits: the residual stream after the last norm.

        A loss that needs no whole logits begins here; `forward` says how a pass waits for other threads.

        Args:
            tokens: batch × position.
        """
        if torch.compiler.is_compiling():
            return self._normed(checked_tokens(tokens, self.config), None)
        with self._turn:
            return self._normed(checked_tokens(tokens, self.config), None)

    def _normed(self, tokens: Tokens, caches: list[LayerCache] | None) -> Tensor:
        """Run the blocks and return the residual stream of the text after the last norm."""
        x = self.hook_embed(self._with_meta(self.embed(tokens)))
        if self.config.rope != "none":  # the table is made here, because compiled blocks cannot keep it
            end = x.shape[1] + (caches[0].length if caches else 0)
            rope_table(self.config, length=end, device=x.device, dtype=at_least_float32(x[:0]).dtype)
        for layer, block in enumerate(self.blocks):
            x = block(x, caches[layer] if caches else None)
        return self.ln_final(x)[:, self.config.n_meta :]

    def _with_meta(self, x: Float[Tensor, "batch position d_model"]) -> Float[Tensor, "batch longer d_model"]:
        """Put a Hymba's meta tokens before the text; the residual stream has them, the logits do not."""
        if not self.config.n_meta:
            return x
        return torch.cat((self.meta.to(x.dtype).expand(len(x), -1, -1), x), dim=1)

    def float32_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that keep float32 under any cast: norms, λ_raw and decay parameters."""
        return [
            p
            for module in self.modules()
            if isinstance(module, KeepsFloat32)
            for p in module.parameters(recurse=False)
        ]

    def no_weight_decay(self) -> list[str]:
        """Return the names of parameters that weight decay would spoil, as each mixer says.

        Decay pulls towards 0, which for a decay rate or a step size is not "nothing" but an extreme.
        """
        return [
            f"blocks.{layer}.attn.{name}"
            for layer, block in enumerate(self.blocks)
            for name in block.attn.no_weight_decay
        ]


def parameter_shapes(config: SISAConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter of a model, by name, without building it.

    A file's tensors can so be compared with what its config asks for, before memory is taken for either.

    Args:
        config: shape of the model; each layer costs about a millisecond, sizes cost nothing.

    Example:
        >>> shapes = parameter_shapes(SISAConfig.preset("tiny", d_vocab=10**9))
        >>> shapes["embed.weight"]
        (1000000000, 64)
    """
    outline = SISAModel.__new__(SISAModel)
    LensTools.__init__(outline)
    outline._lay_out(config)
    return {name: tuple(p.shape) for name, p in outline.named_parameters()}


def uncompiled_name(name: str) -> str:
    """Return the name that a parameter has without torch.compile.

    torch.compile wraps a module into another one, whose name then stands in those of all parameters below.

    Args:
        name: of a parameter, from `named_parameters` or a checkpoint.

    Example:
        >>> uncompiled_name("_orig_mod.blocks.0._orig_mod.attn.lam_raw")
        'blocks.0.attn.lam_raw'
    """
    return name.replace("_orig_mod.", "")
