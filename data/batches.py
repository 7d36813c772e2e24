"""Training batches as a pure function of (seed, step): no state to save, none to restore."""

from dataclasses import dataclass
from functools import cached_property
from math import floor
from typing import Any

import numpy as np

from data.memory import MOST_SEED, check_memory
from data.niah.episodes import IGNORED
from data.niah.task import NIAHTask
from data.refusal import as_number, refusal, whole
from data.text.corpus import TokenCorpus

DEFAULT_EPISODE_FRACTION = 0.25
BYTES_A_TOKEN = 40  # int64 five times: tokens and labels, and of episodes their row, tokens and labels


@dataclass(frozen=True, kw_only=True)
class TrainingBatches:
    """Rows of running corpus text, rows of needle episodes, or both.

    The batch of a step depends on seed and step alone. A training that was interrupted goes on with the
    batches that it would have had, and two architectures of one seed see the same ones.

    Args:
        task: episodes of split "train"; their rows have labels on the answer only.
        corpus: text; its rows have labels everywhere, and come from its training part.
        batch_size: rows of a batch.
        n_ctx: tokens of a row; the task's longest context by default.
        episode_fraction: share of rows that are episodes, 0 to 1, met exactly over many steps; by default
            1 without a corpus, 0 without a task, else 0.25.

    Raises:
        ValueError: for a field that cannot be used, or a task and a corpus of different tokenizers.

    Example:
        >>> from data import NIAHTask, TrainingBatches
        >>> batches = TrainingBatches(task=NIAHTask(lengths=(16,)), batch_size=4)
        >>> tokens, labels = batches.build(seed=0, step=7)
        >>> again, _ = batches.build(seed=0, step=7)
        >>> tokens.shape, bool((tokens == again).all()), int((labels[0] != -100).sum())
        ((4, 16), True, 1)
    """

    task: NIAHTask | None = None
    corpus: TokenCorpus | None = None
    batch_size: int
    n_ctx: int | None = None
    episode_fraction: float | None = None

    def __post_init__(self):
        if self.task is None and self.corpus is None:
            raise refusal(
                "task and corpus",
                None,
                legal="a NIAHTask, a TokenCorpus, or both",
                step="Pass at least one of them.",
            )
        for name, value, kind in (("task", self.task, NIAHTask), ("corpus", self.corpus, TokenCorpus)):
            if value is not None and not isinstance(value, kind):
                step = f"Make one with {kind.__name__}, or leave {name} out."
                raise refusal(name, value, legal=f"a {kind.__name__} or None", step=step)
        object.__setattr__(self, "batch_size", whole("batch_size", self.batch_size, least=1))
        object.__setattr__(self, "n_ctx", self._width())
        object.__setattr__(self, "episode_fraction", self._fraction())
        n_bytes = self.batch_size * self.width * BYTES_A_TOKEN
        check_memory("batch_size", self.batch_size, n_bytes=n_bytes, step="Take fewer or shorter rows.")
        self._check_pair()

    def build(self, seed: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the batch of one step: tokens and labels, both int64 [batch, position].

        Labels are -100 where there is no loss. They are not shifted: the model compares its output at
        position t with the label at t + 1.

        Args:
            seed: a whole number from 0 to 2⁶⁴ - 1.
            step: a whole number from 0 to 2⁶⁴ - 1.
        """
        seed = whole("seed", seed, least=0, most=MOST_SEED)
        rng = np.random.default_rng([seed, whole("step", step, least=0, most=MOST_SEED)])
        n_episodes = self._episodes_before(step + 1) - self._episodes_before(step)
        tokens = np.zeros((self.batch_size, self.width), np.int64)
        labels = np.full_like(tokens, IGNORED)
        rows = rng.permutation(self.batch_size)
        if n_episodes:
            self._put_episodes(tokens, labels, rows[:n_episodes], seed=int(rng.integers(1 << 63)))
        for row in rows[n_episodes:]:
            tokens[row] = labels[row] = self._text(rng)
        return tokens, labels

    def spec(self) -> dict[str, Any]:
        """Return the plain fields, ready for JSON; the task's spec and the corpus' hash stand for both."""
        return {
            "task": self.task.spec() if self.task else None,
            "corpus_sha256": self.corpus.sha256 if self.corpus else None,
            "batch_size": self.batch_size,
            "n_ctx": self.n_ctx,
            "episode_fraction": self.episode_fraction,
        }

    @property
    def width(self) -> int:
        """Tokens of a row."""
        return self.n_ctx or 0

    @property
    def d_vocab(self) -> int:
        """Vocabulary size that a model needs."""
        source = self.task or self.corpus
        return source.d_vocab if source else 0

    def _put_episodes(self, tokens: np.ndarray, labels: np.ndarray, rows: np.ndarray, *, seed: int) -> None:
        """Write one episode into each of `rows` of both arrays."""
        assert self.task is not None
        episodes = self.task.build(seed, n_episodes=len(rows))
        stop = episodes.tokens.shape[1]
        tokens[rows, :stop] = episodes.tokens
        tokens[rows, stop:] = episodes.pad_id
        labels[rows, :stop] = episodes.labels

    def _text(self, rng: np.random.Generator) -> np.ndarray:
        """Return one row of training text, from anywhere in it."""
        text = self._train_text
        start = rng.integers(len(text) - self.width + 1)
        return text[start : start + self.width]

    def _episodes_before(self, step: int) -> int:
        """Return the number of episode rows in all batches before a step.

        A batch gets the difference of two of these, so that rounding never adds up: with 5 rows and a
        fraction of 0.3 the batches have 1, 2, 1, 2, … episodes, 1.5 on average.
        """
        # Without the last term a product that should be whole could fall below it: 100 × 0.29 is
        # 28.999999999999996 in float64, and its floor 28.
        return floor(step * self.batch_size * (self.episode_fraction or 0.0) + 1e-9)

    @cached_property
    def _train_text(self) -> np.ndarray:
        return np.empty(0) if self.corpus is None else self.corpus.split("train")

    def _width(self) -> int:
        """Return the tokens of a row; ValueError if episodes or text do not fit."""
        longest = self.task.max_length if self.task else 1
        if self.n_ctx is None and self.task is None:
            raise refusal("n_ctx", None, legal="whole numbers >= 1", step="Give the tokens of a row.")
        width = whole("n_ctx", longest if self.n_ctx is None else self.n_ctx, least=1)
        if width < longest:
            raise refusal(
                "n_ctx",
                width,
                legal=f"whole numbers >= {longest}, the task's longest context",
                step="Lengthen the rows or shorten the task.",
            )
        if self.corpus is not None and width > len(self._train_text):
            raise refusal(
                "n_ctx",
                width,
                legal=f"1 to {len(self._train_text)}, the corpus' training tokens",
                step="Shorten the rows or use a larger corpus.",
            )
        return width

    def _fraction(self) -> float:
        """Return the share of episodes; ValueError if it needs what was not passed."""
        default, least, most = DEFAULT_EPISODE_FRACTION, 0, 1
        if self.corpus is None:
            default, least = 1.0, 1
        elif self.task is None:
            default, most = 0.0, 0
        given = default if self.episode_fraction is None else self.episode_fraction
        fraction = as_number(given)
        if fraction is None or not least <= fraction <= most:
            legal = f"{least} to {most}" if least < most else f"{most}"
            raise refusal(
                "episode_fraction",
                given,
                legal=f"{legal} with what was passed",
                step="0 is corpus text alone, 1 episodes alone.",
            )
        return fraction

    def _check_pair(self) -> None:
        """Refuse held-out episodes, and episodes of another tokenizer than the corpus'."""
        if self.task is not None and self.task.split != "train":
            raise refusal(
                "task.split", self.task.split, legal="'train'", step="Held-out episodes are for evaluation."
            )
        if self.task is None or self.corpus is None:
            return
        theirs = self.task.tokenizer.to_str() if self.task.tokenizer else "no tokenizer (synthetic ids)"
        if theirs != self.corpus.tokenizer_json:
            raise refusal(
                "task.tokenizer",
                theirs,
                legal="the tokenizer of the corpus",
                step="Build the task with tokenizer=corpus.tokenizer.",
            )
