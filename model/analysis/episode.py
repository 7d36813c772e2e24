"""Put one needle episode before a model: its greedy answer beside the hidden value, and its trace."""

from __future__ import annotations

import pandas as pd
import torch
import xarray as xr

from data import Episodes
from model.network.capture import capture
from model.network.network import SISAModel


def answers(model: SISAModel, episode: Episodes) -> pd.DataFrame:
    """Return the greedy answer of a model beside the value that was hidden, as a table of one row.

    Args:
        model: one that knows the episode's vocabulary; without a tokenizer the answer is token ids.
        episode: the first of them counts.

    Returns:
        hidden, said, tokens (the length of the episode) and depth (where the needle lies, 0 to 1).

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig, SISAModel
        >>> task = NIAHTask(lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> answers(model, task.build(0, n_episodes=1)).columns.tolist()
        ['hidden', 'said', 'tokens', 'depth']
    """
    line = episode.knobs.iloc[0]
    start, stop = int(line.answer_start), int(line.answer_stop)
    prompt = torch.as_tensor(episode.tokens[:1, :start], device=model.device)
    said = model.generate(prompt, max_new_tokens=stop - start)[0, start:].tolist()
    text = model.tokenizer.decode(said) if model.tokenizer else " ".join(map(str, said))
    row = {"hidden": line.value, "said": text.strip()}
    return pd.DataFrame([row | {"tokens": line.context_length, "depth": round(line.actual_depth, 2)}])


def capture_episode(model: SISAModel, episodes: Episodes, *, index: int = 0) -> xr.Dataset:
    """Return the trace of one episode with its needle, value, query and answer marked as spans.

    Padding is left out, so the trace is as long as the episode itself.

    Args:
        model: one that knows the episodes' vocabulary.
        episodes: of one build.
        index: which of them.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig, SISAModel
        >>> task = NIAHTask(lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> trace = capture_episode(model, task.build(0, n_episodes=1))
        >>> trace.sizes["position"], trace.sisa.spans["answer"]
        (16, (15, 16))
    """
    length = int(episodes.knobs["context_length"].iloc[index])
    return capture(model, episodes.tokens[index, :length], spans=episodes.spans(index))
