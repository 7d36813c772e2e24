"""ActivationCache of this network: TransformerLens' own, told of three things that it takes for granted.

It finds the batch axis by size, and a value without one (λ is a number a head) would be cut where a batch
has as many rows as there are heads. It reads the weights of an MLP under a name that a SwiGLU lacks. And it
gives every mixer n_heads heads, where a state space may have another number.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformer_lens import ActivationCache
from transformer_lens.utilities.slice import Slice, SliceInput

from data.refusal import refusal

WITHOUT_BATCH = ("hook_lam", "hook_gate")  # one number a head, and one a pair of state channels


class NetworkCache(ActivationCache):
    """Hold what the hooks of one run fired, by name, with TransformerLens' tools as methods.

    `cache["blocks.0.attn.hook_lam"]` has the axis head alone and keeps it whatever is done to the batch.

    Args:
        cache_dict: tensors by hook name.
        model: the network that fired them.
        has_batch_dim: whether they have a batch axis.

    Example:
        >>> import torch
        >>> from model import SISAConfig, SISAModel
        >>> model = SISAModel(SISAConfig.preset("tiny"))
        >>> _, cache = model.run_with_cache(torch.zeros(4, 3, dtype=torch.int64))  # 4 rows, and 4 heads
        >>> first = cache.apply_slice_to_batch_dim(0)
        >>> first["blocks.0.attn.hook_pattern"].shape, first["blocks.0.attn.hook_lam"].shape
        (torch.Size([4, 3, 3]), torch.Size([4]))
    """

    def remove_batch_dim(self, batch_size: int | None = None) -> ActivationCache:
        """Drop the batch axis, of one row, in place; values that have no such axis stay as they are."""
        kept = self._without_batch()
        if self.has_batch_dim and (rows := self._rows()) != 1:
            legal, step = "a cache of one row", "Choose a row with apply_slice_to_batch_dim."
            raise refusal("batch", rows, legal=legal, step=step)
        super().remove_batch_dim(1)
        self.cache_dict.update(kept)
        return self

    def apply_slice_to_batch_dim(self, batch_slice: Slice | SliceInput) -> ActivationCache:
        """Return a cache of some rows of the batch; values that have no batch axis stay as they are.

        Args:
            batch_slice: rows to keep, as TransformerLens' Slice understands them; an int drops the axis.

        Raises:
            ValueError: the batch axis has been dropped already.
        """
        cut = _slice(batch_slice)
        if not self.has_batch_dim and cut.mode != "identity":
            step = "Slice the batch before remove_batch_dim."
            raise refusal("batch_slice", batch_slice, legal="None, for there is no batch", step=step)
        kept = self._without_batch()
        rows = {name: t if name in kept else cut.apply(t, dim=0) for name, t in self.cache_dict.items()}
        return NetworkCache(rows, self.model, has_batch_dim=self.has_batch_dim and cut.mode != "int")

    def stack_head_results(
        self,
        layer: int = -1,
        return_labels: bool = False,
        incl_remainder: bool = False,
        pos_slice: Slice | SliceInput = None,
        apply_ln: bool = False,
    ) -> Any:
        """Return what every head before a layer adds to the residual stream, head by head.

        It takes what ActivationCache's own method takes; the labels count the heads that each mixer has.
        """
        stack = super().stack_head_results(
            layer, incl_remainder=incl_remainder, pos_slice=pos_slice, apply_ln=apply_ln
        )
        if not return_labels:
            return stack
        last = self.model.cfg.n_layers if layer in (None, -1) else layer
        mixers: list[Any] = [block.attn for block in self.model.blocks[:last]]
        labels = [f"L{at}H{head}" for at, mixer in enumerate(mixers) for head in range(mixer.n_output_heads)]
        return stack, labels + (["remainder"] if incl_remainder else [])

    def get_neuron_results(
        self,
        layer: int,
        neuron_slice: Slice | SliceInput = None,
        pos_slice: Slice | SliceInput = None,
        project_output_onto: Tensor | None = None,
    ) -> Tensor:
        """Return what each neuron of a layer's SwiGLU adds to the residual stream.

        Neuron n adds hook_post_n · W_down[:, n]; the sum over all neurons is hook_mlp_out.

        Args:
            layer: number of the block.
            neuron_slice: neurons to keep.
            pos_slice: positions to keep.
            project_output_onto: directions d_model, or d_model output, to project what is added onto.

        Returns:
            [batch position neuron d_model], the last axis "output" or gone where it was projected.
        """
        neurons, positions = _slice(neuron_slice), _slice(pos_slice)
        block: Any = self.model.blocks[layer]
        fired = neurons.apply(positions.apply(self[("post", layer, "mlp")], dim=-2), dim=-1)
        w_out = neurons.apply(block.mlp.down.weight.T, dim=0)
        if project_output_onto is None:
            return fired[..., None] * w_out
        projected = w_out @ project_output_onto
        return fired * projected if projected.ndim == w_out.ndim - 1 else fired[..., None] * projected

    def stack_neuron_results(
        self,
        layer: int,
        pos_slice: Slice | SliceInput = None,
        neuron_slice: Slice | SliceInput = None,
        return_labels: bool = False,
        incl_remainder: bool = False,
        apply_ln: bool = False,
        project_output_onto: Tensor | None = None,
        mlp_input: bool = False,
    ) -> Any:
        """Return what every neuron before a layer adds to the residual stream, neuron by neuron.

        It takes what ActivationCache's own method takes. The norm is a division by the RMS of the stream, so
        that a projection may come before it: (a W / s) p = (a W p) / s.
        """
        options: dict[str, Any] = {"pos_slice": pos_slice, "neuron_slice": neuron_slice}
        options |= {"incl_remainder": incl_remainder, "mlp_input": mlp_input}
        directions = project_output_onto
        if directions is None or not apply_ln:
            options |= {"apply_ln": apply_ln, "return_labels": return_labels}
            return super().stack_neuron_results(layer, project_output_onto=directions, **options)
        columns = directions[:, None] if directions.ndim == 1 else directions
        stack, labels = super().stack_neuron_results(
            layer, project_output_onto=columns, return_labels=True, **options
        )
        stack = self.apply_ln_to_stack(stack, layer, pos_slice=pos_slice, mlp_input=mlp_input)
        stack = stack.squeeze(-1) if directions.ndim == 1 else stack
        return (stack, labels) if return_labels else stack

    def _without_batch(self) -> dict[str, Tensor]:
        """Return what has no batch axis; a gradient has the axes of its value."""
        return {
            name: t
            for name, t in self.cache_dict.items()
            if name.removesuffix("_grad").endswith(WITHOUT_BATCH)
        }

    def _rows(self) -> int:
        """Return the number of rows of the batch, 1 where nothing that was cached has any."""
        kept = self._without_batch()
        return next((t.shape[0] for name, t in self.cache_dict.items() if name not in kept), 1)


def _slice(given: Slice | SliceInput) -> Slice:
    return given if isinstance(given, Slice) else Slice(given)
