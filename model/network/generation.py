"""Continue prompts token by token: greedy or sampled, several prompts of any lengths at once.

Prompts of one length go through the model together, and other lengths in turn. No pass so ever contains
padding: it stands in the tokens that come back, and neither attention, nor a decay, nor a state, nor a
position code could see it. That holds for every architecture without a mask in any mixer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from data.refusal import as_number, refusal, whole
from data.text.tokenizer import pad_id
from model.mixers.parts.cache import LayerCache
from model.network.inputs import Tokens, check_new_tokens, checked_tokens
from model.network.lens_tools import LensTools
from model.network.sequence import Sequenced, one_sequence


@dataclass(frozen=True)
class Choice:
    """How the next token is chosen from logits.

    Sampling takes one random number a row and step, all drawn in advance on the CPU. So a row's tokens depend
    neither on whether the past is kept, nor on how long the other rows are, nor on when they end.

    Args:
        temperature: what logits are divided by; 0 takes the largest.
        top_k: how many of the largest logits are drawn from.
        seed: of the random numbers.
    """

    temperature: float
    top_k: int
    seed: int

    def draws(self, n_steps: int, n_rows: int) -> Float[Tensor, "step row"]:
        """Return the random numbers of all steps and rows, 0 to below 1; zeros where nothing is drawn."""
        if self.temperature == 0:
            return torch.zeros(n_steps, n_rows)
        generator = torch.Generator().manual_seed(self.seed)
        return torch.rand(n_steps, n_rows, dtype=torch.float64, generator=generator)

    def of(
        self, logits: Float[Tensor, "batch d_vocab"], drawn: Float[Tensor, " batch"]
    ) -> Int[Tensor, " batch"]:
        """Return one token id a row: the first at which the cumulative probability exceeds what was drawn.

        Args:
            logits: of the next token.
            drawn: a random number a row, 0 to below 1.

        Example:
            >>> logits = torch.tensor([[0.0, 2.0, 1.0]]).expand(2, -1)
            >>> Choice(1.0, 2, seed=0).of(logits, torch.tensor([0.7, 0.8]))  # probabilities 0.73 and 0.27
            tensor([1, 2])
        """
        if self.temperature == 0:
            return logits.argmax(-1)
        largest, ids = logits.double().topk(self.top_k)
        # the largest is taken off first: divided by a tiny temperature, it would be infinite
        below = ((largest - largest[:, :1]) / self.temperature).softmax(-1).cumsum(-1)
        # the last sum is 1 up to rounding: drawn as a share of it, no number lies beyond the last token
        place = (below <= drawn[:, None] * below[:, -1:]).sum(-1, keepdim=True)
        return ids.gather(-1, place)[:, 0]


class Generating(LensTools):
    """Give a network `generate`; all that it needs besides is a forward pass that takes caches."""

    @torch.no_grad()
    def generate(
        self,
        tokens: Tokens | Sequence[Sequenced],
        *,
        max_new_tokens: int,
        temperature: float = 0.0,
        top_k: int | None = None,
        stop: Sequence[int] = (),
        seed: int = 0,
        use_cache: bool = True,
    ) -> Int[Tensor, "batch longer"]:
        """Return prompts with their continuations, each as if it had been continued alone.

        K̂ and V of the past are kept where every mixer can decode from them. Without the causal anchor the
        past changes with every token, and a watched score-sized hook wants whole matrices: both recompute
        everything at each step, as use_cache=False does.

        Args:
            tokens: the prompts, batch × position, or a list of texts or of token ids, of any lengths.
            max_new_tokens: the most tokens that are added to a prompt.
            temperature: 0 takes the likeliest token; above 0, draw from softmax(logits / temperature).
            top_k: draw from that many of the likeliest tokens alone; None from all.
            stop: token ids after which a continuation ends; it holds the one it ended with.
            seed: of the drawn tokens; nothing global is touched.
            use_cache: keep the past where that is possible.

        Returns:
            batch × (longest prompt + longest continuation). Shorter prompts are padded on the left, ended
            continuations on the right, with the tokenizer's padding, or 0 without a tokenizer.

        Raises:
            ValueError: tokens as of `forward`, no or empty prompts, a text without a tokenizer, a number of
                new tokens that is none or fits no memory, or no such temperature, top_k, stop or seed.

        Example:
            >>> from model import SISAConfig, SISAModel
            >>> model = SISAModel(SISAConfig.preset("tiny"))
            >>> model.generate([[5, 3, 5], [7]], max_new_tokens=2, temperature=0.8, top_k=5).shape
            torch.Size([2, 5])
        """
        prompts = self._prompts(tokens)
        cached = use_cache and all(block.attn.decodes_from_cache for block in self.blocks)
        batches = _by_length(prompts)
        for batch in batches.values():
            check_new_tokens(max_new_tokens, batch, self.config, cached=cached)
        choice = checked_choice(temperature, top_k, seed, d_vocab=self.config.d_vocab)
        ends = torch.tensor(_checked_stop(stop, self.config.d_vocab), dtype=torch.int64, device=self.device)
        uniform = choice.draws(max_new_tokens, len(prompts)).to(self.device)
        fill = pad_id(self.tokenizer) if self.tokenizer else 0
        width = max(row.shape[1] for row in prompts)
        longest = 0
        out = torch.full((len(prompts), width + max_new_tokens), fill, device=self.device)
        for rows, batch in batches.items():
            out[list(rows), width - batch.shape[1] : width] = batch
            steps = self._continued(batch, choice, uniform[:, list(rows)], ends, fill, cached=cached)
            for step, chosen in enumerate(steps):
                out[list(rows), width + step] = chosen
                longest = max(longest, step + 1)
        return out[:, : width + longest]

    def _continued(
        self,
        batch: Tokens,
        choice: Choice,
        uniform: Float[Tensor, "step batch"],
        ends: Int[Tensor, " end"],
        fill: int,
        *,
        cached: bool,
    ) -> Iterator[Int[Tensor, " batch"]]:
        """Yield the next token of each row until all rows have ended; one that has ended gets `fill`."""
        caches = [LayerCache() for _ in self.blocks] if cached else None
        ended = torch.zeros(len(batch), dtype=torch.bool, device=batch.device)
        fed = batch
        for drawn in uniform:
            chosen = choice.of(self(fed, caches=caches)[:, -1], drawn).masked_fill(ended, fill)
            yield chosen
            ended |= torch.isin(chosen, ends)
            if len(ends) and ended.all():  # without ends no step waits for the device
                return
            fed = chosen[:, None] if cached else torch.cat((fed, chosen[:, None]), dim=1)

    def _prompts(self, tokens: object) -> list[Tokens]:
        """Return each prompt as token ids, 1 × position, or refuse what is none."""
        if isinstance(tokens, Tensor):
            return list(checked_tokens(tokens, self.config).split(1))
        if not isinstance(tokens, list | tuple) or not tokens:
            legal = "a tensor of token ids, batch × position, or a list of prompts, one at least"
            raise refusal("tokens", tokens, legal=legal, step="Put a single text into a list: [text].")
        prompts = []
        for number, prompt in enumerate(tokens):
            try:
                prompts.append(checked_tokens(one_sequence(self, prompt), self.config))
            except ValueError as error:
                raise ValueError(f"Prompt {number}: {error}") from error
        return prompts


def checked_choice(temperature: object, top_k: object, seed: object, *, d_vocab: int) -> Choice:
    """Return how tokens are chosen, or refuse numbers that no choice can be made by.

    Args:
        temperature: 0, or a finite number above it.
        top_k: 1 to d_vocab, or None for d_vocab.
        seed: any that torch takes.
        d_vocab: how many tokens there are.

    Raises:
        ValueError: for anything else.

    Example:
        >>> checked_choice(0.7, None, 0, d_vocab=64)
        Choice(temperature=0.7, top_k=64, seed=0)
        >>> checked_choice(-1, None, 0, d_vocab=64)
        Traceback (most recent call last):
        ValueError: temperature is -1; legal: finite numbers >= 0. 0 takes the likeliest token at every step.
    """
    number = as_number(temperature)
    if number is None or not 0 <= number < math.inf:
        step = "0 takes the likeliest token at every step."
        raise refusal("temperature", temperature, legal="finite numbers >= 0", step=step)
    most = d_vocab if top_k is None else whole("top_k", top_k, least=1, most=d_vocab)
    return Choice(number, most, whole("seed", seed, least=-(2**63), most=2**64 - 1))


def _checked_stop(stop: object, d_vocab: int) -> list[int]:
    """Return the token ids that end a continuation, or refuse what is no list of ids."""
    if not isinstance(stop, list | tuple | set | frozenset):
        raise refusal("stop", stop, legal="a list of token ids", step="Put a single id into a list: [id].")
    return [whole("a token id in stop", each, least=0, most=d_vocab - 1) for each in stop]


def _by_length(prompts: list[Tokens]) -> dict[tuple[int, ...], Tokens]:
    """Return the prompts of each length as a batch, by the numbers of its rows."""
    rows_of: dict[int, list[int]] = {}
    for row, prompt in enumerate(prompts):
        rows_of.setdefault(prompt.shape[1], []).append(row)
    return {tuple(rows): torch.cat([prompts[row] for row in rows]) for rows in rows_of.values()}
